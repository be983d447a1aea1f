#include "keelson/sim/roles.h"

namespace keelson::sim {
namespace {

constexpr int refs_by_number = 32;

}  // namespace

Roles::Roles(World& world, std::vector<NodeId> members)
    : world_(world), members_(std::move(members)), nemesis_(world.core().tape.stream("nemesis")) {
  if (members_.empty())
    for (u16 n = 0; n < world.population().nodes; ++n) members_.push_back(NodeId(n));
  world.add_observer(*this);
}

void Roles::on_turn(const TurnSeen& turn) {
  for (const auto& notice : turn.out.notifications) {
    if (notice.kind != NotifyKind::became_primary || turn.program.group_count() == 0) continue;
    if (notice.group != turn.program.group(0).group || latest_ == turn.node) continue;
    former_ = latest_;
    latest_ = turn.node;
  }
}

// The lowest id among a node's shards.
std::optional<GroupView> Roles::first_group_on(NodeId node) {
  std::optional<GroupView> first;
  for (u16 s = 0; s < world_.population().shards; ++s) {
    const Program* program = world_.program(node, ShardId(s));
    if (!program) continue;
    world_.guarded(node, [&] {
      if (program->group_count() == 0) return;
      const GroupView view = program->group(0);
      if (!first || view.group < first->group) first = view;
    });
  }
  return first;
}

std::optional<Roles::Normal> Roles::normal_primary() {
  std::optional<Normal> found;
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const auto view = first_group_on(NodeId(n));
    if (!view || !view->primary || view->status != ReplicaStatus::normal) continue;
    if (!found || view->view > found->view.view) found = Normal{NodeId(n), *view};
  }
  return found;
}

std::optional<NodeId> Roles::primary() {
  const auto normal = normal_primary();
  return normal ? std::optional(normal->node) : std::nullopt;
}

std::optional<NodeId> Roles::next_primary() {
  const auto normal = normal_primary();
  if (!normal) return {};
  return members_[(normal->view.view.raw() + 1) % members_.size()];
}

View Roles::view() {
  View highest;
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const auto view = first_group_on(NodeId(n));
    if (view && view->status == ReplicaStatus::normal && view->view > highest) highest = view->view;
  }
  return highest;
}

NodeId Roles::any_node(std::optional<NodeId> but) {
  std::vector<NodeId> nodes;
  for (u16 n = 0; n < world_.population().nodes; ++n)
    if (NodeId(n) != but) nodes.push_back(NodeId(n));
  if (nodes.empty()) return NodeId(0);
  return nodes[nemesis_.below(Site::nemesis_target, nodes.size())];
}

NodeId Roles::resolve(pb::NodeRef ref) {
  if (static_cast<int>(ref) < refs_by_number) return NodeId(static_cast<u16>(ref));
  if (ref == pb::BACKUP) return any_node(primary());
  std::optional<NodeId> node;
  if (ref == pb::PRIMARY) node = primary();
  if (ref == pb::OLD_PRIMARY) node = old_primary();
  if (ref == pb::NEXT_PRIMARY) node = next_primary();
  if (ref == pb::HERE && here_ != no_node) node = here_;
  return node ? *node : any_node({});
}

}  // namespace keelson::sim
