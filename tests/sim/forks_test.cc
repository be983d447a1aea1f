// One run up to an event, and other futures from there on.
#include "keelson/sim/campaign/forks.h"

#include <gtest/gtest.h>

#include "keelson/sim/run/cluster.h"

namespace keelson::sim {
namespace {

constexpr u64 fork_at = 20'000;

pb::Scenario resolved(const std::string& text = {}) {
  const auto scenario = parse_scenario(
      "name: \"x\" tail: NONE workload { kv { } requests: 100 } phase { name: \"p\" duration_ms: 5000 } " + text,
      "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{1});
  return resolve(scenario.value_or(pb::Scenario()), {}, tape);
}

std::string hash_of(std::optional<Fork> fork, u64 until) {
  Tape tape(SeededTape{1});
  RunOptions options{.seed = 1, .until_event = until, .fork = fork};
  return run_scenario(resolved(), tape, options).trace_hash;
}

TEST(Fork, IsTheSameRunUpToItsEventAndAnotherFromThereOn) {
  const Fork other{fork_at, 7};
  EXPECT_EQ(hash_of(other, fork_at), hash_of({}, fork_at));
  EXPECT_NE(hash_of(other, fork_at + 5'000), hash_of({}, fork_at + 5'000));
  EXPECT_EQ(hash_of(other, 0), hash_of(other, 0)) << "as deterministic as any run";
  EXPECT_NE(hash_of(other, 0), hash_of(Fork{fork_at, 8}, 0));
}

// Its recording is one tape, which nobody needs to know was forked.
TEST(Fork, IsReplayedFromItsRecordingAlone) {
  Tape tape(SeededTape{1}, Recording::on);
  const auto scenario = resolved();
  const RunReport forked = run_scenario(scenario, tape, {.seed = 1, .fork = Fork{fork_at, 7}});
  Tape again(RecordedTape{tape.recording(), {}});
  const RunReport replayed = run_scenario(scenario, again, {.seed = 1});
  EXPECT_FALSE(again.divergence());
  EXPECT_EQ(replayed.trace_hash, forked.trace_hash);
}

TEST(Fork, PointsAreWhereEachMarkWasReachedFirst) {
  ForkPoints points;
  Tape tape(SeededTape{1});
  RunOptions options{.seed = 1};
  points.watch(options);
  const RunReport report = run_scenario(resolved(), tape, options);
  const auto marks = points.at_marks();
  ASSERT_EQ(marks.size(), report.marks.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    EXPECT_TRUE(report.marks.contains(marks[i].after)) << marks[i].after;
    if (i > 0) {
      EXPECT_GE(marks[i].event, marks[i - 1].event);
      EXPECT_GE(marks[i].at_ns, marks[i - 1].at_ns);
    }
  }
  const auto even = points.evenly(4, report.events);
  ASSERT_EQ(even.size(), 5u);
  EXPECT_EQ(even[0].event, 0u);
  EXPECT_EQ(even[4].after, "4/4");
  EXPECT_LE(even[4].event, report.events);
  EXPECT_GT(even[4].at_ns, even[3].at_ns);
}

RunReport failed(const std::string& kind) {
  RunReport report;
  report.expected = false;
  report.failure = Failure{.kind = kind, .detail = {}, .reproduce = {}, .phase = {}};
  return report;
}

TEST(Fork, ACountSaysWhatAChanceIsAndHowSureThatIs) {
  ForkCount count;
  EXPECT_EQ(chance_of(count).high, ppm_one) << "nothing is known";
  for (u64 seed = 1; seed <= 24; ++seed) count.add(RunReport{}, seed);
  EXPECT_EQ(chance_of(count).likely, 0u);
  EXPECT_EQ(chance_of(count).low, 0u);
  EXPECT_NEAR(static_cast<double>(chance_of(count).high), 138'000, 1'000);
  for (u64 seed = 32; seed >= 25; --seed) count.add(failed(seed % 2 == 0 ? "a.b" : "c.d"), seed);
  EXPECT_EQ(chance_of(count).likely, 250'000u);
  EXPECT_NEAR(static_cast<double>(chance_of(count).low), 132'500, 1'000);
  EXPECT_NEAR(static_cast<double>(chance_of(count).high), 421'000, 1'000);
  EXPECT_EQ(count.kinds, (std::map<std::string, u64>{{"a.b", 4}, {"c.d", 4}}));
  EXPECT_EQ(count.first_of, (std::map<std::string, u64>{{"a.b", 26}, {"c.d", 25}}));
}

}  // namespace
}  // namespace keelson::sim
