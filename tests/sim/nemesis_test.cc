#include "keelson/sim/nemesis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/sim/stage.h"

namespace keelson::sim {
namespace {

using test::Play;

// Plays a scenario of one phase with these faults, and expects a world that is whole at its end.
struct Played {
  explicit Played(const std::string& faults, TapeSource source = SeededTape{1},
                  const std::string& cluster = "cluster { clients: 2 } ")
      : play("name: \"stage\" background: NONE core: ALL phase { name: \"p\" duration_ms: 15000 } " + cluster + faults,
             std::move(source)) {
    play.run();
    if (play.world.violation()) ADD_FAILURE() << play.world.violation()->invariant << play.world.violation()->detail;
    EXPECT_THAT(play.watch.complaints, testing::IsEmpty());
    for (u16 a = 0; a < 3; ++a) {
      EXPECT_EQ(play.world.state(NodeId(a)), HostState::up);
      const NodeId b(static_cast<u16>((a + 1) % 3));
      const Population& who = play.world.population();
      EXPECT_TRUE(play.world.network().connected(who.unit_of(NodeId(a), ShardId(0)), who.unit_of(b, ShardId(0))));
    }
  }
  u64 count(Fault fault) { return play.world.core().faults[fault]; }
  Play play;
};

TEST(Nemesis, AQuietTapeInjectsNothing) {
  Played played(
      "partition { every_ms: 500 for_ms: 200 } crash { every_ms: 1000 } pause { every_ms: 1000 for_ms: 100 } "
      "power_cut { every_ms: 5000 } client_crash { every_ms: 1000 } clock { step_ms: 1000 every_ms: 500 drift_ppm: 500 "
      "} "
      "network { mode: DATAGRAM loss_ppm: 100000 duplicate_ppm: 100000 corrupt_ppm: 1000 reset_ppm: 1000 } "
      "mailbox { drop_ppm: 10000 } disk { stall_ppm: 1000 } turn { shard_stall_ms: 100 bag_split_ppm: 500000 }",
      SparseTape{});
  for (std::size_t i = 0; i < fault_count; ++i) EXPECT_EQ(played.count(static_cast<Fault>(i)), 0u) << fault_names[i];
}

TEST(Nemesis, PartitionsComeAndGo) {
  Played played("partition { every_ms: 1000 for_ms: 500 kind: MIXED }");
  EXPECT_GE(played.count(Fault::partition), 5u);
  EXPECT_GT(played.count(Fault::net_blocked), 0u);
}

TEST(Nemesis, PartitionsFlapAndStopSomeCommands) {
  Played flapping("partition { every_ms: 1000 for_ms: 2000 flap_ms: 50 of: PRIMARY }");
  EXPECT_GE(flapping.count(Fault::partition_flap), 50u);
  Played gray_primary("partition { every_ms: 1000 for_ms: 2000 gray: true of: PRIMARY }", SeededTape{2});
  EXPECT_GT(gray_primary.count(Fault::partition_gray), 0u);
  EXPECT_EQ(gray_primary.count(Fault::partition), 0u);
}

TEST(Nemesis, APartitionWithoutATimeLastsForItsPhase) {
  Played played("partition { of: ONE }");
  EXPECT_EQ(played.count(Fault::partition), 1u);
  EXPECT_GE(played.count(Fault::net_blocked), 1u);
}

TEST(Nemesis, NodesCrashInEveryWayAndComeBack) {
  Played played("crash { every_ms: 1500 restart_after_ms: 200 mid_bag_ppm: 300000 in_write_ppm: 500000 }");
  EXPECT_GE(played.count(Fault::crash), 10u);
  EXPECT_GE(played.count(Fault::restart), played.count(Fault::crash));
  EXPECT_GE(played.count(Fault::crash_mid_bag), 1u);
  EXPECT_GE(played.count(Fault::crash_in_write), 1u);
  EXPECT_GE(played.count(Fault::crash_in_boot), 1u);
  EXPECT_GE(played.count(Fault::crash_power), 1u);
  EXPECT_GE(played.count(Fault::torn_write), 1u);
}

TEST(Nemesis, OnlyTheNamedNodeCrashes) {
  Played played("crash { every_ms: 1000 restart_after_ms: 100 node: N1 }");
  EXPECT_GT(played.play.world.boots(NodeId(1)), 3u);
  EXPECT_EQ(played.play.world.boots(NodeId(0)), 1u);
  EXPECT_EQ(played.play.world.boots(NodeId(2)), 1u);
}

TEST(Nemesis, PowerCutsTakeEverybody) {
  Played played("power_cut { every_ms: 4000 restart_after_ms: 200 }");
  EXPECT_GE(played.count(Fault::power_cut), 2u);
  EXPECT_GE(played.count(Fault::crash_power), 2 * 3u);
}

TEST(Nemesis, PausesClientsClocksAndStalls) {
  Played played(
      "pause { every_ms: 1000 for_ms: 300 } client_crash { every_ms: 2000 } "
      "clock { step_ms: 5000 every_ms: 1000 drift_ppm: 500 timer_late_us: 1000 } turn { shard_stall_ms: 50 slow: 3 "
      "node: N2 } "
      "disk { slow: 5 node: N0 }");
  EXPECT_GE(played.count(Fault::pause), 5u);
  EXPECT_GE(played.count(Fault::client_crash), 5u);
  EXPECT_GE(played.count(Fault::clock_step), 5u);
  EXPECT_GE(played.count(Fault::clock_drift), 1u);
  EXPECT_GE(played.count(Fault::timer_late), 1u);
  EXPECT_GE(played.count(Fault::shard_stall), 5u);
  EXPECT_GE(played.count(Fault::slow_turns), 1u);
  EXPECT_GE(played.count(Fault::slow_disk), 1u);
}

TEST(Nemesis, MessagesAndMailboxesSuffer) {
  Played played(
      "network { mode: DATAGRAM loss_ppm: 50000 duplicate_ppm: 50000 reorder_ppm: 100000 corrupt_ppm: 5000 } "
      "mailbox { drop_ppm: 200000 delay_mean_us: 500 } "
      "turn { bag_split_ppm: 500000 bag_shuffle_ppm: 500000 effect_shuffle_ppm: 500000 tie_shuffle_ppm: 500000 }",
      SeededTape{5}, "cluster { shards: 2 clients: 4 } ");
  for (const Fault fault : {Fault::net_loss, Fault::net_duplicate, Fault::net_reorder, Fault::net_corrupt,
                            Fault::mailbox_drop, Fault::mailbox_delay, Fault::bag_split, Fault::effect_shuffle})
    EXPECT_GE(played.count(fault), 1u) << name_of(fault);
}

TEST(Nemesis, APhaseWithoutFaultsEndsThoseOfTheOneBefore) {
  Play play(
      "name: \"stage\" background: NONE tail: NONE cluster { clients: 1 } "
      "phase { name: \"a\" duration_ms: 5000 network { mode: DATAGRAM loss_ppm: 500000 } partition { of: PRIMARY } } "
      "phase { name: \"b\" duration_ms: 5000 }",
      SeededTape{1});
  play.run();
  const u64 lost = play.world.core().faults[Fault::net_loss];
  const u64 blocked = play.world.core().faults[Fault::net_blocked];
  EXPECT_GT(lost, 0u);
  play.world.run_for(seconds(5));
  EXPECT_EQ(play.world.core().faults[Fault::net_loss], lost);
  EXPECT_EQ(play.world.core().faults[Fault::net_blocked], blocked);
  EXPECT_TRUE(play.world.network().connected(UnitId(0), UnitId(1)));
}

TEST(Nemesis, OneSeedIsOneRun) {
  const auto hash_of = [](u64 seed) {
    Played played("crash { every_ms: 1500 } partition { every_ms: 1000 for_ms: 500 } client_crash { every_ms: 3000 }",
                  SeededTape{seed});
    return hex(played.play.world.core().trace.hash());
  };
  EXPECT_EQ(hash_of(11), hash_of(11));
  EXPECT_NE(hash_of(11), hash_of(12));
}

TEST(Nemesis, ARecordedRunReplaysWithoutDivergence) {
  const std::string text =
      "name: \"stage\" cluster { clients: 1 } crash { every_ms: 1500 } phase { name: \"p\" duration_ms: 8000 }";
  std::vector<RecordedStream> recording;
  std::string hash;
  {
    Play play(text, SeededTape{3}, Recording::on);
    play.run();
    recording = play.tape.recording();
    hash = hex(play.world.core().trace.hash());
  }
  Play again(text, RecordedTape{recording, {}});
  again.run();
  EXPECT_FALSE(again.tape.divergence()) << again.tape.divergence()->describe();
  EXPECT_EQ(hex(again.world.core().trace.hash()), hash);
}

}  // namespace
}  // namespace keelson::sim
