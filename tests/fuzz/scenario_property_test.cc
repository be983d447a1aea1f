// Drawn scenarios are valid; in runs of them, and of any tape over them, no checker finds anything, and every run is a
// function of its scenario and tape. Long: RC_PARAMS="max_success=20000" (docs/fuzzing.md).
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "fuzz/gen/rapidcheck.h"

namespace keelson::sim {
namespace {

std::string problems_of(const pb::Scenario& scenario) {
  const auto parsed = parse_scenario(print(scenario), scenario.name() + ".textproto", {});
  if (parsed) return {};
  std::string text;
  for (const Problem& problem : parsed.error()) text += problem.describe() + "\n";
  return text;
}

RunReport run(const pb::Scenario& resolved, const TapeSource& source, u64 seed) {
  Tape tape(source);
  return run_scenario(resolved, tape, {.seed = seed});
}

// A cluster may be out of action for a while or run out of its budget; it must not be wrong, nor hang.
bool is_sound(const RunReport& report) {
  return report.verdict == Verdict::ok || report.verdict == Verdict::inconclusive ||
         report.verdict == Verdict::unavailable;
}

std::string what_failed(const RunReport& report) {
  if (!report.failure) return name_of(report.verdict);
  return std::string(name_of(report.verdict)) + " " + report.failure->kind + ": " + report.failure->detail;
}

RC_GTEST_PROP(DrawnScenarios, AreAsSoundAsThoseInFiles, ()) {
  const pb::Scenario scenario = *gen::scenarios();
  RC_ASSERT(problems_of(scenario) == "");
  Tape tape(SeededTape{1});
  const pb::Scenario resolved = resolve(scenario, {}, tape);
  RC_ASSERT(problems_of(resolved) == "");
  Tape other(SeededTape{2});
  RC_ASSERT(serialise(resolve(resolved, {}, other)) == serialise(resolved));
}

RC_GTEST_PROP(DrawnScenarios, FindNothing, ()) {
  const pb::Scenario scenario = *gen::scenarios();
  const u64 seed = *rc::gen::inRange<u64>(0, 1'000'000);
  Tape tape(SeededTape{seed});
  const pb::Scenario resolved = resolve(scenario, {}, tape);
  const RunReport report = run(resolved, SeededTape{seed}, seed);
  RC_LOG() << what_failed(report) << "\n";
  RC_ASSERT(is_sound(report));
  if (seed % 4 == 0) RC_ASSERT(run(resolved, SeededTape{seed}, seed).trace_hash == report.trace_hash);
}

RC_GTEST_PROP(DrawnTapes, FindNothing, ()) {
  const pb::Scenario scenario = *gen::scenarios();
  Tape quiet(SparseTape{});
  const pb::Scenario resolved = resolve(scenario, {}, quiet);
  const SparseTape tape = *gen::tapes_of(resolved, 12);
  const RunReport report = run(resolved, tape, 0);
  RC_LOG() << what_failed(report) << "\n";
  RC_ASSERT(is_sound(report));
  // A second time as a shrinker or a person would have written it down.
  if (tape.streams.size() % 4 == 0) RC_ASSERT(run(resolved, tape_of(text_of(tape)), 0).trace_hash == report.trace_hash);
}

}  // namespace
}  // namespace keelson::sim
