// What a scenario's check_off can leave out of the judgement: one name for each checker that every run has.
//
// Who uses it: the rules of scenario files (is this a name?), the runner (is this one on?). A checker that is off still
// watches, for others build on what it sees; it just fails nothing. Not here: what they check (check/, run/liveness.h).
#pragma once

#include <string>
#include <vector>

#include "keelson/sim/scenario.pb.h"

namespace keelson::sim {

#define KEELSON_SIM_CHECKERS(X) \
  X(commits) X(promises) X(evidence) X(replay) X(linearizable) X(sleepers) X(invariants) X(liveness)

enum class Checked {
#define X(name) name,
  KEELSON_SIM_CHECKERS(X)
#undef X
};

bool is_on(const pb::Scenario& scenario, Checked what);
std::vector<std::string> checkers_on(const pb::Scenario& scenario);
const std::vector<std::string>& checker_names();

}  // namespace keelson::sim
