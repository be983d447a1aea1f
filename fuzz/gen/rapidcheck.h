// RapidCheck's generators of scenarios and tapes: what they draw is shrunk, and shown as text that `sim` runs.
//
// Who uses it: properties of ours and of embedders (docs/fuzzing.md): `const auto scenario = *gen::scenarios();`. A
// draw is RapidCheck's own, so a failure shrinks towards the plainest scenario and the shortest tape that still fail.
// Not here: how they are drawn (scenario.h, tape.h).
#pragma once

#include <ostream>
#include <rapidcheck.h>

#include "keelson/sim/simulation.h"

#include "scenario.h"
#include "tape.h"

namespace keelson::sim::pb {

inline void showValue(const Scenario& scenario, std::ostream& out) { out << "\n" << print(scenario); }

}  // namespace keelson::sim::pb

namespace keelson::sim {

inline void showValue(const SparseTape& tape, std::ostream& out) {
  pb::Scenario scenario;
  *scenario.mutable_tape() = text_of(tape);
  out << "\n" << print(scenario);
}

}  // namespace keelson::sim

namespace keelson::gen {

// Inside of a property or rc::gen::exec only. Evenly over the whole range, whatever the size of the test case is.
inline Draw rapidcheck_draw() {
  return [](u64 bound) { return bound == 1 ? 0 : *rc::gen::resize(100, rc::gen::inRange<u64>(0, bound)); };
}

inline rc::Gen<sim::pb::Scenario> scenarios() {
  return rc::gen::exec([] { return Scenarios(rapidcheck_draw()).scenario(); });
}

// Of one of your workloads; a run of it needs RunOptions::own.
inline rc::Gen<sim::pb::Scenario> scenarios_of(const sim::Simulation& own) {
  return rc::gen::exec([&own] {
    const Draw draw = rapidcheck_draw();
    sim::pb::Scenario scenario = Scenarios(draw).scenario();
    for (auto& workload : *scenario.mutable_workload())
      workload.mutable_own()->set_name(own.workloads()[draw(own.workloads().size())].name);
    return scenario;
  });
}

// Over the decisions that a run with seed 1 makes, which a call of this does.
inline rc::Gen<sim::SparseTape> tapes_of(const sim::pb::Scenario& resolved, u64 episodes_max,
                                         const sim::Simulation* own = nullptr) {
  return rc::gen::exec([places = decided_in(resolved, {sim::SeededTape{1}}, own), episodes_max] {
    return tape(rapidcheck_draw(), places, episodes_max);
  });
}

}  // namespace keelson::gen
