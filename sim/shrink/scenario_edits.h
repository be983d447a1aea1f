// Scenario edits: every way to make a scenario a little simpler, the coarsest first.
//
// Who uses it: the shrinker tries them one after the other, again and again, until none is left that keeps the failure.
// Each takes something away or makes a number smaller, so this ends. Not here: trying them.
#pragma once

#include <string>
#include <vector>

#include "keelson/sim/run/verdict.h"
#include "keelson/sim/scenario.h"

namespace keelson::sim {

struct Edit {
  std::string what;  // "phase[1]", "cluster.replicas 2"
  pb::Scenario scenario;
};

// `plain` as without_defaults() has it. Some results may be no sound scenarios.
std::vector<Edit> edits_of(const pb::Scenario& plain);

// More of the same faults, each at ten times its rate: not simpler, but the failure may come sooner.
std::vector<Edit> louder_edits_of(const pb::Scenario& plain);

// What can go without a trial: nothing after the failure happened, and a failure needs no expectations.
pb::Scenario cut_after(const pb::Scenario& plain, const Failure& failure);

}  // namespace keelson::sim
