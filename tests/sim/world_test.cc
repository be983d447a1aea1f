#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/leaks.h"
#include "tests/lib/sim/stage.h"

namespace keelson::sim {
namespace {

using keelson::test::LeaksAreMeant;
using test::EchoClient;
using test::EchoOptions;
using test::EchoPrograms;
using test::Replies;
using test::Stage;

TEST(World, BootsConnectsAndBeats) {
  Stage stage;
  stage.world.start_all();
  stage.world.run_for(seconds(1));
  EXPECT_EQ(stage.why(), "");
  for (u16 n = 0; n < 3; ++n) {
    EXPECT_EQ(stage.shard(n).peers.size(), 2u);
    EXPECT_GE(stage.shard(n).beats_heard, 30u);
    EXPECT_EQ(stage.world.state(NodeId(n)), HostState::up);
  }
  EXPECT_EQ(stage.programs.formatted, 3u);
  EXPECT_EQ(stage.world.now(), Instant(1'000'000'000));
  EXPECT_THAT(stage.watch.complaints, testing::IsEmpty());
}

TEST(World, AClientIsAnsweredWhenItsRequestIsDurable) {
  Stage stage;
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  stage.ask(1);
  EXPECT_TRUE(stage.world.run_until([&] { return !stage.replies.got.empty(); }, seconds(1))) << stage.why();
  EXPECT_THAT(stage.replies.got, testing::ElementsAre(Replies::Got{0, 1, Status::ok}));
  const u64 logged = stage.shard(0).requests_logged + stage.shard(1).requests_logged + stage.shard(2).requests_logged;
  EXPECT_EQ(logged, 1u);
}

TEST(World, TwoRunsOfOneSeedAreTheSameAndOfAnotherAreNot) {
  const auto hash_of = [](u64 seed) {
    Stage stage({}, 2, SeededTape{seed});
    stage.world.start_all();
    for (u64 i = 1; i <= 40; ++i) {
      stage.ask(i, static_cast<u16>(i % 2));
      stage.world.run_for(milliseconds(7));
    }
    EXPECT_EQ(stage.why(), "");
    EXPECT_EQ(stage.replies.got.size(), 40u);
    return hex(stage.world.core().trace.hash());
  };
  const std::string first = hash_of(1);
  EXPECT_EQ(hash_of(1), first);
  EXPECT_NE(hash_of(2), first);
}

TEST(World, ACrashedNodeKeepsItsDiskAndLosesTheRest) {
  Stage stage;
  stage.world.start_all();
  stage.world.run_for(seconds(1));
  stage.world.crash(NodeId(1), CrashKind::process);
  EXPECT_EQ(stage.world.program(NodeId(1), ShardId(0)), nullptr);
  stage.world.run_for(seconds(1));
  EXPECT_EQ(stage.shard(0).peers, std::set<u16>{2}) << "the others were told";
  stage.world.start(NodeId(1));
  stage.world.run_for(seconds(2));
  EXPECT_EQ(stage.why(), "");
  EXPECT_EQ(stage.shard(1).boots, 2u) << "what it wrote before the crash is still there";
  EXPECT_EQ(stage.shard(1).life(), (Life{Generation(1), Incarnation(2)}));
  EXPECT_EQ(stage.shard(1).peers.size(), 2u);
  EXPECT_EQ(stage.programs.formatted, 3u) << "only new disks are formatted";
  EXPECT_EQ(stage.world.core().faults[Fault::crash], 1u);
  EXPECT_EQ(stage.world.core().faults[Fault::restart], 1u);
  EXPECT_THAT(stage.watch.complaints, testing::IsEmpty());
}

TEST(World, APausedNodeIsMissedAndWakesToOneBag) {
  Stage stage;
  stage.world.start_all();
  stage.world.run_for(seconds(1));
  const u64 heard = stage.shard(2).beats_heard;
  stage.world.pause(NodeId(2));
  stage.world.run_for(seconds(1));
  EXPECT_EQ(stage.shard(2).beats_heard, heard);
  EXPECT_EQ(stage.shard(0).peers.size(), 2u) << "too short to be missed";
  const u64 turns = stage.watch.turns;
  stage.world.resume(NodeId(2));
  EXPECT_EQ(stage.watch.turns, turns + 1);
  EXPECT_GE(stage.shard(2).beats_heard, heard + 10) << "as much as one tiny bag holds";
  stage.world.pause(NodeId(2));
  stage.world.run_for(seconds(4));
  EXPECT_EQ(stage.shard(0).peers, std::set<u16>{1});
  stage.world.resume(NodeId(2));
  stage.world.run_for(seconds(2));
  EXPECT_EQ(stage.shard(0).peers.size(), 2u);
  EXPECT_EQ(stage.why(), "");
  EXPECT_THAT(stage.watch.complaints, testing::IsEmpty());
}

TEST(World, RequestsPassThroughMailboxesOfSiblings) {
  EchoOptions options;
  options.shards = 3;
  Stage stage(options, 2);
  stage.world.start_all();
  stage.world.run_for(milliseconds(200));
  for (u64 i = 1; i <= 12; ++i) stage.ask(i, static_cast<u16>(i % 2));
  EXPECT_TRUE(stage.world.run_until([&] { return stage.replies.got.size() == 12; }, seconds(5))) << stage.why();
  EXPECT_THAT(stage.watch.complaints, testing::IsEmpty());
}

TEST(World, AClientCrashLeavesItsRequestsOpenAndANewOneStarts) {
  Stage stage;
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  const ClientId former = dynamic_cast<const EchoClient&>(*stage.world.client_program(0)).start.id;
  stage.ask(1);
  stage.world.crash_client(0);
  EXPECT_THAT(stage.replies.gone, testing::ElementsAre(0));
  stage.world.run_for(seconds(1));
  EXPECT_TRUE(stage.replies.got.empty());
  stage.world.start_client(0);
  stage.world.run_for(milliseconds(100));
  EXPECT_NE(dynamic_cast<const EchoClient&>(*stage.world.client_program(0)).start.id, former);
  stage.ask(2);
  EXPECT_TRUE(stage.world.run_until([&] { return !stage.replies.got.empty(); }, seconds(1)));
  EXPECT_EQ(stage.why(), "");
}

TEST(WorldViolation, AFailedCheckEndsTheRunButNotTheProcess) {
  EchoOptions options;
  options.fail_check = true;
  Stage stage(options);
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  stage.ask(1);
  stage.world.run_for(seconds(1));
  ASSERT_TRUE(stage.world.violation());
  EXPECT_EQ(stage.world.violation()->checker, "kernel");
  EXPECT_EQ(stage.world.violation()->invariant, "check");
  EXPECT_THAT(stage.world.violation()->detail, testing::HasSubstr("echo.cc"));
  EXPECT_FALSE(stage.world.step());
}

TEST(WorldViolation, AProgramThatNeverLetsTimePassSpins) {
  EchoOptions options;
  options.spin = true;
  Settings settings;
  settings.turn.turn = Duration();
  Stage stage(options, 0, SparseTape{}, settings);
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  ASSERT_TRUE(stage.world.violation());
  EXPECT_EQ(stage.world.violation()->invariant, "spin");
  EXPECT_LT(stage.world.events(), 10'000u);
}

TEST(WorldViolation, OverlappingWritesBreakTheContract) {
  EchoOptions options;
  options.overlap_writes = true;
  Stage stage(options);
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  stage.ask(1);
  stage.world.run_for(seconds(1));
  ASSERT_TRUE(stage.world.violation());
  EXPECT_EQ(stage.world.violation()->checker, "store_contract");
  EXPECT_THAT(stage.world.violation()->detail, testing::HasSubstr("overlaps"));
}

TEST(WorldViolation, ASlabKeptBeyondTheEndIsALeak) {
  const LeaksAreMeant poisoned;  // a World that failed a check is never unwound
  EchoOptions options;
  options.leak_slab = true;
  Stage stage(options);
  stage.world.start_all();
  stage.world.run_for(milliseconds(100));
  stage.world.crash(NodeId(0), CrashKind::power);
  ASSERT_TRUE(stage.world.violation());
  EXPECT_EQ(stage.world.violation()->invariant, "slab_leak");
}

TEST(WorldViolation, AMessageThatIsNotSealedRightlyIsOurOwnBug) {
  EchoOptions options;
  options.bad_seal = true;
  Stage stage(options);
  stage.world.start_all();
  stage.world.run_for(seconds(1));
  ASSERT_TRUE(stage.world.violation());
  EXPECT_EQ(stage.world.violation()->invariant, "sealed_message");
}

TEST(WorldViolation, ABudgetThatRunsOutIsInconclusive) {
  Stage stage;
  stage.world.start_all();
  auto config = Stage::config_of({}, 1, {});
  config.events_max = 100;
  Tape tape(SparseTape{});
  EchoPrograms programs;
  World world(config, programs, tape);
  world.start_all();
  world.run_for(seconds(10));
  ASSERT_TRUE(world.violation());
  EXPECT_EQ(world.violation()->kind, ViolationKind::inconclusive);
}

}  // namespace
}  // namespace keelson::sim
