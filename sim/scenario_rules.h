// What must hold among several fields of a scenario: the second half of its checks, after types and ranges.
//
// Who uses it: scenario.cc. Each rule is one row of a table, with the code that its problems carry.
#pragma once

#include "keelson/sim/scenario.h"

namespace keelson::sim {

// Appends a problem for each broken rule, placed where the file says what breaks it. `stem`: what `name` must equal.
void check_rules(const pb::Scenario& scenario, const ProtoText& text, const std::string& stem, Problems& problems);

}  // namespace keelson::sim
