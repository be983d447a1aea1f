#include "keelson/sim/scenario_swarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "keelson/sim/scenario.h"

namespace keelson::sim {
namespace {

pb::Scenario drawn(const std::string& text, TapeSource source) {
  const auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(std::move(source));
  return resolve(*scenario, {}, tape);
}

constexpr const char* on = "background: NONE swarm { on: true }";

TEST(Swarm, OfAQuietTapeIsAQuietUsualCluster) {
  const auto scenario = drawn(on, SparseTape{{}, TapeBase::quiet()});
  EXPECT_EQ(print(scenario),
            print(drawn("background: NONE cluster { shards: 1 limits: TINY replicas: 3 }", SeededTape{1})));
}

TEST(Swarm, DrawsOnlyWhatIsLegal) {
  for (u64 seed = 0; seed < 500; ++seed) {
    const auto text = print(drawn("swarm { on: true keep_ppm: 800000 }", SeededTape{seed}));
    const auto again = parse_scenario(text, "x.textproto", {});
    ASSERT_TRUE(again) << seed << ": " << again.error()[0].describe() << "\n" << text;
  }
}

// Otherwise a recording of the run is no tape that can be replayed.
TEST(Swarm, DrawsNothingThatContradictsTheFile) {
  for (const char* asked :
       {"disk { rot_every_ms: 500 }", "partition { of: RING every_ms: 500 for_ms: 5 }", "partition { node: N0 }",
        "phase { name: \"a\" duration_ms: 5 partition { of: BRIDGE every_ms: 500 for_ms: 5 } }",
        "network { mode: STREAM }", "cluster { replicas: 3 } disk { stale_every_ms: 500 }",
        "cluster { replicas: 3 } disk { stale_every_ms: 500 } partition { of: ONE }"}) {
    for (u64 seed = 0; seed < 60; ++seed) {
      const auto text = print(drawn(std::string("swarm { on: true keep_ppm: 800000 }") + asked, SeededTape{seed}));
      const auto again = parse_scenario(text, "x.textproto", {});
      ASSERT_TRUE(again) << asked << ", seed " << seed << ": " << again.error()[0].describe() << "\n" << text;
    }
  }
}

TEST(Swarm, KeepsAboutAsManyFeaturesAsItIsTold) {
  u64 with_loss = 0;
  std::map<u32, int> replicas;
  for (u64 seed = 0; seed < 1'000; ++seed) {
    const auto scenario = drawn(on, SeededTape{seed});
    with_loss += scenario.network().loss_ppm() > 0 ? 1 : 0;
    ++replicas[scenario.cluster().replicas()];
  }
  EXPECT_NEAR(static_cast<double>(with_loss), 500, 80);
  EXPECT_EQ(replicas.size(), 6u);
  EXPECT_GT(replicas[3], 350);
}

TEST(Swarm, LeavesAloneWhatTheFileSets) {
  for (u64 seed = 0; seed < 50; ++seed) {
    const auto scenario = drawn(R"(cluster { replicas: 5 } network { loss_ppm: 77 } crash { every_ms: 777 kind: POWER }
                                   swarm { on: true keep_ppm: 1000000 })",
                                SeededTape{seed});
    EXPECT_EQ(scenario.cluster().replicas(), 5u);
    EXPECT_EQ(scenario.network().loss_ppm(), 77u);
    EXPECT_EQ(scenario.crash().every_ms(), 777u);
    EXPECT_EQ(scenario.crash().restart_after_ms(), 1'000u) << "its default: the fault is the file's as a whole";
    EXPECT_GT(scenario.network().duplicate_ppm(), 0u);
  }
}

TEST(Swarm, AlwaysAndNeverAreKept) {
  for (u64 seed = 0; seed < 50; ++seed) {
    const auto scenario = drawn("swarm { on: true always: \"pause\" never: \"crash\" }", SeededTape{seed});
    EXPECT_TRUE(scenario.has_pause());
    EXPECT_FALSE(scenario.has_crash());
  }
}

TEST(Swarm, AStepPinsTheNumberOfReplicas) {
  for (u64 seed = 0; seed < 50; ++seed)
    EXPECT_EQ(drawn("swarm { on: true } step { at_ms: 1 do { heal {} } }", SeededTape{seed}).cluster().replicas(), 3u);
}

TEST(Swarm, StrengthsReachBothEndsAndNeverLeaveTheirRange) {
  u64 least = ~u64{0};
  u64 most = 0;
  u64 rarest = 0;
  u64 most_often = ~u64{0};
  for (u64 seed = 0; seed < 2'000; ++seed) {
    const auto scenario = drawn("swarm { on: true keep_ppm: 1000000 }", SeededTape{seed});
    least = std::min<u64>(least, scenario.network().loss_ppm());
    most = std::max<u64>(most, scenario.network().loss_ppm());
    rarest = std::max<u64>(rarest, scenario.crash().every_ms());
    most_often = std::min<u64>(most_often, scenario.crash().every_ms());
    EXPECT_GE(scenario.crash().every_ms(), 2'000u);
    EXPECT_LE(scenario.crash().every_ms(), 120'000u);
  }
  EXPECT_LE(least, 110u);
  EXPECT_GE(least, 100u);
  EXPECT_GE(most, 200'000u);
  EXPECT_LE(most, 300'000u);
  EXPECT_GE(rarest, 110'000u);
  EXPECT_LE(most_often, 2'100u);
}

TEST(Swarm, DependsOnTheSeedAlone) {
  EXPECT_EQ(print(drawn(on, SeededTape{7})), print(drawn(on, SeededTape{7})));
  EXPECT_NE(print(drawn(on, SeededTape{7})), print(drawn(on, SeededTape{8})));
}

TEST(Swarm, FeaturesHaveUniqueNames) {
  const auto names = swarm_feature_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

}  // namespace
}  // namespace keelson::sim
