// MarkWatch: which rare cases of the kernel each turn has reached (kernel/base/marks.def).
//
// Who uses it: faults and steps that wait for one of them. A turn is seen before its effects are carried out, so a
// crash can come between what the kernel decided there and what became of it. Not here: the marks of a whole run
// (run/cluster.h).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "keelson/base/counters.h"
#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/world.h"

namespace keelson::sim {

class MarkWatch final : public Observer {
 public:
  // Off it sees nothing and costs nothing: on it looks at all marks after each turn.
  MarkWatch(World& world, bool on);

  void on_turn(const TurnSeen& turn) override;

  bool on() const { return on_; }
  std::span<const Mark> reached() const { return reached_; }  // by the turn that was seen last, each once
  u64 turns(Mark mark) const { return turns_[static_cast<std::size_t>(mark)]; }  // of the run that reached it, so far

 private:
  struct Life {
    u32 boot = 0;
    std::array<u64, Counters::mark_count> hits{};
  };
  const bool on_;
  std::vector<Life> lives_;  // by unit
  std::vector<Mark> reached_;
  std::array<u64, Counters::mark_count> turns_{};
};

bool waits_for_marks(const pb::Scenario& scenario);

// Of a name that the scenario's rules know.
Mark mark_named(const std::string& name);

}  // namespace keelson::sim
