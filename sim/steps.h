// Steps: the script of a scenario: at an instant, or when something has come true, do this; after a while undo it.
//
// Who uses it: the runner makes one per run. What is chosen while a step happens (who is the primary, which side) is
// drawn from stream nemesis. A step happens once, at the end of the event in which its condition came true. Not here:
// random faults (nemesis.h), or judging what came of it.
#pragma once

#include <functional>
#include <vector>

#include "keelson/sim/cut.h"
#include "keelson/sim/mark_watch.h"

namespace keelson::sim {

class Steps final : public Observer, private Task {
 public:
  // `marks` outlives it.
  Steps(World& world, Roles& roles, const pb::Scenario& scenario, const MarkWatch& marks);

  void begin();  // from now on, and times count from here
  // Lifts partitions and filters, resumes; what was crashed is the nemesis's to start.
  void mend();
  void on_turn(const TurnSeen& turn) override;

  std::size_t waiting() const { return waiting_; }  // steps that have not happened

 private:
  struct Script {
    pb::Step step;
    bool done = false;
    u32 times = 0;          // it happened
    NodeId here = no_node;  // where its condition came true
    std::vector<std::function<void()>> undo;
  };
  void on_time(u64 token) override;
  bool holds(const pb::When& when, const TurnSeen& turn) const;
  bool reaches(const pb::When& when) const;
  void perform(std::size_t index);
  void perform(Script& script, const pb::Do& action);
  void crash(Script& script, const pb::Do::CrashNode& crash);
  void drop(Script& script, const pb::Do::Drop& drop);
  void power_cut(const pb::PowerCut& cut);
  void cut(Script& script, const pb::Do::Cut& cut);
  void step_clocks(const pb::Do::ClockStep& step);
  void heal();

  static constexpr u64 undo_token = u64{1} << 32;
  static constexpr u64 power_off_token = u64{1} << 33;
  static constexpr u64 power_on_token = u64{1} << 34;

  World& world_;
  Roles& roles_;
  const MarkWatch& marks_;
  const Stream stream_;
  std::vector<Script> scripts_;
  std::vector<std::unique_ptr<Cut>> cuts_;
  std::vector<Network::FilterId> filters_;
  std::size_t waiting_ = 0;
  std::size_t watching_ = 0;  // of them, those with a condition that may come true
  bool begun_ = false;
};

}  // namespace keelson::sim
