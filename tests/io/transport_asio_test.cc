// The bus over real sockets on loopback: what memory can't show.
#include "keelson/io/transport_asio.h"

#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "keelson/io/bus.h"
#include "keelson/io/clock.h"
#include "tests/lib/io/messages.h"
#include "tests/lib/io/process.h"

namespace keelson::io {
namespace {

using test::cluster_of_tests;

struct Node {
  Node(u16 id, u16 count, u16 base_port, const std::string& peer_host = "127.0.0.1")
      : transport(context), slabs(limits), bus(config(id, count, base_port, peer_host), transport, slabs), bag(limits) {
    EXPECT_EQ(transport.bind(Plane::replica, {"127.0.0.1", static_cast<u16>(base_port + 2 * id)}), 0);
    EXPECT_EQ(transport.bind(Plane::client, {"127.0.0.1", static_cast<u16>(base_port + 2 * id + 1)}), 0);
  }
  void start() { bus.start(monotonic_now(), {Generation(1), Incarnation(1)}); }

  BusConfig config(u16 id, u16 count, u16 base_port, const std::string& peer_host) const {
    BusConfig config;
    config.self.cluster = cluster_of_tests;
    config.self.node = NodeId(id);
    config.self.limits = limits.digest();
    config.self.boot_id = id + 1u;
    config.peer.message_size_max = limits.message_size_max;
    config.peer.send = {8 << 20, 1000};
    for (u16 i = 0; i < count; ++i) {
      config.self.members.push_back(NodeId(i));
      if (i > id) config.targets.push_back({{peer_host, static_cast<u16>(base_port + 2 * i)}, NodeId(i)});
    }
    return config;
  }
  void turn() {
    context.restart();
    context.poll();
    bag.clear();
    const Instant now = monotonic_now();
    bus.collect(now, bag);
    for (const PeerEvent& event : bag.peers) {
      connected += event.kind == PeerEventKind::connected;
      lost += event.kind == PeerEventKind::lost;
    }
    for (const Envelope& envelope : bag.messages) received.push_back(envelope.message);
    bus.flush(now);
    for (const BusNote& note : bus.take_notes()) notes.push_back(note);
  }

  Limits limits = Limits::standard();
  asio::io_context context;
  AsioTransport transport;
  Slabs slabs;
  Bus bus;
  EventBag bag;
  int connected = 0;
  int lost = 0;
  std::vector<MessageRef> received;
  std::vector<BusNote> notes;
};

// Turns all nodes until it holds; false when it doesn't within ten seconds.
template <class Condition>
bool eventually(std::initializer_list<Node*> nodes, Condition holds) {
  for (const Instant end = monotonic_now() + seconds(10); monotonic_now() < end;) {
    for (Node* node : nodes) node->turn();
    if (holds()) return true;
  }
  return false;
}

MessageRef prepare(Slabs& slabs, u32 body) {
  Prepare header;
  header.node = NodeId(0);
  header.group = GroupId(1);
  header.command = Command::prepare;
  header.cluster = cluster_of_tests;
  MessageRef message = allocate_message(slabs, body);
  for (u32 i = 0; i < body; ++i) message.mutable_data()[header_size + i] = static_cast<std::byte>(i * 31 + body);
  header.checksum_body = body_checksum({});
  seal_header(message, header, body);
  return message;
}

TEST(AsioTransport, MessagesOfEverySizeArriveWhole) {
  const u16 port = test::free_ports(4);
  Node a(0, 2, port);
  Node b(1, 2, port);
  a.start();
  b.start();
  ASSERT_TRUE(eventually({&a, &b}, [&] { return a.connected == 1 && b.connected == 1; }));
  std::vector<MessageRef> sent;
  for (const u32 body : {0u, 1u, 255u, 4096u, 65'536u, 200'000u, (1u << 20) - 256u, 7u}) {
    sent.push_back(prepare(a.slabs, body));
    a.bus.send({Peer::node(NodeId(1)), ShardId(), sent.back()});
  }
  ASSERT_TRUE(eventually({&a, &b}, [&] { return b.received.size() == sent.size(); }));
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(equal(b.received[i].bytes(), sent[i].bytes())) << i;
}

TEST(AsioTransport, ALateListenerIsFoundAndALossNoticed) {
  const u16 port = test::free_ports(4);
  Node a(0, 2, port);
  a.start();
  ASSERT_TRUE(eventually({&a}, [&] { return !a.notes.empty(); }));
  EXPECT_EQ(a.notes[0].error, ECONNREFUSED);
  {
    Node b(1, 2, port);
    b.start();
    ASSERT_TRUE(eventually({&a, &b}, [&] { return a.connected == 1; }));
  }
  ASSERT_TRUE(eventually({&a}, [&] { return a.lost == 1; }));
}

TEST(AsioTransport, NamesAreResolved) {
  const u16 port = test::free_ports(4);
  Node a(0, 2, port, "localhost");
  Node b(1, 2, port);
  a.start();
  b.start();
  EXPECT_TRUE(eventually({&a, &b}, [&] { return a.connected == 1; }));
  Node nowhere(0, 2, test::free_ports(4), "no-such-host.invalid");
  nowhere.start();
  ASSERT_TRUE(eventually({&nowhere}, [&] { return !nowhere.notes.empty(); }));
  EXPECT_EQ(nowhere.notes[0].kind, BusNote::Kind::dial_failed);
}

// The receiver is provably not reading: it never gets a turn.
TEST(AsioTransport, APeerThatNeverReadsGivesBackpressure) {
  const u16 port = test::free_ports(4);
  Node a(0, 2, port);
  Node b(1, 2, port);
  a.start();
  b.start();
  ASSERT_TRUE(eventually({&a, &b}, [&] { return a.connected == 1 && b.connected == 1; }));
  const MessageRef message = prepare(a.slabs, 60'000);
  for (int i = 0; i < 2000; ++i) {
    a.bus.send({Peer::node(NodeId(1)), ShardId(), message});
    a.turn();
  }
  EXPECT_GT(a.bus.counters().send_refused, 1000u);
  EXPECT_LT(a.bus.counters().messages_out, 1000u);
}

TEST(AsioTransport, AListenerOverALiveOneFails) {
  const u16 port = test::free_ports(4);
  asio::io_context context;
  AsioTransport first(context);
  ASSERT_EQ(first.bind(Plane::client, {"127.0.0.1", port}), 0);
  first.accept(Plane::client, true);
  ASSERT_EQ(first.listen_error(), 0);
  AsioTransport second(context);
  EXPECT_EQ(second.bind(Plane::client, {"127.0.0.1", port}), EADDRINUSE);
}

// Two that only bound, both of them before anybody listened: found out when the second one listens.
TEST(AsioTransport, ARaceForThePortIsFoundAtTheLatestByListening) {
  const u16 port = test::free_ports(4);
  asio::io_context context;
  AsioTransport first(context);
  AsioTransport second(context);
  ASSERT_EQ(first.bind(Plane::client, {"127.0.0.1", port}), 0);
  if (second.bind(Plane::client, {"127.0.0.1", port}) != 0) return;
  first.accept(Plane::client, true);
  second.accept(Plane::client, true);
  EXPECT_EQ(second.listen_error(), EADDRINUSE);
}

TEST(AsioTransport, EverySocketIsClosedOnExecAndWithoutDelay) {
  const u16 port = test::free_ports(4);
  Node a(0, 2, port);
  Node b(1, 2, port);
  a.start();
  b.start();
  ASSERT_TRUE(eventually({&a, &b}, [&] { return a.connected == 1 && b.connected == 1; }));
  int connected = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0 || type != SOCK_STREAM) continue;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET) continue;
    int no_delay = 0;
    socklen_t value_size = sizeof no_delay;
    ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &value_size);
    EXPECT_EQ(no_delay, 1) << fd;
    ++connected;
  }
  EXPECT_EQ(connected, 2);
}

TEST(AsioTransport, WithoutDescriptorsItPausesInsteadOfSpinning) {
  const u16 port = test::free_ports(4);
  Node a(0, 1, port);
  a.start();
  a.turn();
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  const auto open_now = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<u16>(port + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  const rlimit low{static_cast<rlim_t>(open_now + 5), old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  for (const Instant end = monotonic_now() + milliseconds(200); monotonic_now() < end;) a.turn();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_GE(a.transport.accept_errors(), 1u);
  EXPECT_LE(a.transport.accept_errors(), 8u) << "each error doubles the pause";
}

}  // namespace
}  // namespace keelson::io
