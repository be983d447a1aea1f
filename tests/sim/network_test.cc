#include "keelson/sim/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ClusterId cluster{1, 2};
constexpr Life first_life{Generation(1), Incarnation(1)};

// What arrived at a unit, as words: "+1" connected to node 1, "-1" lost, "7" the message with number 7.
struct Inbox final : Receiver {
  explicit Inbox(Core& owner) : core(owner) {}
  void arrive(UnitId unit, const Arrival& arrival) override {
    auto& words = of[unit.raw()];
    if (arrival.kind == ArrivalKind::message) {
      words.push_back(std::to_string(load<u64>(arrival.parcel->data() + offsetof(Header, trace))));
      last_peer = arrival.peer;
      core.parcels.release(arrival.parcel);
      return;
    }
    const auto kind = static_cast<PeerEventKind>(arrival.what);
    const bool connected = kind == PeerEventKind::connected || kind == PeerEventKind::client_connected;
    const std::string name = arrival.peer.is_client() ? "c" : std::to_string(arrival.peer.node_id().raw());
    words.push_back((connected ? '+' : '-') + name);
    if (connected) last_peer = arrival.peer;
  }
  bool has_room(UnitId unit, u32) const override { return !full.contains(unit.raw()); }

  Core& core;
  std::map<u32, std::vector<std::string>> of;
  std::set<u32> full;
  Peer last_peer;
};

struct Bench {
  explicit Bench(TapeSource source = SparseTape{}, Population who = {.nodes = 3, .shards = 1, .clients = 1})
      : population(who),
        tape(std::move(source)),
        core(tape, {}, nullptr),
        inbox(core),
        slabs(Limits::tiny()),
        network(core, inbox, who, cluster, 8192) {}

  void everybody_up() {
    for (u32 u = 0; u < population.units(); ++u) network.up(UnitId(u), first_life);
    run_for(milliseconds(10));
    inbox.of.clear();
  }
  void run_for(Duration time) {
    const Instant end = core.now + time;
    while (!core.queue.empty() && core.queue.next_at() <= end) {
      const auto event = core.queue.pop();
      core.now = event.key.at;
      network.on_happening(event.payload);
    }
    core.now = end;
  }
  MessageRef message(u64 number, NodeId author, Command command = Command::commit) {
    auto header = make<Commit>();
    header.command = command;
    header.cluster = cluster;
    header.node = author;
    header.trace = {number, 0};
    return make_message(slabs, header);
  }
  void send(u16 from, u16 to, u64 number, Command command = Command::commit) {
    network.begin_turn();
    network.send(UnitId(from), {Peer::node(NodeId(to)), ShardId(0), message(number, NodeId(from), command)}, core.now);
    network.end_turn();
  }
  HostPair pair(u16 from, u16 to) { return {HostId(from), HostId(to)}; }
  NetworkSettings& settings() { return core.settings.network; }
  u64 count(Fault fault) { return core.faults[fault]; }

  Population population;
  Tape tape;
  Core core;
  Inbox inbox;
  Slabs slabs;
  Network network;
};

TEST(Network, ConnectsWhoeverIsUpAndTellsBothEnds) {
  Bench bench;
  bench.network.up(UnitId(0), first_life);
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of, IsEmpty()) << "nobody to talk to";
  bench.network.up(UnitId(2), first_life);
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[0], ElementsAre("+2"));
  EXPECT_THAT(bench.inbox.of[2], ElementsAre("+0"));
  EXPECT_TRUE(bench.network.connected(UnitId(0), UnitId(2)));
  bench.network.up(UnitId(3), {});
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[3], ElementsAre("+0", "+2"));
  EXPECT_THAT(bench.inbox.of[2], ElementsAre("+0", "+c"));
}

TEST(Network, DeliversInOrderAndToTheClientThatAsked) {
  Bench bench(SeededTape{1});
  bench.everybody_up();
  for (u64 i = 1; i <= 5; ++i) bench.send(0, 1, i);
  bench.run_for(milliseconds(50));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "2", "3", "4", "5"));

  auto request = make<Request>();
  request.cluster = cluster;
  request.trace = {9, 0};
  bench.network.begin_turn();
  bench.network.send(UnitId(3), {Peer::node(NodeId(2)), ShardId(0), make_message(bench.slabs, request)},
                     bench.core.now);
  bench.network.end_turn();
  bench.run_for(milliseconds(50));
  EXPECT_THAT(bench.inbox.of[2], ElementsAre("9"));
  const Peer client = bench.inbox.last_peer;
  ASSERT_TRUE(client.is_client());

  auto reply = make<Reply>();
  reply.cluster = cluster;
  reply.node = NodeId(2);
  reply.trace = {10, 0};
  bench.network.begin_turn();
  bench.network.send(UnitId(2), {client, ShardId(0), make_message(bench.slabs, reply)}, bench.core.now);
  bench.network.send(UnitId(1), {client, ShardId(0), make_message(bench.slabs, reply)}, bench.core.now);
  bench.network.end_turn();
  bench.run_for(milliseconds(50));
  EXPECT_THAT(bench.inbox.of[3], ElementsAre("10")) << "another node does not hold that connection";
}

TEST(Network, APartitionHoldsAStreamBackAndLosesDatagrams) {
  for (const LinkMode mode : {LinkMode::stream, LinkMode::datagram}) {
    Bench bench;
    bench.settings().mode = mode;
    bench.everybody_up();
    bench.network.block(bench.pair(0, 1));
    bench.network.block(bench.pair(0, 1));
    bench.send(0, 1, 1);
    bench.send(1, 0, 2);
    bench.run_for(seconds(1));
    EXPECT_THAT(bench.inbox.of[1], IsEmpty());
    EXPECT_THAT(bench.inbox.of[0], ElementsAre("2")) << "one way only";
    bench.network.unblock(bench.pair(0, 1));
    bench.run_for(seconds(1));
    EXPECT_THAT(bench.inbox.of[1], IsEmpty()) << "it was raised twice";
    bench.network.unblock(bench.pair(0, 1));
    bench.send(0, 1, 3);
    bench.run_for(seconds(1));
    if (mode == LinkMode::stream) {
      EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "3"));
    } else {
      EXPECT_THAT(bench.inbox.of[1], ElementsAre("3"));
    }
    EXPECT_GT(bench.count(Fault::net_blocked), 0u);
  }
}

TEST(Network, SilenceEndsAConnectionAndHealingMakesANewOne) {
  Bench bench;
  bench.everybody_up();
  bench.network.block(bench.pair(0, 1));
  bench.send(0, 1, 1);
  bench.run_for(milliseconds(3'100));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("-0"));
  bench.run_for(milliseconds(100));
  EXPECT_THAT(bench.inbox.of[0], ElementsAre("-1")) << "it heard that the other end closed";
  bench.send(0, 1, 2);
  bench.run_for(seconds(2));
  u64 refused = 0;
  bench.network.take_refusals(UnitId(0), [&](Peer, u64 count) { refused += count; });
  EXPECT_EQ(refused, 1u);
  bench.network.unblock(bench.pair(0, 1));
  bench.run_for(seconds(2));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("-0", "+0"));
  EXPECT_THAT(bench.inbox.of[0], ElementsAre("-1", "+1"));
  bench.send(0, 1, 3);
  bench.run_for(milliseconds(10));
  EXPECT_EQ(bench.inbox.of[1].back(), "3");
}

TEST(Network, AShortPartitionIsNotNoticed) {
  Bench bench;
  bench.everybody_up();
  bench.network.block(bench.pair(0, 1));
  bench.run_for(milliseconds(2'900));
  bench.network.unblock(bench.pair(0, 1));
  bench.run_for(seconds(10));
  EXPECT_THAT(bench.inbox.of, IsEmpty());
}

TEST(Network, AProcessCrashResetsAndAPowerCrashIsSilent) {
  for (const CrashKind kind : {CrashKind::process, CrashKind::power}) {
    Bench bench;
    bench.everybody_up();
    bench.send(0, 1, 1);
    bench.network.down(UnitId(0), kind);
    bench.run_for(milliseconds(100));
    if (kind == CrashKind::process) {
      EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "-0"));
    } else {
      EXPECT_THAT(bench.inbox.of[1], ElementsAre("1"));
      bench.run_for(seconds(3));
      EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "-0"));
    }
    EXPECT_THAT(bench.inbox.of[0], IsEmpty());
  }
}

TEST(Network, ARestartedPeerReplacesTheConnectionOfItsFormerLife) {
  Bench bench;
  bench.everybody_up();
  bench.network.down(UnitId(0), CrashKind::power);
  bench.run_for(milliseconds(100));
  bench.network.up(UnitId(0), {Generation(1), Incarnation(2)});
  bench.run_for(milliseconds(500));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("-0", "+0"));
  EXPECT_THAT(bench.inbox.of[0], testing::UnorderedElementsAre("+1", "+2", "+c"));
}

TEST(Network, AResetKeepsAPrefixOfWholeMessages) {
  u32 lengths = 0;
  for (u64 seed = 0; seed < 50; ++seed) {
    Bench bench(SeededTape{seed});
    bench.everybody_up();
    for (u64 i = 1; i <= 4; ++i) bench.send(0, 1, i);
    bench.network.reset(HostId(0), HostId(1));
    bench.send(0, 1, 5);
    bench.run_for(milliseconds(30));
    const auto& words = bench.inbox.of[1];
    const auto lost = static_cast<std::size_t>(std::find(words.begin(), words.end(), "-0") - words.begin());
    ASSERT_LT(lost, words.size());
    ASSERT_LE(lost, 4u);
    for (std::size_t i = 0; i < lost; ++i) EXPECT_EQ(words[i], std::to_string(i + 1));
    lengths |= 1u << lost;
  }
  EXPECT_EQ(lengths, 0b11111u) << "every prefix was seen";
}

TEST(Network, AFullSendQueueRefusesAndSaysSo) {
  Bench bench;
  bench.settings().send_queue_bytes = 3 * 256;
  bench.everybody_up();
  for (u64 i = 1; i <= 5; ++i) bench.send(0, 1, i);
  EXPECT_TRUE(bench.network.refused(UnitId(0)));
  u64 refused = 0;
  bench.network.take_refusals(UnitId(0), [&](Peer peer, u64 count) {
    EXPECT_EQ(peer, Peer::node(NodeId(1)));
    refused += count;
  });
  EXPECT_EQ(refused, 2u);
  EXPECT_FALSE(bench.network.refused(UnitId(0)));
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "2", "3"));
}

TEST(Network, AReceiverWithoutRoomHoldsItsSendersBack) {
  Bench bench;
  bench.everybody_up();
  bench.inbox.full.insert(1);
  bench.network.paused(HostId(1));
  bench.send(0, 1, 1);
  bench.run_for(seconds(1));
  EXPECT_THAT(bench.inbox.of[1], IsEmpty());
  bench.inbox.full.clear();
  bench.network.resumed(HostId(1));
  bench.run_for(seconds(1));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("1"));
}

TEST(Network, AClogDelaysEverythingAndLosesNothing) {
  for (const LinkMode mode : {LinkMode::stream, LinkMode::datagram}) {
    Bench bench;
    bench.settings().mode = mode;
    bench.everybody_up();
    bench.network.clog(bench.pair(0, 1));
    bench.send(0, 1, 1);
    bench.send(0, 1, 2);
    bench.run_for(seconds(1));
    EXPECT_THAT(bench.inbox.of[1], IsEmpty());
    bench.network.unclog(bench.pair(0, 1));
    bench.run_for(milliseconds(10));
    EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "2"));
  }
}

TEST(Network, AGrayPartitionStopsSomeCommandsOnly) {
  Bench bench;
  bench.everybody_up();
  CommandSet commands;
  commands.set(static_cast<std::size_t>(Command::commit));
  bench.network.block_commands(bench.pair(0, 1), commands);
  bench.send(0, 1, 1, Command::commit);
  bench.send(0, 1, 2, Command::get_view);
  bench.network.unblock_commands(bench.pair(0, 1), commands);
  bench.send(0, 1, 3, Command::commit);
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("2", "3"));
}

TEST(Network, DatagramsAreLostDuplicatedAndReordered) {
  Bench bench(SeededTape{7});
  bench.settings().mode = LinkMode::datagram;
  bench.everybody_up();
  bench.settings().loss_ppm = 100'000;
  bench.settings().duplicate_ppm = 100'000;
  bench.settings().reorder_ppm = 100'000;
  bench.settings().ghost_ppm = 10'000;
  constexpr u64 sent = 1'000;
  for (u64 i = 1; i <= sent; ++i) {
    bench.send(0, 1, i);
    bench.run_for(microseconds(50));
  }
  bench.run_for(seconds(70));
  const auto& words = bench.inbox.of[1];
  EXPECT_NEAR(static_cast<double>(bench.count(Fault::net_loss)), 100, 40);
  EXPECT_NEAR(static_cast<double>(bench.count(Fault::net_duplicate)), 90, 40);
  EXPECT_GT(bench.count(Fault::net_ghost), 0u);
  EXPECT_GT(bench.count(Fault::net_reorder), 100u);
  EXPECT_EQ(words.size(),
            sent - bench.count(Fault::net_loss) + bench.count(Fault::net_duplicate) + bench.count(Fault::net_ghost));
  EXPECT_FALSE(std::is_sorted(words.begin(), words.end()));
}

TEST(Network, FlippedBitsMeetTheChecksOfProduction) {
  Bench bench(SeededTape{7});
  bench.settings().mode = LinkMode::stream;
  bench.everybody_up();
  bench.settings().corrupt_ppm = 1'000'000;
  bench.send(0, 1, 1);
  bench.run_for(milliseconds(40));
  EXPECT_EQ(bench.count(Fault::net_corrupt), 1u);
  EXPECT_EQ(bench.network.messages_rejected(Reject::header_checksum), 1u);
  EXPECT_FALSE(bench.core.violation) << "nobody's bug";
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("-0")) << "framing is lost, so is the connection";
  bench.settings().corrupt_ppm = 0;
  bench.run_for(seconds(1));
  EXPECT_THAT(bench.inbox.of[0], ElementsAre("-1", "+1"));
}

TEST(Network, FiltersSeeEveryMessage) {
  Bench bench;
  bench.everybody_up();
  const auto filter = bench.network.add_filter([](const Passage& passage) {
    return passage.header().trace.lo == 2 ? Network::Fate::drop : Network::Fate::pass;
  });
  for (u64 i = 1; i <= 3; ++i) bench.send(0, 1, i);
  bench.network.remove_filter(filter);
  bench.send(0, 1, 2);
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("1", "3", "2"));
}

TEST(Network, AnInjectedMessageIsCheckedLikeAnyOther) {
  Bench bench;
  bench.everybody_up();
  const MessageRef good = bench.message(5, NodeId(0));
  const MessageRef forged = bench.message(6, NodeId(2));
  bench.network.inject(UnitId(0), UnitId(1), good.bytes());
  bench.network.inject(UnitId(0), UnitId(1), forged.bytes());
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[1], ElementsAre("5"));
  EXPECT_EQ(bench.network.messages_rejected(Reject::author), 1u);
}

TEST(Network, BandwidthMakesMessagesWaitForEachOther) {
  Bench bench;
  bench.everybody_up();
  bench.settings().bandwidth_bytes_per_s = 256'000;  // one header per millisecond
  for (u64 i = 1; i <= 5; ++i) bench.send(0, 1, i);
  bench.run_for(microseconds(3'150));
  EXPECT_EQ(bench.inbox.of[1].size(), 3u);
  bench.run_for(milliseconds(10));
  EXPECT_EQ(bench.inbox.of[1].size(), 5u);
}

TEST(Network, EachShardHasItsOwnConnection) {
  Bench bench(SparseTape{}, {.nodes = 2, .shards = 2, .clients = 0});
  bench.everybody_up();
  const MessageRef first = bench.message(1, NodeId(0));
  const MessageRef second = bench.message(2, NodeId(0));
  bench.network.begin_turn();
  bench.network.send(UnitId(1), {Peer::node(NodeId(1)), ShardId(1), first}, bench.core.now);
  bench.network.send(UnitId(1), {Peer::node(NodeId(1)), ShardId(0), second}, bench.core.now);
  bench.network.end_turn();
  bench.run_for(milliseconds(10));
  EXPECT_THAT(bench.inbox.of[3], ElementsAre("1"));
  EXPECT_THAT(bench.inbox.of[2], ElementsAre("2")) << "the message names the shard";
}

}  // namespace
}  // namespace keelson::sim
