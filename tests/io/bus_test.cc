#include "keelson/io/bus.h"

#include <gtest/gtest.h>

#include "tests/lib/io/bus_world.h"

namespace keelson::io {
namespace {

using test::BusProcess;
using test::BusWorld;
using test::message_of;

Envelope to_node(u16 node, MessageRef message) { return {Peer::node(NodeId(node)), ShardId(), std::move(message)}; }

MessageRef prepare_ok(Slabs& slabs, u16 author, u64 op) {
  PrepareOk ok;
  ok.node = NodeId(author);
  ok.group = GroupId(1);
  ok.op = Op(op);
  return message_of(slabs, ok);
}

MessageRef prepare(Slabs& slabs, u16 author, u32 body) {
  Prepare header;
  header.node = NodeId(author);
  header.group = GroupId(1);
  header.command = Command::prepare;
  header.cluster = test::cluster_of_tests;
  MessageRef message = allocate_message(slabs, body);
  std::fill_n(message.mutable_data() + header_size, body, std::byte{1});
  header.checksum_body = body_checksum({});  // no frames
  seal_header(message, header, body);
  return message;
}

TEST(Bus, EveryPairOfNodesHasOneConnectionThatTheLowerIdDialed) {
  BusWorld world;
  for (u16 node = 0; node < 3; ++node) world.server(node);
  world.run(seconds(3));
  for (u16 node = 0; node < 3; ++node) {
    BusProcess& process = *world.processes[node];
    EXPECT_EQ(process.count(PeerEventKind::connected), 2u);
    EXPECT_EQ(process.count(PeerEventKind::lost), 0u);
    EXPECT_EQ(process.transport.open_sockets(), 2u);
  }
  EXPECT_EQ(world.processes[2]->transport.dials, 0u);
  EXPECT_GE(world.processes[0]->transport.dials, 2u);
}

TEST(Bus, MessagesArriveInOrderUnderTheSendersName) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  for (u64 op = 1; op <= 5; ++op) a.bus.send(to_node(1, prepare_ok(a.slabs, 0, op)));
  world.run(milliseconds(50));
  ASSERT_EQ(b.received.size(), 5u);
  for (u64 op = 1; op <= 5; ++op) {
    EXPECT_EQ(b.received[op - 1].first, Peer::node(NodeId(0)));
    EXPECT_EQ(as<PrepareOk>(b.received[op - 1].second.data()).op, Op(op));
  }
}

TEST(Bus, PartialReadsAndWritesChangeNothing) {
  for (const std::size_t call : {1u, 7u, 255u, 257u, 1000u}) {
    BusWorld world;
    BusProcess& a = world.server(0, 2);
    BusProcess& b = world.server(1, 2);
    a.transport.call_max = call;
    b.transport.call_max = call;
    world.run(seconds(30), milliseconds(1));
    a.bus.send(to_node(1, prepare(a.slabs, 0, 3000)));
    a.bus.send(to_node(1, prepare_ok(a.slabs, 0, 9)));
    world.run(seconds(15), milliseconds(1));
    ASSERT_EQ(b.received.size(), 2u) << call << " " << to_string(b.bus.counters()) << " / "
                                     << to_string(a.bus.counters());
    EXPECT_EQ(b.received[0].second.size(), 3256u);
    EXPECT_EQ(b.count(PeerEventKind::lost), 0u);
  }
}

TEST(Bus, WhatCameBeforeALossIsSeenBeforeIt) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  a.bus.send(to_node(1, prepare_ok(a.slabs, 0, 1)));
  a.bus.flush(world.now);
  a.bus.close(world.now, Peer::node(NodeId(1)));
  b.turn(world.now);
  EXPECT_EQ(b.received.size(), 1u);
  EXPECT_EQ(b.count(PeerEventKind::lost), 0u) << "not in the bag that carries its messages";
  b.turn(world.now);
  EXPECT_EQ(b.count(PeerEventKind::lost), 0u) << "found now, told in the next bag";
  EXPECT_TRUE(b.bus.pending());
  b.turn(world.now);
  EXPECT_EQ(b.count(PeerEventKind::lost), 1u);
}

TEST(Bus, AResetIsALossOnBothSidesAndIsDialedAgain) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  a.transport.reset(a.transport.sockets().front());
  world.run(seconds(3));
  for (BusProcess* process : {&a, &b}) {
    EXPECT_EQ(process->count(PeerEventKind::lost), 1u);
    EXPECT_EQ(process->count(PeerEventKind::connected), 2u);
    EXPECT_TRUE(process->alternates());
  }
}

TEST(Bus, ALateListenerIsFoundWithoutHammering) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  world.run(seconds(10));
  EXPECT_EQ(a.count(PeerEventKind::connected), 0u);
  EXPECT_LT(a.transport.dials, 40u) << "backoff";
  EXPECT_GT(a.transport.dials, 8u);
  ASSERT_EQ(a.notes.size(), 1u) << "told once";
  EXPECT_EQ(a.notes[0].kind, BusNote::Kind::dial_failed);
  world.server(1, 2);
  world.run(seconds(2));
  EXPECT_EQ(a.count(PeerEventKind::connected), 1u);
}

TEST(Bus, AnUnansweredDialTimesOut) {
  BusWorld world;
  world.network.unreachable.insert(BusWorld::replica_address(1));
  BusProcess& a = world.server(0, 2);
  world.run(seconds(9));
  EXPECT_GE(a.transport.dials, 3u);
  EXPECT_LE(a.transport.open_sockets(), 1u);
}

TEST(Bus, ASilentPeerIsGivenUp) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  b.transport.frozen = true;
  world.run(seconds(5));
  EXPECT_EQ(a.count(PeerEventKind::lost), 1u);
  EXPECT_EQ(a.bus.counters().of(CloseCause::ping_timeout), 1u);
}

TEST(Bus, AnIdlePeerIsNot) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  world.server(1, 2);
  world.run(seconds(30));
  EXPECT_EQ(a.count(PeerEventKind::lost), 0u) << "pings keep it";
}

// The old connection's end never arrived: a power loss. The restarted process is let in as soon as the old one is
// silent.
TEST(Bus, ADeadOldConnectionIsReplacedByTheRestartedPeer) {
  BusWorld world;
  BusProcess& b = world.server(1, 2);
  BusProcess& old = world.server(0, 2);
  world.run(seconds(1));
  old.transport.frozen = true;
  io::BusConfig config = world.server_config(0, 2);
  config.self.boot_id = 4242;
  BusProcess& restarted = world.add(std::move(config), {Generation(1), Incarnation(2)});
  world.run(seconds(2));
  EXPECT_EQ(restarted.count(PeerEventKind::connected), 1u);
  EXPECT_EQ(b.bus.counters().of(CloseCause::superseded), 1u);
  ASSERT_GE(b.events.size(), 3u);
  EXPECT_TRUE(b.alternates()) << "lost, then connected";
  EXPECT_EQ(b.events.back().life, (Life{Generation(1), Incarnation(2)}));
}

TEST(Bus, TwoLiveProcessesUnderOneIdDoNotFlap) {
  BusWorld world;
  BusProcess& b = world.server(1, 2);
  world.server(0, 2);
  world.run(seconds(1));
  io::BusConfig config = world.server_config(0, 2);
  config.self.boot_id = 4242;
  BusProcess& second = world.add(std::move(config));
  world.run(seconds(20));
  EXPECT_EQ(b.count(PeerEventKind::lost), 0u);
  EXPECT_EQ(second.count(PeerEventKind::connected), 0u);
  ASSERT_FALSE(second.notes.empty());
  EXPECT_EQ(second.notes[0].reject, RejectCode::duplicate_node);
  EXPECT_TRUE(second.notes[0].by_peer);
  EXPECT_EQ(second.notes.size(), 1u) << "told once";
}

TEST(Bus, AnOlderDataFileIsRefused) {
  BusWorld world;
  BusProcess& b = world.server(1, 2);
  BusProcess& replaced = world.add(world.server_config(0, 2), {Generation(2), Incarnation(1)});
  world.run(seconds(1));
  ASSERT_EQ(b.count(PeerEventKind::connected), 1u);
  replaced.bus.drain(world.now);
  world.run(seconds(2));
  io::BusConfig config = world.server_config(0, 2);
  config.self.boot_id = 4242;
  BusProcess& old = world.add(std::move(config), {Generation(1), Incarnation(9)});
  world.run(seconds(2));
  ASSERT_FALSE(old.notes.empty());
  EXPECT_EQ(old.notes[0].reject, RejectCode::generation);
}

TEST(Bus, AClientFindsTheWholeClusterFromOneAddress) {
  BusWorld world;
  for (u16 node = 0; node < 3; ++node) world.server(node).echo = true;
  BusProcess& client = world.add(world.client_config({BusWorld::client_address(1)}));
  world.run(seconds(1));
  EXPECT_EQ(client.count(PeerEventKind::connected), 3u);
  EXPECT_EQ(client.bus.cluster().cluster, test::cluster_of_tests);
  EXPECT_EQ(client.bus.cluster().node_count, 3u);
  for (u16 node = 0; node < 3; ++node) EXPECT_EQ(world.processes[node]->count(PeerEventKind::client_connected), 1u);
  const auto bytes = test::request_bytes(100);
  client.bus.send(to_node(2, copy_message(client.slabs, bytes)));
  world.run(milliseconds(50));
  ASSERT_EQ(world.processes[2]->received.size(), 1u);
  EXPECT_TRUE(world.processes[2]->received[0].first.is_client());
}

TEST(Bus, TwoAddressesOfOneNodeAreOneConnection) {
  BusWorld world;
  BusProcess& server = world.server(0, 1);
  world.network.listeners[{"localhost", 7700}] = {&server.transport, Plane::client};
  BusProcess& client = world.add(world.client_config({{"localhost", 7700}, BusWorld::client_address(0)}));
  world.run(seconds(5));
  EXPECT_EQ(client.count(PeerEventKind::connected), 1u);
  EXPECT_EQ(client.transport.open_sockets(), 1u);
  EXPECT_LE(client.transport.dials, 2u);
}

TEST(Bus, ANodeOfAnotherClusterIsRefused) {
  BusWorld world;
  world.server(0, 2);
  io::BusConfig config = world.server_config(1, 2);
  config.self.cluster = {1, 1};
  BusProcess& foreign = world.add(std::move(config));
  world.run(seconds(5));
  EXPECT_EQ(foreign.count(PeerEventKind::connected), 0u);
  BusProcess& a = *world.processes[0];
  ASSERT_EQ(a.notes.size(), 1u);
  EXPECT_EQ(a.notes[0].reject, RejectCode::cluster);
  EXPECT_LT(a.transport.dials, 8u) << "a configuration fault is tried rarely";
}

TEST(Bus, AFullQueueSaysSo) {
  BusWorld world;
  io::BusConfig config = world.server_config(0, 2);
  config.peer.send = {.bytes_max = 64 * 1024, .messages_max = 64};
  BusProcess& a = world.add(std::move(config));
  world.server(1, 2);
  world.run(seconds(1));
  a.transport.call_max = 0;  // the peer takes nothing
  for (u64 op = 1; op <= 100; ++op) a.bus.send(to_node(1, prepare_ok(a.slabs, 0, op)));
  a.turn(world.now);
  ASSERT_EQ(a.events.back().kind, PeerEventKind::send_dropped);
  EXPECT_EQ(a.events.back().count, 44u) << "one event for all";
  EXPECT_EQ(a.bus.counters().send_refused, 44u);
}

TEST(Bus, APeerThatTakesNothingIsGivenUp) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  a.transport.call_max = 0;
  a.bus.send(to_node(1, prepare_ok(a.slabs, 0, 1)));
  for (int i = 0; i < 130; ++i) {
    b.bus.send(to_node(0, prepare_ok(b.slabs, 1, 1)));
    world.run(milliseconds(100));
  }
  EXPECT_EQ(a.count(PeerEventKind::lost), 1u);
}

TEST(Bus, SendingToNobodyIsCounted) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  a.bus.send(to_node(1, prepare_ok(a.slabs, 0, 1)));
  EXPECT_EQ(a.bus.counters().send_not_connected, 1u);
  EXPECT_EQ(a.slabs.in_use(), 0u);
}

TEST(Bus, DrainFlushesEveryAcceptedByte) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  for (u64 op = 1; op <= 20; ++op) a.bus.send(to_node(1, prepare_ok(a.slabs, 0, op)));
  a.transport.call_max = 100;
  a.bus.drain(world.now);
  world.run(milliseconds(450), milliseconds(1));
  EXPECT_EQ(b.received.size(), 20u);
  EXPECT_TRUE(a.bus.drained());
  EXPECT_EQ(b.count(PeerEventKind::lost), 1u);
  EXPECT_EQ(a.slabs.in_use(), 0u);
}

TEST(Bus, WithoutSlabsNothingIsLost) {
  BusWorld world;
  BusProcess& a = world.server(0, 2);
  BusProcess& b = world.server(1, 2);
  world.run(seconds(1));
  std::vector<Slab*> taken;
  while (Slab* slab = b.slabs.acquire(1)) taken.push_back(slab);
  for (u64 op = 1; op <= 5; ++op) a.bus.send(to_node(1, prepare_ok(a.slabs, 0, op)));
  world.run(milliseconds(300));
  EXPECT_EQ(b.received.size(), 0u);
  EXPECT_FALSE(b.bus.pending()) << "waits instead of spinning";
  for (Slab* slab : taken) release(slab);
  world.run(milliseconds(300));
  EXPECT_EQ(b.received.size(), 5u);
  EXPECT_EQ(b.count(PeerEventKind::lost), 0u);
}

}  // namespace
}  // namespace keelson::io
