// Regression files: a shrunk failure as a scenario that people read, run and keep.
//
// Who uses it: `keelson shrink`. On top a comment: what failed, where it was found, what happened, the command. Then
// the scenario, a line per field, and its tape, a line per decision. Not here: shrinking.
#pragma once

#include "keelson/sim/shrink/shrinker.h"

namespace keelson::sim {

struct RegressionNotes {
  std::string found_by;  // "smoke/default, seed 7, keelson 0.1.0 (3004404)"
  std::string command;   // that runs the file
  std::vector<std::string> story;
};

std::string regression_text(const ShrinkResult& result, const RegressionNotes& notes);

// A scenario as a file would have it; the same as print(), for people.
std::string print_short(const pb::Scenario& scenario);

}  // namespace keelson::sim
