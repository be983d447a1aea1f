// EntryOutbox: what replicas tell their peers' replicas in one line, collected over a step: the shard sends one message
// of entries per node, whatever the number of groups.
//
// Who uses it: replicas push, Shard::Impl sends and clears. Memory follows the largest step, and stays. Not here: the
// entries of beats, which are asked for (Replica::beat_entry).
#pragma once
#include "keelson/base/vec.h"
#include "keelson/wire/header.h"

namespace keelson {

class EntryOutbox {
 public:
  explicit EntryOutbox(u16 nodes) : of_node_(nodes) { of_node_.resize(nodes); }

  void push(NodeId to, const GroupEntry& entry) {
    push_growing(of_node_[to.raw()], entry);
    empty_ = false;
  }
  bool empty() const { return empty_; }
  std::span<const GroupEntry> to(NodeId node) const { return of_node_[node.raw()].span(); }
  void clear() {
    for (auto& entries : of_node_) entries.clear();
    empty_ = true;
  }

 private:
  Vec<Vec<GroupEntry>> of_node_;
  bool empty_ = true;
};

}  // namespace keelson
