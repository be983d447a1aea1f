// EntryOutbox: what replicas tell their peers' replicas in one line, collected over a step: the shard sends one message
// of entries per node, whatever the number of groups.
//
// Who uses it: replicas push, Shard::Impl sends and clears. Memory follows the largest step, and stays. What is said
// beyond the bound is dropped, and said again by whoever still means it. Not here: the entries of beats, which are
// asked for (Replica::beat_entry).
#pragma once

#include "keelson/base/vec.h"
#include "keelson/wire/header.h"

namespace keelson {

class EntryOutbox {
 public:
  EntryOutbox(u16 nodes, u32 per_node_max) : of_node_(nodes), per_node_max_(per_node_max) { of_node_.resize(nodes); }

  // False: dropped.
  bool push(NodeId to, const GroupEntry& entry) {
    if (of_node_[to.raw()].size() == per_node_max_) return false;
    push_growing(of_node_[to.raw()], entry);
    empty_ = false;
    return true;
  }
  bool empty() const { return empty_; }
  std::span<const GroupEntry> to(NodeId node) const { return of_node_[node.raw()].span(); }
  void clear() {
    for (auto& entries : of_node_) entries.clear();
    empty_ = true;
  }

 private:
  Vec<Vec<GroupEntry>> of_node_;
  const u32 per_node_max_;
  bool empty_ = true;
};

}  // namespace keelson
