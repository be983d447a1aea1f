#include "keelson/sim/check_off.h"

#include <algorithm>

namespace keelson::sim {

const std::vector<std::string>& checker_names() {
  static const std::vector<std::string> names{
#define X(name) #name,
      KEELSON_SIM_CHECKERS(X)
#undef X
  };
  return names;
}

std::vector<std::string> checkers_on(const pb::Scenario& scenario) {
  std::vector<std::string> on;
  for (std::size_t i = 0; i < checker_names().size(); ++i)
    if (is_on(scenario, static_cast<Checked>(i))) on.push_back(checker_names()[i]);
  return on;
}

bool is_on(const pb::Scenario& scenario, Checked what) {
  const auto& off = scenario.check_off();
  return std::find(off.begin(), off.end(), checker_names()[static_cast<std::size_t>(what)]) == off.end();
}

}  // namespace keelson::sim
