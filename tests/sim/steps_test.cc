#include "keelson/sim/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/sim/stage.h"

namespace keelson::sim {
namespace {

using test::Play;

struct Scripted {
  explicit Scripted(const std::string& steps, const std::string& tail = "tail: NONE ")
      : play("name: \"stage\" background: NONE cluster { clients: 1 } phase { name: \"p\" duration_ms: 10000 } " +
                 tail + steps,
             SparseTape{}) {
    play.run();
    if (play.world.violation()) ADD_FAILURE() << play.world.violation()->invariant << play.world.violation()->detail;
    EXPECT_THAT(play.watch.complaints, testing::IsEmpty());
    EXPECT_EQ(play.steps.waiting(), 0u);
  }
  u64 count(Fault fault) { return play.world.core().faults[fault]; }
  HostState state(u16 node) { return play.world.state(NodeId(node)); }
  Play play;
};

TEST(Steps, CrashAtAnInstantAndRestartAfterAWhile) {
  Scripted scripted("step { at_ms: 500 do { crash { node: N1 kind: POWER } } for_ms: 1000 }");
  EXPECT_EQ(scripted.count(Fault::crash_power), 1u);
  EXPECT_EQ(scripted.play.world.boots(NodeId(1)), 2u);
  EXPECT_EQ(scripted.state(1), HostState::up);
}

TEST(Steps, APartOfANodeIsResolvedWhenTheStepHappens) {
  Scripted scripted("step { at_ms: 500 do { crash { node: PRIMARY } } }");
  EXPECT_EQ(scripted.state(0), HostState::down) << "the echo group's primary";
  EXPECT_EQ(scripted.state(1), HostState::up);
}

TEST(Steps, HappenWhenSomethingHasComeTrue) {
  Scripted scripted(
      "step { when { commit_at_least: 5 } do { crash { node: N2 } } }"
      "step { when { commit_at_least: 6 } do { restart { node: N2 } } }");
  EXPECT_EQ(scripted.count(Fault::crash), 1u);
  EXPECT_EQ(scripted.play.world.boots(NodeId(2)), 2u);
}

TEST(Steps, PartitionsAreLiftedAfterAWhileOrByHeal) {
  Scripted timed("step { at_ms: 500 do { partition { of: PRIMARY } } for_ms: 5000 }");
  EXPECT_EQ(timed.count(Fault::partition), 1u);
  EXPECT_TRUE(timed.play.world.network().connected(UnitId(0), UnitId(1)));
  Scripted healed("step { at_ms: 500 do { partition { node: N2 } } } step { at_ms: 5000 do { heal {} } }");
  EXPECT_GT(healed.count(Fault::net_blocked), 0u);
  EXPECT_TRUE(healed.play.world.network().connected(UnitId(0), UnitId(2)));
  Scripted kept("step { at_ms: 500 do { partition { node: N2 kind: INBOUND } } }");
  EXPECT_FALSE(kept.play.world.network().connected(UnitId(0), UnitId(2)));
}

TEST(Steps, DropsSoManyMessagesOfACommand) {
  Play play(
      "name: \"stage\" background: NONE tail: NONE cluster { clients: 1 } phase { name: \"p\" duration_ms: 5000 } "
      "step { at_ms: 100 do { drop { command: COMMIT from: N0 to: N1 count: 3 } } }",
      SparseTape{});
  play.run();
  const auto& shard = dynamic_cast<const test::EchoShard&>(*play.world.program(NodeId(1), ShardId(0)));
  const auto& other = dynamic_cast<const test::EchoShard&>(*play.world.program(NodeId(2), ShardId(0)));
  EXPECT_EQ(other.beats_heard - shard.beats_heard, 3u);
}

TEST(Steps, ComeAgainSoOften) {
  Scripted scripted("step { at_ms: 500 do { crash { node: N1 kind: POWER } } for_ms: 300 every_ms: 1000 times: 4 }");
  EXPECT_EQ(scripted.count(Fault::crash_power), 4u);
  EXPECT_EQ(scripted.play.world.boots(NodeId(1)), 5u);
  EXPECT_EQ(scripted.state(1), HostState::up);
}

TEST(Steps, OfAConditionComeAgainByTheClock) {
  Scripted scripted(
      "step { when { commit_at_least: 5 } do { crash { node: N2 } } for_ms: 100 every_ms: 500 times: 3 }");
  EXPECT_EQ(scripted.count(Fault::crash), 3u);
}

TEST(Steps, APauseIsUndoneAndAClockStepIsNot) {
  Scripted scripted(
      "step { at_ms: 500 do { pause { node: N1 } } for_ms: 700 }"
      "step { at_ms: 500 do { clock_step { node: N0 offset_ms: -60000 } } }");
  EXPECT_EQ(scripted.count(Fault::pause), 1u);
  EXPECT_EQ(scripted.state(1), HostState::up);
  EXPECT_EQ(scripted.count(Fault::clock_step), 1u);
  const auto& world = scripted.play.world;
  EXPECT_EQ(world.clock(HostId(1)).wall(world.now()).since(world.clock(HostId(0)).wall(world.now())), seconds(60));
}

TEST(Steps, APowerCutTakesAllAndGivesThemBack) {
  Scripted scripted("step { at_ms: 500 do { power_cut { restart_after_ms: 0 } } }");
  EXPECT_EQ(scripted.count(Fault::crash_power), 3u);
  for (u16 n = 0; n < 3; ++n) EXPECT_EQ(scripted.play.world.boots(NodeId(n)), 2u);
}

TEST(Phases, FollowEachOther) {
  Play play(
      "name: \"stage\" background: NONE phase { name: \"a\" duration_ms: 100 } phase { name: \"b\" "
      "expect_progress_within_ms: 200 }",
      SparseTape{});
  std::vector<std::string> names;
  for (const Part& part : play.phases.parts()) names.push_back(part.name);
  EXPECT_THAT(names, testing::ElementsAre("warm up", "a", "b", "liveness", "drain", "quiet"));
  EXPECT_EQ(play.phases.parts()[1].limit, milliseconds(100));
  EXPECT_EQ(play.phases.parts()[2].limit, milliseconds(200));
  EXPECT_EQ(play.phases.parts()[2].progress_within, milliseconds(200));
}

TEST(Phases, TheTailMendsTheCoreAndLeavesTheRest) {
  u32 whole = 0;
  u32 smaller = 0;
  for (u64 seed = 0; seed < 30; ++seed) {
    Play play(
        "name: \"stage\" background: NONE cluster { replicas: 5 clients: 1 } phase { name: \"p\" duration_ms: 1000 } "
        "step { at_ms: 100 do { crash { node: N1 kind: PROCESS } } } step { at_ms: 100 do { partition { node: N3 } } }",
        SeededTape{seed});
    play.run();
    ASSERT_FALSE(play.world.violation());
    const auto& core = play.phases.core();
    ASSERT_GE(core.size(), 3u);
    ++(core.size() == 5 ? whole : smaller);
    for (const NodeId a : core)
      for (const NodeId b : core)
        EXPECT_TRUE(a == b || play.world.network().connected(UnitId(a.raw()), UnitId(b.raw()))) << seed;
    for (u16 n = 0; n < 5; ++n) {
      if (std::find(core.begin(), core.end(), NodeId(n)) != core.end()) continue;
      EXPECT_FALSE(play.world.network().connected(UnitId(n), UnitId(core[0].raw())));
    }
  }
  EXPECT_GT(whole, 0u);
  EXPECT_GT(smaller, 0u);
}

TEST(Phases, AListedCoreIsTheCore) {
  Play play(
      "name: \"stage\" background: NONE core: LISTED core_node: N0 core_node: N2 phase { name: \"p\" duration_ms: 100 "
      "}",
      SeededTape{1});
  play.run();
  EXPECT_THAT(play.phases.core(), testing::ElementsAre(NodeId(0), NodeId(2)));
}

}  // namespace
}  // namespace keelson::sim
