// Promises: at the instant a message leaves a node, everything it promises must be durable there, by the bytes that the
// disk confirmed (docs/protocol.md, "what waits for what"). And an op that anybody applies must have been stored by a
// replication quorum; a checkpoint counts when the log up to its record is marked; and a process must speak under an
// incarnation that no earlier one used. Finds a broken promise at its cause, not at the loss.
#pragma once

#include "keelson/sim/check/checker.h"
#include "keelson/sim/check/log_watch.h"

namespace keelson::sim {

class Promises final : public Checker {
 public:
  Promises(World& world, const LogWatch& logs) : Checker(world, "promises"), logs_(logs) {}
  void on_turn(const TurnSeen& seen) override;
  void on_disk_replaced(HostId host, bool blank) override;

 private:
  void check_commits(const TurnSeen& seen);
  void check_losses(const TurnSeen& seen);
  void check_checkpoint(NodeId node, const GroupView& view);
  void check_prepare_ok(NodeId node, const PrepareOk& ok);
  void check_life(const TurnSeen& seen);
  void expect_promise(NodeId node, const Header& header, View log_view, const char* what);

  const LogWatch& logs_;
  std::map<GroupId, Op> committed_;                                   // checked up to here
  std::map<std::pair<NodeId, GroupId>, Digest> counted_checkpoints_;  // the newest that each said it has
  struct Life {
    u32 boot = 0;
    Incarnation incarnation;
  };
  std::map<std::pair<NodeId, ShardId>, Life> lives_;  // the newest that spoke
  // What a start found lost of a group's promises: a state_flag, in this life.
  std::map<std::pair<NodeId, GroupId>, std::pair<u32, u32>> lost_at_start_;
};

}  // namespace keelson::sim
