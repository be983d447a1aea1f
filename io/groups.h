// GroupList: the groups of a cluster as its configuration fixes them: the metadata group and the key-value maps.
//
// Who uses it: the runtime hands it to the shard. Groups are static: every node has all of them, with all
// members in the same order. Not here: groups made at run time (the catalog, later).
#pragma once

#include "keelson/io/config.h"
#include "keelson/node/shard.h"

namespace keelson::io {

// Maps are groups 1, 2, ...; the first one is what commands use unless told otherwise.
inline constexpr GroupId default_group{1};

class GroupList {
 public:
  explicit GroupList(const ServerConfig& config) : machines_(builtin_machines()), groups_(config.kv_groups + 1u) {
    add(metadata_group, config);
    for (u64 i = 1; i <= config.kv_groups; ++i) add(GroupId(i), config);
  }
  std::span<const GroupConfig> span() const { return groups_.span(); }
  const MachineRegistry& machines() const { return machines_; }

 private:
  void add(GroupId group, const ServerConfig& config) {
    Vec<NodeId> members(config.members.size());
    for (const auto& member : config.members) members.push_back(member.node);
    groups_.push_back(GroupConfig{group, machine_kv, std::move(members)});
  }
  MachineRegistry machines_;
  Vec<GroupConfig> groups_;
};

}  // namespace keelson::io
