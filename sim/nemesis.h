// Nemesis: the random faults of a phase: when they strike, whom, and for how long. All of it is drawn from stream
// nemesis.
//
// Who uses it: phases begin and end it. A drawn 0 means that a fault stays away this time, so a quiet tape is a
// peaceful run. What it broke it also mends: partitions are lifted, paused nodes resume, crashed ones restart. Not
// here: scripted steps (steps.h), rates per message or write (settings.h).
#pragma once

#include <optional>
#include <vector>

#include "keelson/sim/cut.h"
#include "keelson/sim/damage_budget.h"
#include "keelson/sim/mark_watch.h"
#include "keelson/sim/scenario.h"

namespace keelson::sim {

class Nemesis final : public Task, private Observer {
 public:
  // `budget` and `marks` outlive it.
  Nemesis(World& world, Roles& roles, const DamageBudget& budget, const MarkWatch& marks);

  // The faults of a phase, instead of those before. What went wrong for the length of the former phase is mended.
  void begin(const PhaseFaults& faults);
  // No new faults. Partitions are lifted, paused nodes resumed; crashed ones restart when their time comes.
  void end();
  // As end(), and everything that this has crashed is started at once, except the nodes that are let down for ever.
  void mend(const std::vector<NodeId>& except);

  void on_time(u64 token) override;

 private:
  enum class What : u8 {
    cut,
    uncut,
    flap,
    crash,
    crash_at_mark,
    restart,
    crash_in_boot,
    pause,
    resume,
    power_cut,
    power_off,
    client_crash,
    client_restart,
    clock_step,
    stall,
    rot,
    wipe,
    stale
  };
  struct Armed {
    u64 token = 0;
    EventRef event;
    bool blank = false;  // the fault stays away this time
  };

  static u64 token(What what, u64 index) { return u64{static_cast<u8>(what)} << 32 | index; }
  void arm(What what, u64 index, Duration after);
  void arm_next(What what, u64 index, u64 mean_ms);  // an exponential time from now, or nothing after a mean of it
  void repeat(What what, u64 index);
  Duration draw_length(u64 mean_ms);
  void disarm(What what);
  bool armed_for(What what) const;

  void begin_cut();
  void end_cut();
  void flap();
  void crash(u64 index);
  void on_turn(const TurnSeen& turn) override;
  bool strikes_at_marks();
  bool names(NodeId node);  // as one whose crashes the phase wants
  void crash_node(NodeId node, bool in_turn = false);
  void restart(NodeId node);
  void crash_in_boot(NodeId node);
  void pause_one();
  void power_cut();
  void client_crash(u64 client);
  void client_restart(u64 client);
  void step_clock();
  void stall_shard();
  void rot(NodeId node);
  void wipe(NodeId node);
  void stale(NodeId node);
  void put_in(NodeId node, void (World::*disks)(NodeId));
  std::vector<NodeId> damaged_nodes();
  void protect_sound_disks();
  void apply_to_some_nodes(const PhaseFaults& faults);

  World& world_;
  Roles& roles_;
  const DamageBudget& budget_;
  const MarkWatch& marks_;
  const Stream stream_;
  PhaseFaults faults_;
  std::vector<Mark> at_marks_;  // of its crashes
  std::optional<Cut> cut_;
  std::vector<u32> boot_crashes_;  // in a row, by node
  std::vector<bool> paused_;       // by this, by node
  std::vector<Armed> armed_;       // few: searched linearly
};

}  // namespace keelson::sim
