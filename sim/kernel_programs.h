// KernelPrograms: the programs of a simulated keelson cluster: the kernel's Shard on nodes, its Client in clients.
//
// Who uses it: the runner and the cluster DSL hand one to their World. Not here: anything that decides; these adapters
// pass bags on.
#pragma once

#include <span>
#include <vector>

#include "keelson/node/shard.h"
#include "keelson/sim/network.h"
#include "keelson/sim/program.h"
#include "keelson/vsr/client.h"

namespace keelson::sim {

struct KernelConfig {
  ClusterId cluster;
  Population population;
  Limits limits;  // of nodes; what must be shared is shared with clients
  Limits client_limits;
  Tunables tunables;
  Duration client_timeout = milliseconds(5000);
  const MachineRegistry* machines = nullptr;  // outlives the programs
};

// A member list of `replicas` nodes per group: the group's number says who comes first, so that primaries are spread.
// The metadata group is the last one. Groups 1 to `groups` run `machine`.
std::vector<GroupConfig> spread_groups(u32 groups, u16 replicas, u16 nodes, MachineKind machine, MachineKind metadata);

class KernelPrograms final : public Programs {
 public:
  KernelPrograms(const KernelConfig& config, std::vector<GroupConfig> groups);

  std::unique_ptr<Program> make_shard(NodeId node, ShardId shard, Slabs& slabs) override;
  std::unique_ptr<Program> make_client(const ClientStart& start, Slabs& slabs) override;
  DiskShape disk_shape() const override;
  void format(NodeId node, ShardId shard, Disk& disk) override;
  void replace(NodeId node) override;

  std::span<const GroupConfig> groups() const { return groups_; }

 private:
  KernelConfig config_;
  std::vector<GroupConfig> groups_;
  std::vector<Generation> generations_;  // of each node's data files
};

// Slabs of a client: it holds a few messages, never a log.
Limits client_limits_of(const Limits& limits);

}  // namespace keelson::sim
