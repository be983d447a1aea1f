// Story: a run in at most ten lines: who crashed, what was lost, who became primary, what was wrong in the end.
//
// Who uses it: shrunk scenarios, as a comment. It watches one run (attach() from RunOptions::prepare, itself as the
// trace sink) and keeps what happened to the cluster, not what the cluster does all day. Not here: a trace of all
// events
// (--trace).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keelson/sim/network.h"
#include "keelson/sim/observer.h"
#include "keelson/sim/run/verdict.h"
#include "keelson/sim/shrink/candidate.h"
#include "keelson/sim/trace.h"

namespace keelson::sim {

class RunCluster;

class Story final : public TraceSink, public Observer {
 public:
  static constexpr std::size_t lines_max = 10;

  void attach(RunCluster& cluster);
  void write(const TraceRecord& record) override;
  void on_turn(const TurnSeen& turn) override;

  // The failure is the last line, or what clients saw, where it is about that. What doesn't fit is counted in the first
  // one.
  std::vector<std::string> tell(const RunReport& report) const;

 private:
  struct Line {
    u64 at_ns = 0;
    std::string what;  // the same again at once is counted, not told twice
    std::string text;
    u64 count = 1;
  };
  void add(u64 at_ns, const std::string& what, const std::string& text);
  void add_loss(const TraceRecord& record);
  void add_damage(const TraceRecord& record);
  std::string name_of_unit(u64 raw) const;

  Population population_;
  std::vector<Line> lines_;
  std::map<std::pair<u64, std::string>, u64> views_;  // by group: the newest with a primary
  u64 applied_ = 0;                                   // of the newest op anywhere
};

// The story of a candidate that ends so, from a run of it in a process of its own.
std::vector<std::string> story_of(const Candidate& candidate, const RunReport& report, RunOptions options);

}  // namespace keelson::sim
