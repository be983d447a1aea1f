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

}  // namespace

bool asks_for_damage(const pb::Disk& disk) {
  return disk.lse_ppm() > 0 || disk.has_rot_every_ms() || disk.read_flip_ppm() > 0;
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
  const auto fits = [&](NodeId node) {
    return std::all_of(groups.begin(), groups.end(), [&](const GroupConfig& group) {
      const auto hurt = std::count_if(victims_.begin(), victims_.end(), [&](NodeId v) { return has_member(group, v); });
      return !has_member(group, node) || hurt + 1 < Quorums::of(static_cast<u8>(group.members.size())).replication;
    });
  };
  for (const NodeId node : order)
    if (scenario.beyond_model() || fits(node)) victims_.push_back(node);
}

bool DamageBudget::is_victim(NodeId node) const {
  return std::find(victims_.begin(), victims_.end(), node) != victims_.end();
}

}  // namespace keelson::sim
