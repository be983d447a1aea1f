// What strangers may cost: a counter and a connection, never more.
#include <gtest/gtest.h>

#include "tests/lib/io/bus_world.h"

namespace keelson::io {
namespace {

using test::BusProcess;
using test::BusWorld;
using test::put_at;
using test::request_bytes;
using test::resealed;

LinkBytes client_hello() {
  LinkBody body;
  body.plane = Plane::client;
  return make_link(Command::hello, {}, body);
}

class HostileTest : public testing::Test {
 protected:
  BusWorld world_;
  BusProcess& server_ = world_.server(0, 1);

  void settle() { world_.run(milliseconds(50)); }
  // A connection that passed the handshake.
  SocketId client() {
    const SocketId socket = server_.transport.connect_stranger(Plane::client);
    settle();
    server_.transport.stranger_sends(socket, client_hello());
    settle();
    EXPECT_EQ(server_.transport.stranger_received(socket).size(), 2 * link_size);
    return socket;
  }
  void send(SocketId socket, const std::vector<std::byte>& bytes) {
    server_.transport.stranger_sends(socket, bytes);
    settle();
  }
  void expect_closed(SocketId socket, CloseCause cause) {
    EXPECT_TRUE(server_.transport.stranger_is_closed(socket));
    EXPECT_EQ(server_.bus.counters().of(cause), 1u);
    EXPECT_EQ(server_.slabs.in_use(), 0u);
  }
  u64 malformed(Reject reason) { return server_.bus.counters().of(reason); }
};

TEST_F(HostileTest, NoiseInsteadOfAHelloGetsNoByte) {
  for (const Plane plane : {Plane::replica, Plane::client}) {
    const SocketId socket = server_.transport.connect_stranger(plane);
    send(socket, std::vector<std::byte>(600, std::byte{0x42}));
    EXPECT_TRUE(server_.transport.stranger_is_closed(socket));
    EXPECT_TRUE(server_.transport.stranger_received(socket).empty());
  }
  EXPECT_EQ(server_.bus.counters().of(CloseCause::bad_handshake), 2u);
  EXPECT_TRUE(server_.events.empty()) << "the kernel never heard of it";
}

TEST_F(HostileTest, ASilentOrDrippingHelloEndsAfterFiveSeconds) {
  const SocketId silent = server_.transport.connect_stranger(Plane::client);
  const SocketId dripping = server_.transport.connect_stranger(Plane::client);
  const LinkBytes hello = client_hello();
  for (int i = 0; i < 52; ++i) {
    server_.transport.stranger_sends(dripping, Bytes(hello).subspan(static_cast<std::size_t>(i), 1));
    world_.run(milliseconds(100));
  }
  EXPECT_TRUE(server_.transport.stranger_is_closed(silent));
  EXPECT_TRUE(server_.transport.stranger_is_closed(dripping));
  EXPECT_EQ(server_.bus.counters().of(CloseCause::handshake_timeout), 2u);
}

TEST_F(HostileTest, AHandshakeOfAnotherClusterIsRefusedWithAReason) {
  LinkBody body;
  body.plane = Plane::client;
  body.cluster = {6, 6};
  const SocketId socket = server_.transport.connect_stranger(Plane::client);
  const LinkBytes hello = make_link(Command::hello, {body.cluster, {}, {}}, body);
  send(socket, {hello.begin(), hello.end()});
  const auto answer = server_.transport.stranger_received(socket);
  ASSERT_EQ(answer.size(), link_size);
  const auto link = read_link(std::span(answer).first<link_size>(), Plane::client);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->body.reject, RejectCode::cluster);
  world_.run(milliseconds(300));
  EXPECT_TRUE(server_.transport.stranger_is_closed(socket));
}

TEST_F(HostileTest, AReplicaHelloOnTheClientPortIsNoHandshake) {
  LinkBody body;
  body.cluster = test::cluster_of_tests;
  const LinkBytes hello = make_link(Command::hello, {body.cluster, NodeId(0), {}}, body);
  const SocketId socket = server_.transport.connect_stranger(Plane::client);
  send(socket, {hello.begin(), hello.end()});
  expect_closed(socket, CloseCause::bad_handshake);
}

TEST_F(HostileTest, TruncatedMessage) {
  const SocketId socket = client();
  auto bytes = request_bytes(1000);
  bytes.resize(700);
  send(socket, bytes);
  server_.transport.stranger_closes(socket);
  settle();
  expect_closed(socket, CloseCause::truncated);
  EXPECT_TRUE(server_.received.empty());
  EXPECT_EQ(server_.count(PeerEventKind::client_lost), 1u);
}

TEST_F(HostileTest, OversizedMessage) {
  const SocketId socket = client();
  send(socket, resealed(request_bytes(0), [](auto& b) { put_at(b, offsetof(Header, size), u32{1} << 31); }));
  expect_closed(socket, CloseCause::malformed);
  EXPECT_EQ(malformed(Reject::size), 1u);
}

TEST_F(HostileTest, BadChecksums) {
  auto bytes = request_bytes(100);
  bytes[20] ^= std::byte{1};
  send(client(), bytes);
  EXPECT_EQ(malformed(Reject::header_checksum), 1u);
  bytes = request_bytes(100);
  bytes.back() ^= std::byte{1};
  send(client(), bytes);
  EXPECT_EQ(malformed(Reject::body_checksum), 1u);
  EXPECT_EQ(server_.bus.counters().of(CloseCause::malformed), 2u);
  EXPECT_TRUE(server_.received.empty());
  EXPECT_EQ(server_.slabs.in_use(), 0u);
}

TEST_F(HostileTest, WrongClusterAndFutureProtocol) {
  send(client(), request_bytes(0, 1, ClusterId{3, 3}));
  EXPECT_EQ(malformed(Reject::cluster), 1u);
  send(client(), resealed(request_bytes(0), [](auto& b) { put_at(b, offsetof(Header, protocol), u16{9}); }));
  EXPECT_EQ(malformed(Reject::protocol), 1u);
  EXPECT_EQ(server_.bus.counters().of(CloseCause::malformed), 2u);
}

TEST_F(HostileTest, UnknownCommandsAreCountedThenClosed) {
  const SocketId socket = client();
  const auto unknown = resealed(request_bytes(64), [](auto& b) { put_at(b, offsetof(Header, command), u8{99}); });
  for (int i = 0; i < 15; ++i) send(socket, unknown);
  EXPECT_FALSE(server_.transport.stranger_is_closed(socket));
  send(socket, request_bytes(5));
  EXPECT_EQ(server_.received.size(), 1u) << "framing is intact";
  send(socket, unknown);
  EXPECT_EQ(malformed(Reject::command), 16u);
  expect_closed(socket, CloseCause::malformed);
}

TEST_F(HostileTest, RareFaultsAreForgiven) {
  const SocketId socket = client();
  const auto unknown = resealed(request_bytes(64), [](auto& b) { put_at(b, offsetof(Header, command), u8{99}); });
  for (int i = 0; i < 40; ++i) {
    send(socket, unknown);
    world_.run(seconds(1));
  }
  EXPECT_FALSE(server_.transport.stranger_is_closed(socket));
}

TEST_F(HostileTest, AClientMayNotAuthorWhatNodesSay) {
  const SocketId socket = client();
  send(socket, resealed(request_bytes(0), [](auto& b) {
         put_at(b, offsetof(Header, command), Command::commit);
         std::fill(b.begin() + 128, b.end(), std::byte{0});
       }));
  EXPECT_EQ(malformed(Reject::author), 1u);
  EXPECT_TRUE(server_.received.empty());
}

// A replay is legal on the wire: sessions, not io, make it harmless.
TEST_F(HostileTest, AReplayedMessageIsPassedOn) {
  const SocketId socket = client();
  send(socket, request_bytes(10));
  send(socket, request_bytes(10));
  EXPECT_EQ(server_.received.size(), 2u);
}

TEST_F(HostileTest, ASecondHelloIsOutOfPlace) {
  const SocketId socket = client();
  LinkBody body;
  body.plane = Plane::client;
  body.cluster = test::cluster_of_tests;
  const LinkBytes hello = make_link(Command::hello, {body.cluster, {}, {}}, body);
  for (int i = 0; i < 16; ++i) send(socket, {hello.begin(), hello.end()});
  EXPECT_EQ(server_.bus.counters().not_allowed, 16u);
  expect_closed(socket, CloseCause::malformed);
}

TEST_F(HostileTest, AMessageThatNeverEndsIsGivenUp) {
  const SocketId socket = client();
  auto bytes = request_bytes(1000);
  bytes.resize(600);
  for (const std::byte byte : bytes) {
    server_.transport.stranger_sends(socket, Bytes(&byte, 1));
    world_.run(milliseconds(20));
  }
  EXPECT_TRUE(server_.transport.stranger_is_closed(socket));
  EXPECT_EQ(server_.bus.counters().of(CloseCause::slow_frame), 1u);
}

TEST_F(HostileTest, TooManyHandshakesAtOnceAreTurnedAway) {
  for (int i = 0; i < 300; ++i) server_.transport.connect_stranger(Plane::client);
  settle();
  EXPECT_LE(server_.transport.open_sockets(), 256u);
  world_.run(seconds(6));
  EXPECT_EQ(server_.transport.open_sockets(), 0u);
}

TEST_F(HostileTest, MoreClientsThanAllowedAreRefusedWithAReason) {
  BusWorld world;
  io::BusConfig config = world.server_config(0, 1);
  config.clients_max = 2;
  BusProcess& server = world.add(std::move(config));
  std::vector<SocketId> sockets;
  for (int i = 0; i < 3; ++i) {
    sockets.push_back(server.transport.connect_stranger(Plane::client));
    world.run(milliseconds(20));
    server.transport.stranger_sends(sockets.back(), client_hello());
    world.run(milliseconds(20));
  }
  EXPECT_EQ(server.count(PeerEventKind::client_connected), 2u);
  const auto answer = server.transport.stranger_received(sockets[2]);
  ASSERT_GE(answer.size(), link_size);
  const auto link = read_link(std::span(answer).last<link_size>(), Plane::client);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->body.reject, RejectCode::too_many);
}

}  // namespace
}  // namespace keelson::io
