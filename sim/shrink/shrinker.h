// Shrinker: from a run that failed to the smallest one that fails in the same way: same verdict, checker, invariant.
//
// Who uses it: `keelson shrink`, tests. First the scenario is made simpler (edits, each with the decisions as they are,
// then with a few fresh seeds), then the decisions: over a quiet base, as few as possible, then smaller ones. The
// scenario comes first because that makes every later run cheaper. Not here: telling what happened (story.h), files
// (regression_file.h).
#pragma once

#include "keelson/sim/shrink/oracle.h"

namespace keelson::sim {

struct ShrinkProgress {
  const char* pass = "";
  u64 runs = 0;
  u64 events = 0;  // of the best so far
  u64 events_before = 0;
  u64 spent_ppm = 0;  // of the budget
};

struct ShrinkConfig {
  Candidate start;  // the scenario resolved
  OracleLimits limits;
  std::function<void(RunCluster&)> prepare;  // of every run; may be empty, as the next two
  std::function<bool()> interrupted;
  std::function<void(const ShrinkProgress&)> progress;
  const Simulation* own = nullptr;                       // of every run
  std::function<bool(const Candidate&)> condition = {};  // what else must hold of what is taken; may be empty
};

struct ShrinkResult {
  std::string signature;  // empty: the run didn't fail, and nothing else is set but `before`
  RunReport before;
  RunReport after;
  Candidate best;
  u64 nonquiet_before = 0;  // decisions
  u64 nonquiet_after = 0;
  u64 runs = 0;
  bool finished = false;  // nothing smaller was found any more; else the budget ended it
};

ShrinkResult shrink(const ShrinkConfig& config);

// "commits.agreement" as a file's stem that no other signature has.
std::string regression_name(const std::string& signature);

}  // namespace keelson::sim
