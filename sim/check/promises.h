// Promises: at the instant a message leaves a node, everything it promises must be durable there, by the bytes that the
// disk confirmed (docs/protocol.md, "what waits for what"). And an op that anybody applies must have been stored by a
// replication quorum. Finds a broken promise at its cause, not at the loss.
#pragma once

#include "keelson/sim/check/checker.h"
#include "keelson/sim/check/log_watch.h"

namespace keelson::sim {

class Promises final : public Checker {
 public:
  Promises(World& world, const LogWatch& logs) : Checker(world, "promises"), logs_(logs) {}
  void on_turn(const TurnSeen& seen) override;

 private:
  void check_commits(const TurnSeen& seen);
  void check_prepare_ok(NodeId node, const PrepareOk& ok);
  void expect_promise(NodeId node, const Header& header, View log_view, const char* what);

  const LogWatch& logs_;
  std::map<GroupId, Op> committed_;  // checked up to here
};

}  // namespace keelson::sim
