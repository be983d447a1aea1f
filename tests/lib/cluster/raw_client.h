// RawClient: a client that says exactly what a story wants: old request numbers, foreign sessions, the same bytes
// twice.
//
// Who uses it: stories about sessions, where the kernel's Client would never misbehave like this. Its messages travel
// over the connections of client 0, and its answers are read off what replicas send. Not here: the history; what it
// asks is checked only as far as the log is.
#pragma once

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {

class RawClient {
 public:
  struct Answer {
    NodeId from;
    Status status = Status::ok;
    Op op;  // of the kernel; 0: refused before it got one
    SessionId session;
    RequestNo request;
    std::vector<std::byte> body;
    bool operator==(const Answer&) const = default;
  };
  using Answers = std::vector<Answer>;

  RawClient(Cluster& cluster, u64 number) : cluster_(cluster), id_{number, 0x6c6c6174} {}

  // Each sends to the primary, once it can be reached, and waits for what comes back.
  Answer do_register(Where at = Where::current());  // takes over the session
  Answer put(u64 request, const std::string& name, Where at = Where::current());
  Answer unregister(u64 request, Where at = Where::current());

  // Sends and does not wait.
  void send_register(Who to = primary);
  void send_put(u64 request, const std::string& name, Who to = primary);
  Answers answers(u64 request) const;  // so far

  SessionId session{};
  std::optional<u64> ack_floor;  // instead of request - 1

 private:
  void send(Who to, Operation operation, u64 request, Bytes body);
  void wait_for_primary(Where at);
  Answer wait(u64 request, std::size_t before, Where at);

  Cluster& cluster_;
  ClientId id_;
};

}  // namespace keelson::test
