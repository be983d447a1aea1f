#include "keelson/sim/run/liveness.h"

#include <algorithm>

namespace keelson::sim {
namespace {

struct Seen {
  NodeId node;
  GroupView view;
};

std::map<GroupId, std::vector<Seen>> groups_on(RunCluster& cluster, const std::vector<NodeId>& who) {
  std::map<GroupId, std::vector<Seen>> groups;
  for (const NodeId node : who)
    for (u16 s = 0; s < cluster.world.population().shards; ++s) {
      const Program* program = cluster.world.program(node, ShardId(s));
      for (std::size_t i = 0; program && i < program->group_count(); ++i) {
        const GroupView view = program->group(i);
        groups[view.group].push_back({node, view});
      }
    }
  return groups;
}

std::string describe(const Seen& seen) {
  const GroupView& v = seen.view;
  std::string out = text(seen.node);
  out.append(": ").append(name_of(v.status));
  out.append(", view ").append(std::to_string(v.view.raw()));
  out.append(", head ").append(std::to_string(v.head.raw()));
  out.append(", applied ").append(std::to_string(v.commit_min.raw()));
  out.append(" of ").append(std::to_string(v.commit_max.raw()));
  if (v.stuck_op > Op(0)) out.append(", stuck at op ").append(std::to_string(v.stuck_op.raw()));
  if (v.fenced != FenceReason::none) out.append(", fenced: ").append(name_of(v.fenced));
  return out;
}

bool settled(const std::vector<Seen>& replicas) {
  const GroupView& first = replicas.front().view;
  return std::all_of(replicas.begin(), replicas.end(), [&](const Seen& s) {
    const GroupView& v = s.view;
    return v.status == ReplicaStatus::normal && v.fenced == FenceReason::none && v.view == first.view &&
           v.commit_min == first.commit_min && v.commit_min == v.commit_max && v.head == v.commit_min;
  });
}

}  // namespace

std::string not_live(RunCluster& cluster, const std::vector<NodeId>& who) {
  for (const NodeId node : who)
    for (u16 s = 0; s < cluster.world.population().shards; ++s) {
      const Program* program = cluster.world.program(node, ShardId(s));
      if (!program || program->life() == Life{}) return text(node) + ", shard " + std::to_string(s) + " does not run";
    }
  for (const auto& [group, replicas] : groups_on(cluster, who)) {
    if (settled(replicas)) continue;
    std::string why = text(group) + " is not settled:";
    for (const auto& replica : replicas) why += " " + describe(replica) + ";";
    return why;
  }
  return {};
}

bool waits_for_others(RunCluster& cluster, const std::vector<NodeId>& who) {
  for (const auto& [group, replicas] : groups_on(cluster, who))
    for (const auto& replica : replicas)
      if (replica.view.stuck_op > Op(0) || replica.view.recovering == RecoveringReason::head_unknown ||
          replica.view.status == ReplicaStatus::view_change)
        return true;
  return false;
}

}  // namespace keelson::sim
