// One run: a resolved scenario and a tape go in, a report comes out.
//
// Who uses it: `keelson sim`, `keelson replay`, tests. The order of a run: warm-up, the scenario's phases, then (tail
// FULL) heal, liveness, drain, quiet, and the checks at the end. Nothing outside of the tape decides anything. Not
// here: several runs (campaign.h), files (scenario.h).
#pragma once

#include <functional>

#include "keelson/sim/run/verdict.h"
#include "keelson/sim/scenario.h"
#include "keelson/sim/trace.h"

namespace keelson::sim {

struct RunProgress {
  u64 events = 0;
  u64 virtual_ns = 0;
  u64 virtual_ns_planned = 0;  // of warm-up and phases; the tail takes what it takes
  std::string phase;
};

class RunCluster;
class Simulation;

// From an event on, a run goes on with the decisions of another seed: one of the many ways in which it could have.
struct Fork {
  u64 event = 0;
  u64 seed = 0;
};

struct RunOptions {
  std::string again = {};  // the command that does this run once more, for `reproduce`
  u64 seed = 0;
  TraceSink* trace = nullptr;
  std::function<void(const RunProgress&)> progress = {};  // may be empty, like the two below
  u64 until_event = 0;                                    // 0: to the end; else the run is left after so many, unjudged
  std::function<void(RunCluster&)> prepare = {};  // before anything happens: whoever wants to watch or check more
  std::function<void(RunCluster&)> look = {};     // after the last event
  std::optional<Fork> fork = {};                  // not of a strict replay
  const Simulation* own = nullptr;                // of a machine of one's own, which the scenario was adopted for
};

// "3 replicas, 4 clients, tiny limits"
std::string shape_of(const pb::Scenario& scenario);

// The scenario must be resolved. A diverging tape (strict replay) is reported as nondeterministic.
RunReport run_scenario(const pb::Scenario& scenario, Tape& tape, const RunOptions& options);

}  // namespace keelson::sim
