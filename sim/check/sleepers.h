// Sleepers: a backup sleeps only with all of its log applied, and while its primary knows that it may sleep. That a
// sleeper wakes when its primary is gone is liveness: its group has no primary else (run/liveness.h).
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
  void see_sleeper(const GroupView& view, NodeId node);

  std::map<GroupId, std::map<NodeId, Lead>> leads_;  // who acts as primary now, or did when it crashed
};

}  // namespace keelson::sim
