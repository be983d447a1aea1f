// The causal past of a violation, and what of a long timeline a report keeps.
//
// Who uses it: payload.h before it writes. Past: what the violating turn was given, who sent that, and what each of
// those knew from its own earlier turns, except those in which nothing was learned. Not here: recording.
#pragma once

#include "keelson/sim/report/timeline.h"

namespace keelson::sim {

// By row; all false without a violation.
std::vector<bool> causal_past(const Timeline& timeline);

// Leaves at most `rows_max` rows: half of them at most the newest of the past of a violation, the others the last ones
// up to the violation, or to the end. Nothing happens to a timeline that is short enough.
void cut_to(Timeline& timeline, std::size_t rows_max);

}  // namespace keelson::sim
