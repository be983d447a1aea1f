// The bank under RapidCheck: in no drawn scenario, and with no drawn tape, does money appear or disappear. RapidCheck
// shrinks what fails, and prints it as text for `bank sim`. RC_PARAMS="max_success=10000" for a long run.
#include "keelson/fuzz/gen/rapidcheck.h"

#include "bank.h"

namespace {

const sim::Simulation simulation = bank_simulation();

bool holds(const sim::pb::Scenario& resolved, sim::TapeSource source) {
  sim::Tape tape(std::move(source));
  const sim::RunReport report = sim::run_scenario(resolved, tape, {.own = &simulation});
  if (report.failure) RC_LOG() << report.failure->kind << ": " << report.failure->detail << "\n";
  return report.verdict != sim::Verdict::safety && report.verdict != sim::Verdict::nondeterministic;
}

}  // namespace

int main() {
  bool good = rc::check("no money appears or disappears, whatever goes wrong", [] {
    const auto scenario = *gen::scenarios_of(simulation);
    sim::Tape tape(sim::SeededTape{1});
    RC_ASSERT(holds(sim::resolve(scenario, {}, tape), sim::SeededTape{1}));
  });
  good &= rc::check("nor whatever is decided", [] {
    sim::Tape tape(sim::SeededTape{1});
    const auto scenario = sim::resolve(*gen::scenarios_of(simulation), {}, tape);
    RC_ASSERT(holds(scenario, *gen::tapes_of(scenario, 12, &simulation)));
  });
  return good ? 0 : 1;
}
