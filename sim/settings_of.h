// From scenario messages to the plain numbers that the World runs on.
//
// Who uses it: phases, when one begins; the runner for a World's limits and tunables. Not here: faults that come and go
// (nemesis.h), defaults of the schema (scenario.proto).
#pragma once

#include "keelson/base/limits.h"
#include "keelson/sim/scenario.h"
#include "keelson/sim/settings.h"

namespace keelson::sim {

// Of all machines; where the scenario names some nodes only (disk, clock, turn), what it says of those.
Settings settings_of(const PhaseFaults& faults);

// A world where nothing goes wrong, and delays are short: warm-up and tail.
Settings calm_settings();

Limits limits_of(const pb::Cluster& cluster);
Tunables tunables_of(const pb::Cluster& cluster);

}  // namespace keelson::sim
