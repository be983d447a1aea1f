// Program: what runs in a simulated process. Anything sans-IO with step(bag, bag) and deadline() is one.
//
// Who uses it: World steps programs and makes new ones through Programs when a process starts. kernel_programs.h has
// those that run the kernel's Shard and Client; tests bring doubles, embedders bring their own protocol. Not here:
// time, disks or networks; a program sees bags and nothing else.
#pragma once

#include <memory>

#include "keelson/sim/storage.h"
#include "keelson/vsr/group_view.h"
#include "keelson/wire/bag.h"

namespace keelson {
class Client;
class Shard;
}  // namespace keelson

namespace keelson::sim {

class Program {
 public:
  virtual ~Program() = default;

  virtual void step(const EventBag& in, EffectBag& out) = 0;
  virtual Instant deadline() const = 0;

  // Of a shard: zero until it may be talked to. A client has none.
  virtual Life life() const { return {}; }

  // For whoever watches; called between steps, and decides nothing.
  virtual Digest digest() const { return {}; }  // of the state, cheap
  virtual std::size_t group_count() const { return 0; }
  virtual GroupView group(std::size_t) const { return {}; }
  virtual const Shard* shard() const { return nullptr; }
  virtual const Client* client() const { return nullptr; }
};

// A client process that is about to start. Each start is a new client: nothing of it survives a crash.
struct ClientStart {
  u16 client = 0;
  ClientId id;
  u64 seed = 0;
};

class Programs {
 public:
  virtual ~Programs() = default;

  virtual std::unique_ptr<Program> make_shard(NodeId node, ShardId shard, Slabs& slabs) = 0;
  virtual std::unique_ptr<Program> make_client(const ClientStart& start, Slabs& slabs) = 0;
  virtual DiskShape disk_shape() const = 0;
  // Writes what an empty data file of this shard holds.
  virtual void format(NodeId node, ShardId shard, Disk& disk) = 0;
  // The node gets new data files: from now on format() and make_shard() are of its next generation.
  virtual void replace(NodeId) {}
};

}  // namespace keelson::sim
