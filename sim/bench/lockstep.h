// Lockstep: a cluster of shards in one thread with a perfect driver: every effect is carried out in the next turn.
//
// Who uses it: `keelson bench` and tests that count allocations. No faults, no copies but the one that a socket would
// make: a message into the receiver's slab. Time and disks are made up, unless the caller has real ones. Not for
// finding bugs: the World (sim/world.h) does that.
#pragma once

#include <memory>
#include <vector>

#include "keelson/node/shard.h"
#include "keelson/store/format.h"

namespace keelson::sim {

// Carries out reads and writes, in any order; says once of each that it is done.
class LockstepDisk {
 public:
  virtual ~LockstepDisk() = default;  // ends after every operation was carried out
  virtual void submit(std::span<const Write> writes, std::span<const Read> reads) = 0;
  virtual void collect(Vec<Completion>& done) = 0;
};

// What a cluster with real disks runs on.
class LockstepMachine {
 public:
  virtual ~LockstepMachine() = default;
  virtual std::unique_ptr<LockstepDisk> open(u16 node) = 0;  // formatted at the first time
  virtual Instant now() = 0;
  virtual void wait(Instant until) = 0;  // until a disk has done something, or until then
};

struct LockstepConfig {
  u16 nodes = 3;
  u32 groups = 1;
  u32 clients = 64;  // sessions, each with one request in flight, spread over the groups in turn
  u32 requests_per_bag = 1;
  u32 in_flight_max = ~0u;  // requests, of all clients
  u32 value_bytes = 1024;
  u32 keys = 1024;
  Duration turn_time = microseconds(50);  // where there is no machine
  Limits limits = Limits::standard();
  // Null: nothing is kept on disks but the superblock, everything is done in the next turn.
  // Otherwise bags of requests are sent when they are full, and a turn waits until there is something to do.
  LockstepMachine* machine = nullptr;
  u16 absent = 0xffff;  // a node that isn't booted at the start
};

// Whose data file it is.
FormatConfig lockstep_format(NodeId node, const Limits& limits);

class Lockstep {
 public:
  explicit Lockstep(const LockstepConfig& config);
  ~Lockstep();

  // Runs until `ops` more requests were answered; false if the cluster stopped making progress.
  bool run(u64 ops);
  void idle(u32 turns);  // without requests
  void boot(u16 node);
  void stop(u16 node);
  // Runs without requests while `going` holds; false if it held for too long.
  template <class Going>
  bool run_while(Going going) {
    const Instant end = now_ + seconds(600);
    while (going() && now_ < end) turn(false);
    return !going();
  }

  const Shard* shard(u16 node) const { return nodes_[node].shard.get(); }  // null: not running
  Instant now() const { return now_; }
  u64 answered() const { return answered_; }
  u64 bytes_written() const { return bytes_written_; }          // to all disks
  u64 log_bytes_written() const { return log_bytes_written_; }  // ... of the log and its index
  u64 bytes_sent() const { return bytes_sent_; }                // between nodes
  u64 turns() const { return turns_; }
  u64 bags() const { return bags_; }        // turns in which the primaries' node got requests
  u64 flushes() const { return flushes_; }  // its turns with writes, which share one flush
  // Of each request answered since this was last asked.
  std::vector<Duration> take_latencies() { return std::exchange(latencies_, {}); }

 private:
  struct Node {
    std::unique_ptr<Slabs> slabs;
    std::unique_ptr<LockstepDisk> disk;
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
    Instant asked;
    bool waiting = false;
  };
  void turn(bool with_requests = true);
  void step(Node& node);
  void wait();
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
  std::vector<Duration> latencies_;
  std::size_t next_client_ = 0;
  u32 in_flight_ = 0;
  Instant now_{1'000'000'000};
  u64 answered_ = 0, bags_ = 0, flushes_ = 0, bytes_written_ = 0, bytes_sent_ = 0, turns_ = 0, sequence_ = 0;
  u64 log_bytes_written_ = 0;
};

}  // namespace keelson::sim
