// Caretaker: starts nodes again that stopped by themselves, as the service manager of a real server would.
//
// Who uses it: the runner makes one per run. A shard stops when a write failed (poisoned) or its data can't be used
// (refused); the server then exits with the reason, and so does the node here. What is refused again and again is left
// for people to look at. Not here: what stopped it.
#pragma once

#include <vector>

#include "keelson/sim/world.h"

namespace keelson::sim {

class Caretaker final : public Observer, private Task {
 public:
  explicit Caretaker(World& world);
  void on_turn(const TurnSeen& seen) override;
  // Disks work again: what refused gets one more chance, and so does a group that was damaged for good.
  void try_again();

 private:
  struct Node {
    u32 refusals = 0;  // in a row
    u32 boot = 0;      // the life that stopped
    bool busy = false;
  };
  void on_time(u64 token) override;
  void stop(NodeId node);

  World& world_;
  std::vector<Node> nodes_;
};

}  // namespace keelson::sim
