// Lockstep: a cluster of shards in one thread with a perfect driver: every effect is carried out in the next turn.
//
// Who uses it: `keelson bench kernel` and tests that count allocations. No faults, no clock, no copies but the one that
// a socket would make: a message into the receiver's slab. Not for finding bugs: the World (sim/world.h) does that.
#pragma once

#include <memory>
#include <vector>

#include "keelson/node/shard.h"

namespace keelson::sim {

struct LockstepConfig {
  u16 nodes = 3;
  u32 groups = 1;
  u32 clients = 64;  // sessions, each with one request in flight, spread over the groups in turn
  u32 requests_per_bag = 1;
  u32 value_bytes = 1024;
  u32 keys = 1024;
  Limits limits = Limits::standard();
};

class Lockstep {
 public:
  explicit Lockstep(const LockstepConfig& config);
  ~Lockstep();

  // Runs until `ops` more requests were answered; false if the cluster stopped making progress.
  bool run(u64 ops);
  void idle(u32 turns);  // without requests
  u64 answered() const { return answered_; }
  u64 bytes_written() const { return bytes_written_; }  // to all disks
  u64 bytes_sent() const { return bytes_sent_; }        // between nodes
  u64 turns() const { return turns_; }
  u64 bags() const { return bags_; }        // turns in which the primaries' node got requests
  u64 flushes() const { return flushes_; }  // its turns with writes, which share one flush

 private:
  struct Node {
    std::unique_ptr<Slabs> slabs;
    std::unique_ptr<Shard> shard;
    std::unique_ptr<EventBag> in, next;
    std::unique_ptr<EffectBag> out;
    std::vector<std::byte> superblock;
  };
  struct Client {
    ClientId id;
    GroupId group;
    SessionId session;
    RequestNo request;
    bool waiting = false;
  };
  void turn(bool with_requests = true);
  void submit(Node& primary);
  void carry_out(Node& node);
  void read(Node& node, const Read& effect);
  void deliver_reply(const MessageRef& message);
  MessageRef make_request(Slabs& slabs, Client& client);

  LockstepConfig config_;
  MachineRegistry machines_;
  std::vector<GroupConfig> groups_;
  std::vector<Node> nodes_;
  std::vector<Client> clients_;
  std::vector<std::byte> body_;
  std::size_t next_client_ = 0;
  Instant now_{1'000'000'000};
  u64 answered_ = 0, bags_ = 0, flushes_ = 0, bytes_written_ = 0, bytes_sent_ = 0, turns_ = 0, sequence_ = 0;
};

}  // namespace keelson::sim
