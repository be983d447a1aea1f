// Shard: one core's share of a node: its replicas, its WAL, its sessions. The unit that a driver steps.
//
// Who uses it: sim::World, io::Runtime, tests. step() is total, deterministic, never blocks and never throws; effects
// are unordered (docs/architecture.md, the step contract). The slab pool is the driver's and outlives the shard; all
// bags outlive the writes they carry, or their bytes were copied. Not here: what a message does (vsr/replica.h).
#pragma once

#include <memory>

#include "keelson/base/counters.h"
#include "keelson/machine/machine.h"
#include "keelson/store/refusal.h"
#include "keelson/vsr/group_view.h"
#include "keelson/wire/bag.h"

namespace keelson {

struct GroupConfig {
  GroupId group;
  MachineKind machine;
  Vec<NodeId> members;  // voters in order: primary_of(view) = members[view mod size]
};

struct ShardConfig {
  ClusterId cluster;
  NodeId node;
  Generation generation;
  ShardId shard;
  u16 shard_count = 1;  // of every node of the cluster
  Limits limits;
  Tunables tunables;
  std::span<const GroupConfig> groups;        // of the whole cluster; copied
  const MachineRegistry* machines = nullptr;  // makes a group's machine from its kind; outlives the shard
};

enum class ShardState : u8 { booting, ready, refused, poisoned };
class Shard {
 public:
  Shard(const ShardConfig& config, Slabs& slabs);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  void step(const EventBag& in, EffectBag& out);
  Instant deadline() const;

  ShardState state() const;
  const ShardRefusal& refusal() const;
  Life life() const;  // zero while booting
  const Counters& counters() const;
  // The owner of a group on every node; a client's request for another shard's group is passed on by mailbox.
  static ShardId owner_of(GroupId group, u16 shard_count);

  // Between two steps, for whoever watches. In order of GroupId.
  std::size_t group_count() const;
  GroupView view(std::size_t index, bool with_digest = false) const;
  CommittedOp committed(std::size_t index, Op op) const;  // op <= commit_min
  u64 missing(std::size_t index) const;                   // replica.h
  // Runs every invariant of every replica (docs/protocol.md, invariants); a broken one is a failed check().
  void check_invariants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson
