#include "keelson/io/handshake.h"

#include <gtest/gtest.h>

#include "tests/lib/io/messages.h"

namespace keelson::io {
namespace {

using State = Handshake::State;
using Output = Handshake::Output;

LinkSelf node(u16 id) {
  LinkSelf self;
  self.cluster = test::cluster_of_tests;
  self.node = NodeId(id);
  self.life = {Generation(1), Incarnation(7)};
  self.limits = Limits::standard().digest();
  self.boot_id = 1000u + id;
  self.members = {NodeId(0), NodeId(1), NodeId(2)};
  self.book.count = 1;
  self.book.entries[0] = {NodeId(id), 7700, 0, *numeric_ip("127.0.0.1")};
  return self;
}

// Moves what is in `wire` into the handshake, in pieces of `piece` bytes.
void deliver(Output& wire, Handshake& to, Output& out, std::size_t piece = 512) {
  while (!wire.empty() && to.wants() > 0) {
    const std::size_t count = std::min({wire.size(), std::size_t{to.wants()}, piece});
    to.feed({wire.data(), count}, out);
    wire.erase(wire.begin(), wire.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

struct Pair {
  LinkSelf dialing;
  LinkSelf accepting;
  Plane plane = Plane::replica;
  Output to_acceptor{};
  Output to_dialer{};
  Handshake dialer = Handshake::dial(plane, dialing, NodeId(accepting.node), 5, to_acceptor);
  Handshake acceptor = Handshake::accept(plane, accepting);

  void run(std::size_t piece = 512) {
    for (int i = 0; i < 8; ++i) {
      deliver(to_acceptor, acceptor, to_dialer, piece);
      deliver(to_dialer, dialer, to_acceptor, piece);
    }
  }
};

TEST(Handshake, NodesLearnEachOther) {
  Pair pair{node(0), node(1)};
  pair.run();
  ASSERT_EQ(pair.acceptor.state(), State::judging);
  EXPECT_EQ(pair.dialer.state(), State::waiting) << "connected only at ready";
  pair.acceptor.admit(pair.to_dialer);
  pair.run();
  ASSERT_EQ(pair.dialer.state(), State::done);
  EXPECT_EQ(pair.dialer.peer().node, NodeId(1));
  EXPECT_EQ(pair.acceptor.peer().node, NodeId(0));
  EXPECT_EQ(pair.acceptor.peer().life, (Life{Generation(1), Incarnation(7)}));
  EXPECT_EQ(pair.acceptor.peer().boot_id, 1000u);
  EXPECT_EQ(pair.acceptor.peer().dial_seq, 5u);
}

TEST(Handshake, WorksByteByByte) {
  Pair pair{node(0), node(1)};
  pair.run(1);
  pair.acceptor.admit(pair.to_dialer);
  pair.run(1);
  EXPECT_EQ(pair.dialer.state(), State::done);
}

TEST(Handshake, AClientIsToldTheClusterAndItsAddresses) {
  LinkSelf client;
  client.boot_id = 9;
  Pair pair{client, node(2), Plane::client};
  pair.run();
  ASSERT_EQ(pair.acceptor.state(), State::judging);
  EXPECT_EQ(pair.acceptor.peer().node, no_node);
  pair.acceptor.admit(pair.to_dialer);
  pair.run();
  ASSERT_EQ(pair.dialer.state(), State::done);
  EXPECT_EQ(pair.dialer.peer().cluster, test::cluster_of_tests);
  EXPECT_EQ(pair.dialer.peer().node, NodeId(2));
  EXPECT_EQ(pair.dialer.peer().node_count, 3u);
  ASSERT_EQ(pair.dialer.peer().book.count, 1u);
  EXPECT_EQ(pair.dialer.peer().book.entries[0].port, 7700u);
}

void expect_refused(const LinkSelf& dialing, const LinkSelf& accepting, RejectCode code, Plane plane = Plane::replica) {
  Pair pair{dialing, accepting, plane};
  pair.run();
  EXPECT_EQ(pair.acceptor.state(), State::refused) << info(code).name;
  EXPECT_EQ(pair.acceptor.reject(), code);
  EXPECT_EQ(pair.dialer.state(), State::refused);
  EXPECT_EQ(pair.dialer.reject(), code) << "every reason reaches the dialer";
  EXPECT_TRUE(pair.dialer.refused_by_peer());
}

TEST(Handshake, RefusesWithAReason) {
  LinkSelf other = node(0);
  other.cluster = {9, 9};
  expect_refused(other, node(1), RejectCode::cluster);
  other = node(0);
  other.limits = Limits::tiny().digest();
  expect_refused(other, node(1), RejectCode::limits);
  LinkSelf stranger = node(0);
  stranger.node = NodeId(5);
  expect_refused(stranger, node(1), RejectCode::unknown_node);
  expect_refused(node(2), node(1), RejectCode::not_your_turn);
  expect_refused(node(1), node(1), RejectCode::not_your_turn);
  LinkSelf client;
  client.cluster = {9, 9};
  expect_refused(client, node(1), RejectCode::cluster, Plane::client);
}

TEST(Handshake, TheBusMayRefuseAfterTheConfirm) {
  Pair pair{node(0), node(1)};
  pair.run();
  pair.acceptor.refuse(RejectCode::duplicate_node, pair.to_dialer);
  pair.run();
  EXPECT_EQ(pair.dialer.state(), State::refused);
  EXPECT_EQ(pair.dialer.reject(), RejectCode::duplicate_node);
}

TEST(Handshake, AnotherProtocolVersionIsRefused) {
  LinkBody hello;
  hello.cluster = test::cluster_of_tests;
  hello.proto_min = protocol_version + 1;
  hello.proto_max = protocol_version + 3;
  const LinkBytes bytes = make_link(Command::hello, {hello.cluster, NodeId(0), {}}, hello);
  const LinkSelf self = node(1);
  Handshake acceptor = Handshake::accept(Plane::replica, self);
  Output out;
  acceptor.feed(bytes, out);
  EXPECT_EQ(acceptor.state(), State::refused);
  EXPECT_EQ(acceptor.reject(), RejectCode::version);
  EXPECT_EQ(out.size(), link_size);
}

TEST(Handshake, AnotherNodeAtTheAddressIsNotBelieved) {
  Output wire;
  const LinkSelf self = node(0);
  const LinkSelf other = node(2);
  Handshake dialer = Handshake::dial(Plane::replica, self, NodeId(1), 1, wire);
  Handshake acceptor = Handshake::accept(Plane::replica, other);
  Output back;
  deliver(wire, acceptor, back);
  deliver(back, dialer, wire);
  EXPECT_EQ(dialer.state(), State::refused);
  EXPECT_EQ(dialer.reject(), RejectCode::identity);
  EXPECT_FALSE(dialer.refused_by_peer());
}

// Every byte of a hello matters: whichever is changed, nobody is believed, and a stranger gets no byte back unless the
// hello was well formed.
TEST(Handshake, SpoiledHellosGetNoByte) {
  LinkBody body;
  body.cluster = test::cluster_of_tests;
  body.limits = Limits::standard().digest();
  const LinkBytes good = make_link(Command::hello, {body.cluster, NodeId(0), {}}, body);
  const LinkSelf self = node(1);
  for (std::size_t at = 0; at < good.size(); ++at) {
    LinkBytes bytes = good;
    bytes[at] ^= std::byte{0x10};
    Handshake acceptor = Handshake::accept(Plane::replica, self);
    Output out;
    acceptor.feed(bytes, out);
    ASSERT_EQ(acceptor.state(), State::failed) << at;
    ASSERT_TRUE(out.empty());
  }
}

TEST(Handshake, WellSealedNonsenseFails) {
  const LinkSelf self = node(1);
  const auto feed = [&](Command command, LinkBody body, LinkSender sender) {
    Handshake acceptor = Handshake::accept(Plane::replica, self);
    Output out;
    acceptor.feed(make_link(command, sender, body), out);
    EXPECT_EQ(out.empty(), acceptor.state() == State::failed);
    return acceptor.state();
  };
  LinkBody body;
  body.cluster = test::cluster_of_tests;
  body.limits = Limits::standard().digest();
  const LinkSender sender{body.cluster, NodeId(0), {}};
  EXPECT_EQ(feed(Command::confirm, body, sender), State::failed) << "out of turn";
  EXPECT_EQ(feed(Command::ready, body, sender), State::failed);
  EXPECT_EQ(feed(Command::reject, body, sender), State::failed) << "an acceptor isn't rejected";
  LinkBody spoiled = body;
  spoiled.magic[0] = 'k';
  EXPECT_EQ(feed(Command::hello, spoiled, sender), State::failed);
  spoiled = body;
  spoiled.plane = Plane::client;
  EXPECT_EQ(feed(Command::hello, spoiled, sender), State::failed) << "of the other plane";
  spoiled = body;
  spoiled.reserved[69] = 1;
  EXPECT_EQ(feed(Command::hello, spoiled, sender), State::failed);
  spoiled = body;
  spoiled.node = NodeId(2);
  EXPECT_EQ(feed(Command::hello, spoiled, sender), State::failed) << "header and body name different nodes";
  EXPECT_EQ(feed(Command::hello, body, sender), State::waiting) << "and the unspoiled one passes";
}

TEST(Handshake, AConfirmOfAnotherHelloFails) {
  const LinkSelf self = node(1);
  Handshake acceptor = Handshake::accept(Plane::replica, self);
  LinkBody body;
  body.cluster = test::cluster_of_tests;
  body.limits = Limits::standard().digest();
  body.boot_id = 1;
  Output out;
  acceptor.feed(make_link(Command::hello, {body.cluster, NodeId(0), {}}, body), out);
  body.boot_id = 2;
  acceptor.feed(make_link(Command::confirm, {body.cluster, NodeId(0), {}}, body), out);
  EXPECT_EQ(acceptor.state(), State::failed);
}

TEST(Handshake, NeverWantsMoreThanOneUnit) {
  const LinkSelf self = node(1);
  Handshake acceptor = Handshake::accept(Plane::replica, self);
  EXPECT_EQ(acceptor.wants(), link_size);
  Output out;
  const std::vector<std::byte> some(500);
  acceptor.feed(some, out);
  EXPECT_EQ(acceptor.wants(), 12u);
}

}  // namespace
}  // namespace keelson::io
