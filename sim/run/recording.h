// A run as a tape file: what it was told to do, every decision of it, and how it ended.
//
// Who uses it: `keelson sim --tape`, replay, the shrinker. Not here: running (run.h), the file's format (tape_file.h).
#pragma once

#include "keelson/sim/run/verdict.h"
#include "keelson/sim/scenario.h"
#include "keelson/sim/tape_file.h"

namespace keelson::sim {

// A complete recording of a run that is over; `tape` was made with Recording::on.
TapeFile recording_of(const pb::Scenario& resolved, const Tape& tape, const RunReport& report);

enum class ReplayKind : u8 {
  strict,  // a complete recording by a build that decides the same things: every draw must be the one recorded
  loose    // anything else: by address; what is missing is quiet or drawn from the base
};
ReplayKind replay_kind(const TapeFile& file);
TapeSource source_of(const TapeFile& file);

// What a replay came to, beside the recorded run.
enum class Reproduced : u8 { yes, no, other_failure, not_known };
Reproduced compare(const TapeFile& file, const RunReport& report);
const char* name_of(Reproduced reproduced);

}  // namespace keelson::sim
