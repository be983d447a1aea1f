// Doubles for tests of the World: shards that log requests, answer them and beat; clients that ask until they are
// answered; programs that misbehave on demand. They know the wire and nothing of replication.
//
// Who uses it: tests/sim. Not for: tests of the kernel.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "keelson/sim/program.h"

namespace keelson::sim::test {

inline constexpr ClusterId echo_cluster{7, 7};

struct EchoOptions {
  u16 nodes = 3;
  u16 shards = 1;
  u16 primary = 0;  // of the group that its shards pretend to have
  Limits limits = Limits::tiny();
  Duration beat = milliseconds(50);
  bool spin = false;            // its deadline is always now
  bool fail_check = false;      // on its first request
  bool leak_slab = false;       // keeps a reference beyond its end
  bool overlap_writes = false;  // breaks the storage contract with its first request
  bool bad_seal = false;        // its first beat carries a wrong checksum
};

// Reads how often it was booted, writes that down, and from then on has a life. Each request becomes one page of the
// WAL; the answer follows when that is durable. With several shards, shard (request mod shards) logs it.
class EchoShard final : public Program {
 public:
  EchoShard(const EchoOptions& options, NodeId node, ShardId shard, Slabs& slabs);
  ~EchoShard() override;
  void step(const EventBag& in, EffectBag& out) override;
  Instant deadline() const override;
  Life life() const override { return life_; }
  Digest digest() const override { return {requests_logged, beats_heard}; }
  // As if there were one group whose primary is node `primary`, with an op per logged request.
  std::size_t group_count() const override { return life_ == Life{} ? 0 : 1; }
  GroupView group(std::size_t) const override;

  u64 requests_logged = 0;
  u64 beats_heard = 0;
  u64 frames_dropped = 0;
  u64 boots = 0;
  std::set<u16> peers;
  std::map<u16, u64> last_beat;  // of each peer

 private:
  struct Pending {
    ShardId from;
    Peer client;
    Request request;
  };
  void on_completion(const Completion& done, EffectBag& out);
  void count_boot(const Completion& done, EffectBag& out);
  void on_request(const Pending& pending, Bytes body, EffectBag& out);
  void answer(const Pending& pending, EffectBag& out);
  void reply_to(const Peer& client, const Request& request, EffectBag& out);
  void beat(Instant now, EffectBag& out);
  void write_page(Zone zone, u64 offset, IoId id, EffectBag& out);

  EchoOptions options_;
  NodeId node_;
  ShardId shard_;
  Slabs& slabs_;
  Life life_;
  Instant next_beat_ = Instant::never();
  u64 beat_no_ = 0;
  u64 next_io_ = 1;
  u64 next_page_ = 0;
  // Its boots are counted on two pages in turn: a torn write spoils the older count only.
  std::vector<std::byte> boot_pages_;
  u32 boot_reads_ = 0;
  std::map<u64, std::vector<std::byte>> pages_;  // of writes in flight, by id
  std::map<u64, Bytes> parts_;
  std::map<u64, Pending> pending_;  // by the write that makes it durable
  std::deque<std::pair<Pending, std::vector<std::byte>>> waiting_;
  u32 writes_in_flight_ = 0;
  Slab* leaked_ = nullptr;
};

class EchoClient final : public Program {
 public:
  EchoClient(const EchoOptions& options, const ClientStart& start, Slabs& slabs);
  void step(const EventBag& in, EffectBag& out) override;
  Instant deadline() const override;

  std::set<u16> nodes;
  ClientStart start;

 private:
  struct Open {
    RequestNo number;
    GroupId group;
    Operation operation;
    std::vector<std::byte> body;
    Instant give_up;
  };
  void send(Ticket ticket, const Open& open, EffectBag& out);

  EchoOptions options_;
  Slabs& slabs_;
  std::map<Ticket, Open> open_;
  Instant resend_ = Instant::never();
  u64 attempts_ = 0;
};

class EchoPrograms final : public Programs {
 public:
  explicit EchoPrograms(EchoOptions chosen = {}) : options(chosen) {}
  std::unique_ptr<Program> make_shard(NodeId node, ShardId shard, Slabs& slabs) override;
  std::unique_ptr<Program> make_client(const ClientStart& start, Slabs& slabs) override;
  DiskShape disk_shape() const override;
  void format(NodeId node, ShardId shard, Disk& disk) override;

  EchoOptions options;
  u32 formatted = 0;
};

}  // namespace keelson::sim::test
