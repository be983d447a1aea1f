// DamageBudget: whose disks may be damaged in a run, so that every op stays recoverable somewhere.
//
// Who uses it: the nemesis damages nobody else, the core of the tail holds everybody else, the liveness verdict excuses
// what damage cost. The rule: of every group fewer than a replication quorum of its members are victims, once for the
// whole run; so a committed op always has a copy on a disk that was never damaged. Not here: what damage is
// (storage_damage.cc), crashes.
#pragma once

#include <span>
#include <vector>

#include "keelson/node/shard.h"
#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/tape.h"

namespace keelson::sim {

class DamageBudget {
 public:
  DamageBudget() = default;  // nobody
  // The nodes that the scenario names for its disk faults come first, then whom the tape draws.
  DamageBudget(const pb::Scenario& scenario, std::span<const GroupConfig> groups, u16 nodes, Stream stream);

  // The scenario has damage at all: else everything is as if there were no budget.
  bool in_use() const { return in_use_; }
  bool is_victim(NodeId node) const;
  // Its disk may be exchanged: the replicas on it are lost for good, and their groups still have quorums.
  bool may_replace(NodeId node) const;
  const std::vector<NodeId>& victims() const { return victims_; }

 private:
  bool in_use_ = false;
  std::vector<NodeId> victims_;
  std::vector<NodeId> replaceable_;
};

// The scenario or a phase of it asks for damage that the budget limits.
bool asks_for_damage(const pb::Disk& disk);

}  // namespace keelson::sim
