// Promises: at the instant a message leaves a node, everything it promises must be durable there, by the bytes that the
// disk confirmed (docs/protocol.md, "what waits for what"). Finds a broken promise at its cause, not at the loss.
#pragma once

#include "keelson/sim/check/checker.h"
#include "keelson/sim/check/log_watch.h"

namespace keelson::sim {

class Promises final : public Checker {
 public:
  Promises(World& world, const LogWatch& logs) : Checker(world, "promises"), logs_(logs) {}
  void on_turn(const TurnSeen& seen) override;

 private:
  void check_prepare_ok(NodeId node, const PrepareOk& ok);
  void expect_promise(NodeId node, const Header& header, View log_view, const char* what);

  const LogWatch& logs_;
};

}  // namespace keelson::sim
