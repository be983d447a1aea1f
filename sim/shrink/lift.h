// Lift: the crashes and pauses that chance brought into a run as steps of a script, which say what happens and need no
// luck.
//
// Who uses it: the shrinker tries what comes of it. A script outlives changes of the code that move decisions; a tape
// often doesn't. Times are those of the run, in whole milliseconds. Not here: partitions and faults of single messages
// or writes, which stay decisions.
#pragma once

#include <vector>

#include "keelson/sim/scenario.h"
#include "keelson/sim/trace.h"

namespace keelson::sim {

class FaultLog final : public TraceSink {
 public:
  struct Entry {
    NodeId node;
    bool pause = false;  // else a crash
    bool power = false;
    u64 from_ns = 0;
    u64 to_ns = 0;  // 0: to the end
  };
  void write(const TraceRecord& record) override;
  const std::vector<Entry>& entries() const { return entries_; }
  u64 start_ns() const { return start_ns_; }  // of the first phase, from which steps count

 private:
  std::vector<Entry> entries_;
  u64 start_ns_ = 0;
};

// The scenario without random crashes, pauses and power cuts, but with the steps; nothing if there are none, or more
// than anybody would read.
std::optional<pb::Scenario> lifted(const pb::Scenario& plain, const FaultLog& log);

}  // namespace keelson::sim
