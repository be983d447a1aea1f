// Linearizable: what clients of a map were told must fit one order, in which each call took effect once, between its
// start and its answer. Looks at the history and at nothing else: a check apart from replay, which believes the log.
#pragma once

#include "keelson/sim/check/checker.h"
#include "keelson/sim/check/linear_parts.h"
#include "keelson/sim/history.h"

namespace keelson::sim {

class Linearizable final : public Checker {
 public:
  Linearizable(World& world, const History& history) : Checker(world, "linearizable"), history_(history) {}
  // After the last event: an answer that is given later may explain one that was given before.
  void at_end() override;

 private:
  const History& history_;
};

}  // namespace keelson::sim
