#include "keelson/sim/simulation.h"

#include <algorithm>

namespace keelson::sim {
namespace {

std::string names_of(const Simulation& own) {
  std::string names;
  for (const auto& workload : own.workloads()) names += (names.empty() ? "\"" : ", \"") + workload.name + "\"";
  return names;
}

std::vector<Problem> problem(const std::string& file, int workload, const std::string& what, const std::string& got,
                             const std::string& expected, const std::string& hint = {}) {
  return {{file, {}, "SCN_WORKLOAD", "workload[" + std::to_string(workload) + "]" + what, got, expected, hint}};
}

}  // namespace

const OwnWorkload* Simulation::find(const std::string& workload) const {
  const auto at = std::find_if(workloads_.begin(), workloads_.end(),
                               [&](const OwnWorkload& known) { return known.name == workload; });
  return at == workloads_.end() ? nullptr : &*at;
}

std::vector<Problem> adopt(pb::Scenario& scenario, const std::string& file, const Simulation* own) {
  if (own && scenario.workload().empty()) scenario.add_workload()->mutable_own();
  for (int i = 0; i < scenario.workload_size(); ++i) {
    pb::Workload& workload = *scenario.mutable_workload(i);
    if (workload.has_idle()) continue;
    if (!own) {
      if (workload.has_own())
        return problem(file, i, ".own: is brought by a program with a machine of its own", "own",
                       "the program that the scenario is of", "this one simulates keelson's own machines");
      continue;
    }
    if (workload.has_kv())
      return problem(file, i, ": is of another machine than `" + own->own_machine().name + "`", "kv",
                     "own { name: " + names_of(*own) + " }");
    pb::Own& wanted = *workload.mutable_own();
    if (!wanted.has_name()) wanted.set_name(own->workloads().front().name);
    if (!own->find(wanted.name()))
      return problem(file, i, ".own.name: no such workload", wanted.name(), names_of(*own));
  }
  return {};
}

}  // namespace keelson::sim
