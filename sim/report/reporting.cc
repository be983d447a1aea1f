#include "keelson/sim/report/reporting.h"

#include <ostream>

#include "keelson/sim/phases.h"
#include "keelson/sim/run/cluster.h"

namespace keelson::sim {
namespace {

// As Phases makes them of the same scenario: records number them.
std::vector<std::string> phase_names(const pb::Scenario& scenario) {
  std::vector<std::string> names{name_of(PartKind::warm_up)};
  for (const auto& phase : scenario.phase()) names.push_back(phase.name());
  if (scenario.phase().empty()) names.emplace_back(name_of(PartKind::faults));
  for (const PartKind kind : {PartKind::liveness, PartKind::drain, PartKind::quiet}) names.emplace_back(name_of(kind));
  return names;
}

}  // namespace

void Reporting::watch(RunOptions& options, const pb::Scenario& resolved) {
  scenario_ = print(resolved);
  recorder_.pass_on(options.trace);
  options.trace = &recorder_;
  options.prepare = [this, then = options.prepare, names = phase_names(resolved)](RunCluster& cluster) {
    if (then) then(cluster);
    recorder_.attach(cluster, names);  // last: a violation that a checker finds in a turn belongs to that turn
  };
  options.look = [this, then = options.look](RunCluster& cluster) {
    recorder_.finish();
    if (then) then(cluster);
  };
}

bool Reporting::write_page(std::ostream& out, const RunReport& run, const std::string& build,
                           const std::string& again) {
  return static_cast<bool>((out << page_of(recorder_.timeline(), {run, build, again, scenario_})).flush());
}

}  // namespace keelson::sim
