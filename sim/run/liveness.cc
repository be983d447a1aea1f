#include "keelson/sim/run/liveness.h"

#include <algorithm>

#include "keelson/vsr/quorum.h"

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
  out.append(", log above ").append(std::to_string(v.floor.raw()));
  out.append(", checkpoint ").append(std::to_string(v.checkpoint_op.raw()));
  out.append(", of a quorum ").append(std::to_string(v.durable_checkpoint.raw()));
  if (v.stuck_op > Op(0)) out.append(", stuck at op ").append(std::to_string(v.stuck_op.raw()));
  if (v.fenced != FenceReason::none) out.append(", fenced: ").append(name_of(v.fenced));
  return out;
}

// Damage made it refuse its data, or take no part any more: it says so, and only a new data file helps.
bool out_of_action(RunCluster& cluster, NodeId node, const GroupView& view) {
  return cluster.world.hurt(node) && (view.fenced == FenceReason::amnesiac || view.fenced == FenceReason::log_damaged);
}

bool refused(RunCluster& cluster, NodeId node, ShardId shard) {
  const Program* program = cluster.world.program(node, shard);
  return program && program->shard() && program->shard()->state() == ShardState::refused && cluster.world.hurt(node);
}

bool settled(const std::vector<Seen>& replicas) {
  const GroupView& first = replicas.front().view;
  const bool led = std::any_of(replicas.begin(), replicas.end(), [](const Seen& s) { return s.view.primary; });
  return led && std::all_of(replicas.begin(), replicas.end(), [&](const Seen& s) {
           const GroupView& v = s.view;
           return v.status == ReplicaStatus::normal && v.fenced == FenceReason::none && v.view == first.view &&
                  v.commit_min == first.commit_min && v.commit_min == v.commit_max && v.head == v.commit_min;
         });
}

bool is_quorum(std::size_t replicas, const GroupConfig& group) {
  const auto needed = Quorums::of(static_cast<u8>(group.members.size()));
  return replicas >= std::max(needed.replication, needed.view_change);
}

// Whether there may be an op whose copies are all damaged: a tear is one, too, and can't be told from what rots later.
bool may_be_stuck(const World& world, const GroupConfig& group) {
  u8 hurt = 0;
  bool torn = false;
  for (const NodeId member : group.members) {
    if (world.hurt(member)) ++hurt;
    torn = torn || (!world.hurt(member) && world.torn(member));
  }
  return hurt > 0 && (torn || hurt >= Quorums::of(static_cast<u8>(group.members.size())).replication);
}

// A sound replica whose tail was torn is not sure of its head, and the one that could have told is lost.
bool is_unsure(const World& world, const std::vector<Seen>& replicas) {
  return std::any_of(replicas.begin(), replicas.end(), [&](const Seen& s) {
    return s.view.status != ReplicaStatus::normal && s.view.fenced == FenceReason::none && !world.hurt(s.node) &&
           world.torn(s.node);
  });
}

// Why a group has no quorum, or can't tell what was committed; empty: it should be able.
std::string why_unable(RunCluster& cluster, const GroupConfig& group, const std::vector<Seen>& replicas) {
  std::string out;
  std::size_t acting = 0;
  bool stuck = false;
  for (const Seen& replica : replicas) {
    stuck = stuck || replica.view.stuck_op > Op(0);
    if (out_of_action(cluster, replica.node, replica.view)) {
      out += " " + describe(replica) + ";";
    } else {
      ++acting;
    }
  }
  for (const NodeId member : group.members) {
    const ShardId shard = Shard::owner_of(group.group, cluster.world.population().shards);
    if (refused(cluster, member, shard))
      out += " " + text(member) +
             " refuses its data: " + cluster.world.program(member, shard)->shard()->refusal().code + ";";
  }
  if (!out.empty() && !is_quorum(acting, group)) return text(group.group) + " has no quorum:" + out;
  const bool unsure = !out.empty() && is_unsure(cluster.world, replicas);
  if (!unsure && !(stuck && may_be_stuck(cluster.world, group))) return {};
  std::string why = text(group.group) + " can't know what was committed:";
  for (const Seen& replica : replicas) why += " " + describe(replica) + ";";
  return why;
}

}  // namespace

std::string state_of_groups(RunCluster& cluster, const std::vector<NodeId>& who) {
  std::string out;
  for (const auto& [group, replicas] : groups_on(cluster, who)) {
    out += (out.empty() ? "" : " ") + text(group) + ":";
    for (const Seen& replica : replicas) out += " " + describe(replica) + ";";
  }
  return out;
}

std::string not_live(RunCluster& cluster, const std::vector<NodeId>& who) {
  for (const NodeId node : who)
    for (u16 s = 0; s < cluster.world.population().shards; ++s) {
      const Program* program = cluster.world.program(node, ShardId(s));
      if (refused(cluster, node, ShardId(s))) continue;
      if (!program || program->life() == Life{}) return text(node) + ", shard " + std::to_string(s) + " does not run";
    }
  auto found = groups_on(cluster, who);
  for (const GroupConfig& group : cluster.programs.groups()) {
    auto& replicas = found[group.group];
    const std::size_t members =
        static_cast<std::size_t>(std::count_if(group.members.begin(), group.members.end(), [&](NodeId member) {
          return std::find(who.begin(), who.end(), member) != who.end();
        }));
    if (members == 0) continue;
    std::string why;
    for (const auto& replica : replicas) why += " " + describe(replica) + ";";
    std::erase_if(replicas, [&](const Seen& s) { return out_of_action(cluster, s.node, s.view); });
    if (replicas.size() < members && !is_quorum(replicas.size(), group))
      return text(group.group) + " has no quorum:" + why;
    if (!settled(replicas)) return text(group.group) + " is not settled:" + why;
  }
  return {};
}

std::string unavailable(RunCluster& cluster, const std::vector<NodeId>& who) {
  const auto found = groups_on(cluster, who);
  for (const GroupConfig& group : cluster.programs.groups()) {
    const auto replicas = found.find(group.group);
    const std::string why =
        why_unable(cluster, group, replicas == found.end() ? std::vector<Seen>() : replicas->second);
    if (!why.empty()) return why;
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
