// Tapes for people: as the `tape` of a scenario file, and printed decision by decision.
//
// Who uses it: `keelson sim` and the shrinker, for scenarios that bring their own decisions; `keelson tape print`. Not
// here: .ktape files (tape_file.h), or what decisions mean (tape.h).
#pragma once

#include <iosfwd>

#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/tape_file.h"

namespace keelson::sim {

// Sites must be known, which the rules of scenario files see to.
SparseTape tape_of(const pb::TapeText& text);
pb::TapeText text_of(const SparseTape& tape);

// Where the decisions of a run come from: the file's tape, if it has one, else the seed.
TapeSource source_of(const pb::Scenario& scenario, u64 seed);

struct TapePrint {
  std::string stream;  // of these only, by name or its beginning; empty: all
  bool quiet = false;  // also decisions that are 0
  bool decisions = true;
};
// What it was recorded from, how that ended, a line per stream, then a line per decision: stream, site, n, value.
void print_tape(std::ostream& out, const TapeFile& file, const TapePrint& what);

}  // namespace keelson::sim
