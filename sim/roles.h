// Roles: which node is the primary, a backup, the former primary, right now: what a scenario's NodeRef stands for.
//
// Who uses it: nemesis, steps and cuts, when they strike. It looks at the first group (the lowest id) through programs'
// views and remembers who became primary. Choices come from stream nemesis. Not here: what is done to the node.
#pragma once

#include <optional>
#include <vector>

#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/world.h"

namespace keelson::sim {

class Roles final : public Observer {
 public:
  // `members` of the first group, in the order of its views; empty: all nodes.
  Roles(World& world, std::vector<NodeId> members);

  void on_turn(const TurnSeen& turn) override;

  std::optional<NodeId> primary();  // in status normal, of the highest view, running
  std::optional<NodeId> old_primary() const { return former_; }
  std::optional<NodeId> next_primary();
  View view();  // highest that any running node is normal in

  // One node for a reference; a drawn one where nobody plays that part.
  NodeId resolve(pb::NodeRef ref);
  void set_here(NodeId node) { here_ = node; }  // what HERE stands for; no_node: nothing
  // Each reference once; none given: every node.
  template <class Refs>
  std::vector<NodeId> resolve_all(const Refs& refs);
  // One of those given, or of all nodes.
  template <class Refs>
  NodeId resolve_one(const Refs& refs);

  const Stream& nemesis() const { return nemesis_; }
  World& world() { return world_; }

 private:
  struct Normal {
    NodeId node;
    GroupView view;
  };
  std::optional<Normal> normal_primary();
  std::optional<GroupView> first_group_on(NodeId node);
  NodeId any_node(std::optional<NodeId> but);

  World& world_;
  std::vector<NodeId> members_;
  Stream nemesis_;
  std::optional<NodeId> latest_;  // became primary last
  std::optional<NodeId> former_;  // the one before it
  NodeId here_ = no_node;
};

template <class Refs>
std::vector<NodeId> Roles::resolve_all(const Refs& refs) {
  std::vector<NodeId> nodes;
  for (const auto ref : refs) {
    const NodeId node = resolve(static_cast<pb::NodeRef>(ref));
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }
  if (refs.empty())
    for (u16 n = 0; n < world_.population().nodes; ++n) nodes.push_back(NodeId(n));
  return nodes;
}

template <class Refs>
NodeId Roles::resolve_one(const Refs& refs) {
  if (refs.empty()) return any_node({});
  const auto chosen = nemesis_.below(Site::nemesis_target, static_cast<u64>(refs.size()));
  return resolve(static_cast<pb::NodeRef>(refs.Get(static_cast<int>(chosen))));
}

}  // namespace keelson::sim
