// Candidate: what a shrinker tries: a scenario and the decisions to run it with.
//
// Who uses it: the oracle runs candidates, the passes make smaller ones. The scenario is as a file would have it: no
// swarm, no tape of its own, and nothing said that is so anyway. Not here: which one is better (shrinker.h).
#pragma once

#include "keelson/sim/run/recording.h"
#include "keelson/sim/run/run.h"

namespace keelson::sim {

struct Candidate {
  pb::Scenario scenario;
  SparseTape tape;

  u64 entries() const;  // decisions that the tape names
};

// Equal ones run equally.
Digest fingerprint(const Candidate& candidate);

// The run is cut off, inconclusive, after so many events; 0: as the scenario says.
RunReport run(const Candidate& candidate, u64 events_max, RunOptions options);
struct Recorded {
  RunReport report;
  std::vector<RecordedStream> streams;
};
Recorded run_recording(const Candidate& candidate, RunOptions options);

// The decisions of a run that were not quiet. Over a quiet base they are the whole run.
SparseTape nonquiet_of(const Recorded& recorded);

// Leaves out of a resolved scenario what resolving it writes back.
pb::Scenario without_defaults(const pb::Scenario& resolved);

// The loader would take it.
bool is_sound(const pb::Scenario& scenario);

// What a shrunk file says: the scenario with the tape inside.
pb::Scenario with_tape(const Candidate& candidate);

}  // namespace keelson::sim
