// Checker: an observer that fails the run. Each checks one thing, has a stable name, and never changes what it sees.
//
// Who uses it: the runner adds all of them to every run (run/cluster.h). A checker sees every turn's bags before the
// effects are carried out, and may look at the programs. It draws nothing. Not here: the verdict (run.h).
#pragma once

#include <string>

#include "keelson/sim/world.h"

namespace keelson::sim {

class Checker : public Observer {
 public:
  Checker(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  const std::string& name() const { return name_; }
  // Goes on watching and fails nothing (check_off).
  void silence() { on_ = false; }
  bool on() const { return on_; }
  // After the last event of a run that ended well.
  virtual void at_end() {}

 protected:
  void fail(const std::string& invariant, const std::string& detail, NodeId node = no_node,
            ViolationKind kind = ViolationKind::safety, const std::string& explanation = {},
            const std::vector<SeenCall>& calls = {}) {
    if (on_)
      world_.fail({.kind = kind,
                   .checker = name_,
                   .invariant = invariant,
                   .detail = detail,
                   .node = node,
                   .explanation = explanation,
                   .calls = calls});
  }
  bool failed() const { return world_.violation().has_value(); }
  World& world_;

 private:
  std::string name_;
  bool on_ = true;
};

// For details: "group 1", "op 12".
inline std::string text(GroupId group) {
  return group == metadata_group ? "metadata group" : "group " + std::to_string(group.raw());
}
inline std::string text(NodeId node) { return "node " + std::to_string(node.raw()); }
inline std::string text(Op op) { return "op " + std::to_string(op.raw()); }
std::string text(const Digest& digest);  // its first eight hex digits

}  // namespace keelson::sim
