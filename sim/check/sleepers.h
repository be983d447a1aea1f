// Sleepers: a backup sleeps only with all of its log applied, while its primary knows that it may sleep, and under the
// beats of the life of a node in which it fell asleep. That a sleeper wakes when there are none is liveness: its group
// has no primary else (run/liveness.h).
#pragma once

#include <map>

#include "keelson/sim/check/checker.h"

namespace keelson::sim {

class Sleepers final : public Checker {
 public:
  explicit Sleepers(World& world) : Checker(world, "sleepers") {}
  void on_turn(const TurnSeen& seen) override;
  void on_start(HostId host, u32 boot) override;

 private:
  struct Lead {
    View view;
    Votes drowsy;
  };
  // Under whose beats a backup fell asleep.
  struct Sleep {
    NodeId primary = no_node;
    Incarnation incarnation;  // of its life then
    Instant overdue = Instant::never();
  };
  void hear(const TurnSeen& seen);
  void see_sleeper(const TurnSeen& seen, const GroupView& view);
  void check_woken(const TurnSeen& seen, const GroupView& view);

  std::map<GroupId, std::map<NodeId, Lead>> leads_;  // who acts as primary now, or did when it crashed
  std::map<std::pair<NodeId, GroupId>, Sleep> sleeps_;
  using Ear = std::pair<std::pair<NodeId, ShardId>, NodeId>;  // each shard of a node has lives of its own
  std::map<Ear, Incarnation> heard_;                          // by whom, of whom: the newest
};

}  // namespace keelson::sim
