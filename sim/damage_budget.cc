#include "keelson/sim/damage_budget.h"

#include <algorithm>

#include "keelson/vsr/quorum.h"

namespace keelson::sim {
namespace {

bool any_damage(const pb::Scenario& scenario) {
  return sim::asks_for_damage(scenario.disk()) ||
         std::any_of(scenario.phase().begin(), scenario.phase().end(),
                     [](const pb::Phase& phase) { return sim::asks_for_damage(phase.disk()); });
}

void add_named(const pb::Disk& disk, u16 nodes, std::vector<NodeId>& order) {
  for (const int ref : disk.node()) {
    const NodeId node(static_cast<u16>(ref));
    if (ref < nodes && std::find(order.begin(), order.end(), node) == order.end()) order.push_back(node);
  }
}

bool has_member(const GroupConfig& group, NodeId node) {
  return std::find(group.members.begin(), group.members.end(), node) != group.members.end();
}

// How many copies of an op, and how many replicas, a group can do without.
int copies_spare(const Quorums& quorums, int) { return quorums.replication - 1; }
int votes_spare(const Quorums& quorums, int voters) { return voters - quorums.view_change; }

// One more node in the list is not too much for any group.
bool fits(std::span<const GroupConfig> groups, const std::vector<NodeId>& list, NodeId node,
          int (*spare)(const Quorums&, int)) {
  return std::all_of(groups.begin(), groups.end(), [&](const GroupConfig& group) {
    if (!has_member(group, node)) return true;
    const auto there = std::count_if(list.begin(), list.end(), [&](NodeId other) { return has_member(group, other); });
    const auto voters = static_cast<int>(group.members.size());
    return there < spare(Quorums::of(static_cast<u8>(voters)), voters);
  });
}

}  // namespace

bool asks_for_damage(const pb::Disk& disk) {
  return disk.lse_ppm() > 0 || disk.has_rot_every_ms() || disk.read_flip_ppm() > 0 || disk.misdirect_read_ppm() > 0 ||
         disk.misdirect_write_ppm() > 0 || disk.revert_ppm() > 0 || disk.rot_tail_ppm() > 0 ||
         disk.weak_tail_ppm() > 0 || disk.has_wipe_every_ms() || disk.has_stale_every_ms();
}

DamageBudget::DamageBudget(const pb::Scenario& scenario, std::span<const GroupConfig> groups, u16 nodes, Stream stream)
    : in_use_(any_damage(scenario)) {
  if (!in_use_) return;
  std::vector<NodeId> order;
  add_named(scenario.disk(), nodes, order);
  for (const auto& phase : scenario.phase()) add_named(phase.disk(), nodes, order);
  std::vector<NodeId> others;
  for (u16 n = 0; n < nodes; ++n)
    if (std::find(order.begin(), order.end(), NodeId(n)) == order.end()) others.push_back(NodeId(n));
  stream.shuffle(Site::budget_victim, std::span(others));
  order.insert(order.end(), others.begin(), others.end());
  for (const NodeId node : order) {
    const bool any = scenario.beyond_model();
    if (any || fits(groups, victims_, node, copies_spare)) victims_.push_back(node);
    if (is_victim(node) && (any || fits(groups, replaceable_, node, votes_spare))) replaceable_.push_back(node);
  }
}

bool DamageBudget::is_victim(NodeId node) const {
  return std::find(victims_.begin(), victims_.end(), node) != victims_.end();
}

bool DamageBudget::may_replace(NodeId node) const {
  return std::find(replaceable_.begin(), replaceable_.end(), node) != replaceable_.end();
}

}  // namespace keelson::sim
