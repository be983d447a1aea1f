// Client: the sans-IO half of a keelson client. One session per group, one request in flight per session, the others
// of that group queued in order.
//
// Who uses it: the simulator's workloads, io/client (shell, kv), embedders. Same shape as Shard: bags in, bags out.
// Every submission gets exactly one SubmitReply, at the latest at its deadline; one that ends with deadline_passed
// carries the newest refusal, if there was any. It sends only to nodes that a PeerEvent called connected. Submitting
// operation_unregister gives a group's session back, and is answered ok, without a message, when there is none any
// more; what is submitted after it registers anew. Not here: sockets, threads, retries of requests whose outcome is
// unknown (only the caller knows whether they are idempotent).
#pragma once

#include <memory>

#include "keelson/base/counters.h"
#include "keelson/wire/bag.h"

namespace keelson {

struct ClientConfig {
  ClusterId cluster;
  ClientId id;         // random, never reused
  u16 node_count = 0;  // nodes 0 .. node_count - 1
  Limits limits;
  Tunables tunables;
  u64 seed = 0;                           // jitter
  Duration timeout = milliseconds(5000);  // of a submission that names none
};

class Client {
 public:
  Client(const ClientConfig& config, Slabs& slabs);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void step(const EventBag& in, EffectBag& out);
  Instant deadline() const;
  std::size_t outstanding() const;  // submissions without a reply yet
  const Counters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson
