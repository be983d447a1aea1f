// Commits: one canonical log per group, built from the first replica that applies each op. Every other replica, in
// every life, must apply exactly the same, hold the same state after it, and make the same checkpoint of it. Also: one
// primary per view, views never go back.
#pragma once

#include <map>

#include "keelson/sim/check/checker.h"

namespace keelson::sim {

class Commits final : public Checker {
 public:
  // `timekeepers`: the voters whose clocks make the cluster's time.
  Commits(World& world, const Limits& limits, std::vector<NodeId> timekeepers)
      : Checker(world, "commits"), limits_(limits), timekeepers_(std::move(timekeepers)) {}
  void on_turn(const TurnSeen& seen) override;
  void on_disk_replaced(HostId host, bool blank) override;
  void on_start(HostId host, u32 boot) override;

  // What was applied, op 1 first.
  const std::vector<CommittedOp>& log(GroupId group) const;
  u64 committed() const { return committed_; }        // ops, all groups
  u64 view_changes() const { return view_changes_; }  // views that had a primary, beyond each group's first
  Op applied(NodeId node, GroupId group) const;
  // Of the machine's state after an op, if some replica's was taken there.
  std::optional<Digest> digest_at(GroupId group, Op op) const;

 private:
  struct OnNode {
    Op applied;
    View view;  // highest seen, any life
    View log_view;
    Op digested;
    Op checkpoint;         // newest complete one, any life
    Op ever;               // the highest that ever was, also on a disk that was replaced since
    bool started = false;  // this life was seen; in it:
    Op floor;
    Op floor_before;  // this turn
    Op head;
    Op started_at;
  };
  struct Group {
    std::vector<CommittedOp> log;
    std::map<u64, Digest> digests;                     // machine state after an op, where taken
    std::map<u64, Digest> checkpoints;                 // id of the checkpoint after an op
    std::map<View, std::pair<NodeId, u32>> primaries;  // who acted as primary, in which life
    std::map<NodeId, OnNode> nodes;
    Op durable;   // a quorum completed it
    Op prepared;  // the highest that any primary ever sent
  };

  void watch_clocks(Instant truth);
  void see_stamps(const TurnSeen& seen);
  void see_group(const TurnSeen& seen, std::size_t index);
  void see_commits(const TurnSeen& seen, std::size_t index, const GroupView& view, Group& group, OnNode& mine);
  bool agrees(NodeId node, const GroupView& view, Group& group, const CommittedOp& op);
  void see_primary(const TurnSeen& seen, const GroupView& view, Group& group);
  bool damaged(NodeId node) const;
  void see_checkpoint(const TurnSeen& seen, const GroupView& view, Group& group, OnNode& mine);
  // As many as a replication quorum have completed a checkpoint after that op, or a newer one.
  static bool has_checkpoints(const Group& group, const GroupView& view, Op op);
  void see_durable(const TurnSeen& seen, const GroupView& view, Group& group);
  void see_floor(const TurnSeen& seen, const GroupView& view, OnNode& mine);

  bool lacks_room(const TurnSeen& seen, GroupId group, Op floor) const;

  Limits limits_;
  std::vector<NodeId> timekeepers_;
  std::map<GroupId, Group> groups_;
  WallTime now_;  // true time
  bool most_clocks_right_ = true;
  u64 committed_ = 0;
  u64 view_changes_ = 0;
};

}  // namespace keelson::sim
