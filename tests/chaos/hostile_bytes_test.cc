// Hostile bytes against live servers: counted with a reason, connection closed where it must be, never a crash.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <random>
#include <signal.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/lib/io/messages.h"
#include "tests/lib/io/real_cluster.h"

namespace keelson {
namespace {

using test::put_at;
using test::RealCluster;
using test::request_bytes;
using test::resealed;
using testing::HasSubstr;
using Bytes_ = std::vector<std::byte>;

class Attacker {
 public:
  explicit Attacker(unsigned short port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Attacker() { ::close(fd_); }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;

  bool connected() const { return connected_; }
  void send(const Bytes_& bytes) { (void)!::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  // What comes until `count` bytes are here, the other end closes, or nothing comes for a while.
  Bytes_ receive(std::size_t count) {
    Bytes_ all;
    std::byte buffer[4096];
    while (all.size() < count) {
      pollfd fd{fd_, POLLIN, 0};
      if (::poll(&fd, 1, 5000) <= 0) return all;
      const ssize_t got = ::recv(fd_, buffer, std::min(sizeof buffer, count - all.size()), 0);
      if (got <= 0) return all;
      all.insert(all.end(), buffer, buffer + got);
    }
    return all;
  }
  bool is_closed_soon() {
    receive(1 << 20);
    std::byte byte;
    return ::recv(fd_, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
  }
  // Through the handshake of a client; the cluster's id comes back.
  ClusterId greet() {
    io::LinkBody body;
    body.plane = io::Plane::client;
    const io::LinkBytes hello = io::make_link(Command::hello, {}, body);
    send({hello.begin(), hello.end()});
    const Bytes_ answer = receive(2 * io::link_size);
    if (answer.size() != 2 * io::link_size) return {};
    return header_at(answer.data()).cluster;
  }

 private:
  int fd_;
  bool connected_ = false;
};

class HostileBytes : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cluster_.written.exit_code, 0) << cluster_.written.err;
    ASSERT_TRUE(cluster_.start_all()) << cluster_.failure;
  }
  void expect_closed(Attacker& attacker, const Bytes_& bytes, const char* what) {
    attacker.send(bytes);
    EXPECT_TRUE(attacker.is_closed_soon()) << what;
  }
  // The server wrote its counters to the log when it was asked.
  std::string counters(int node) {
    auto& server = *cluster_.server(node);
    const std::size_t before = server.read_errors().size();
    server.kill(SIGUSR1);
    for (int i = 0; i < 500; ++i) {
      const std::string log = server.read_errors().substr(before);
      if (log.find("stats.group") != std::string::npos) return log;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
  }
  void expect_alive() {
    for (int node = 0; node < 3; ++node) ASSERT_EQ(::kill(cluster_.server(node)->pid(), 0), 0);
    test::Process shell = cluster_.shell();
    shell.write("put alive yes\n");
    const auto line = shell.read_line();
    ASSERT_TRUE(line);
    EXPECT_THAT(*line, HasSubstr("{\"ok\":true"));
  }

  RealCluster cluster_{KEELSON_COMMAND, 3};
};

TEST_F(HostileBytes, EveryKindIsCountedAndClosedWhereItMustBe) {
  const unsigned short port = cluster_.client_port(0);
  ClusterId id;
  {
    Attacker attacker(port);
    id = attacker.greet();
    ASSERT_FALSE(id.is_zero());
  }
  const auto attack = [&](const Bytes_& bytes, const char* what) {
    Attacker attacker(port);
    ASSERT_EQ(attacker.greet(), id);
    expect_closed(attacker, bytes, what);
  };
  Bytes_ bad = request_bytes(100, 1, id);
  bad[20] ^= std::byte{1};
  attack(bad, "header checksum");
  bad = request_bytes(100, 1, id);
  bad.back() ^= std::byte{1};
  attack(bad, "body checksum");
  attack(resealed(request_bytes(0, 1, id), [](auto& b) { put_at(b, offsetof(Header, size), ~u32{0}); }), "oversized");
  attack(resealed(request_bytes(0, 1, id), [](auto& b) { put_at(b, offsetof(Header, protocol), u16{77}); }), "future");
  attack(request_bytes(0, 1, ClusterId{9, 9}), "another cluster");
  Bytes_ many;
  const Bytes_ unknown =
      resealed(request_bytes(64, 1, id), [](auto& b) { put_at(b, offsetof(Header, command), u8{211}); });
  for (int i = 0; i < 16; ++i) many.insert(many.end(), unknown.begin(), unknown.end());
  attack(many, "unknown commands");
  {
    Attacker truncated(port);
    truncated.greet();
    Bytes_ half = request_bytes(1000, 1, id);
    half.resize(600);
    truncated.send(half);
  }
  {
    Attacker replay(port);  // legal on the wire, harmless by session
    replay.greet();
    for (int i = 0; i < 20; ++i) replay.send(request_bytes(16, 1, id));
    EXPECT_FALSE(replay.receive(header_size).empty()) << "refused with an answer";
  }
  Attacker no_handshake(port);
  expect_closed(no_handshake, Bytes_(512, std::byte{0x47}), "no handshake");
  expect_alive();

  const std::string counted = counters(0);
  for (const char* reason : {"malformed{header_checksum}=1", "malformed{body_checksum}=1", "malformed{size}=1",
                             "malformed{protocol}=1", "malformed{cluster}=1", "malformed{command}=16",
                             "closed{malformed}=6", "closed{truncated}=1", "closed{bad_handshake}=1"})
    EXPECT_THAT(counted, HasSubstr(reason));
}

TEST_F(HostileBytes, NoiseOnEveryPortStopsNobody) {
  std::mt19937_64 random(20240611);
  for (int i = 0; i < 60; ++i) {
    const int node = i % 3;
    const bool replica = i % 2 == 0;
    Attacker attacker(replica ? cluster_.replica_port(node) : cluster_.client_port(node));
    ASSERT_TRUE(attacker.connected());
    const ClusterId id = replica ? ClusterId{} : attacker.greet();
    Bytes_ bytes = i % 4 == 0 ? Bytes_(1 + random() % 5000) : request_bytes(static_cast<u32>(random() % 2000), 1, id);
    for (std::size_t n = 1 + random() % 40; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    attacker.send(bytes);
  }
  expect_alive();
}

}  // namespace
}  // namespace keelson
