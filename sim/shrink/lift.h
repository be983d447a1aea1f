// Lift: the crashes, pauses and partitions that chance brought into a run as steps of a script, which say what happens
// and need no luck.
//
// Who uses it: the shrinker tries what comes of it. A script outlives changes of the code that move decisions; a tape
// often doesn't. Times are those of the run, in whole milliseconds. Not here: faults of single messages or writes,
// which stay decisions.
#pragma once

#include <optional>
#include <vector>

#include "keelson/sim/scenario.h"
#include "keelson/sim/trace.h"

namespace keelson::sim {

class FaultLog final : public TraceSink {
 public:
  enum class Kind : u8 { crash, pause, cut };
  struct Entry {
    Kind kind{};
    NodeId node;     // not of a cut
    u64 how = 0;     // of a crash or cut: its kind, as in trace records
    Digest links{};  // of a cut
    u64 from_ns = 0;
    u64 to_ns = 0;  // 0: to the end
  };
  void write(const TraceRecord& record) override;
  const std::vector<Entry>& entries() const { return entries_; }
  u64 start_ns() const { return start_ns_; }  // of the first phase, from which steps count

 private:
  void over(Kind kind, NodeId node, u64 at_ns);

  std::vector<Entry> entries_;
  u64 start_ns_ = 0;
};

// The scenario without random crashes, pauses, power cuts and partitions, but with the steps; nothing if there are
// none, or more than anybody would read. Partitions that are none of two sides stay random, all of them.
std::optional<pb::Scenario> lifted(const pb::Scenario& plain, const FaultLog& log);

// The same script, begun so many milliseconds after the first phase begins; its intervals stay.
pb::Scenario begun_at(const pb::Scenario& plain, u64 at_ms);

}  // namespace keelson::sim
