// Evidence: what a replica does on the word of others, they said, and to what it asked. A primary takes an op for
// committed when a quorum acked it in the primary's own view, and prepares nothing new before it has applied what it
// inherited; a replica unsure of its log believes only the answer to its own question; a repair copy is what somebody
// asked for; and nobody denies what it acked. Finds a rule that was broken where it was, however seldom it does harm.
#pragma once

#include <array>
#include <map>
#include <set>
#include <vector>

#include "keelson/sim/check/checker.h"

namespace keelson::sim {

class Evidence final : public Checker {
 public:
  explicit Evidence(World& world) : Checker(world, "evidence") {}
  void on_turn(const TurnSeen& seen) override;
  void on_disk_replaced(HostId host, bool blank) override;

 private:
  using At = std::pair<NodeId, GroupId>;

  // Ops of a group, mostly one run of them.
  class Ops {
   public:
    void add(Op from, Op last);
    bool has(Op op) const;
    Op last() const;

   private:
    std::vector<std::pair<Op, Op>> runs_;
  };
  // What a primary prepared last, in one view.
  class Prepared {
   public:
    void add(Op op, const Digest& identity) { last_[op.raw() % kept] = {op, identity}; }
    bool has(Op op, const Digest& identity) const { return last_[op.raw() % kept] == std::pair(op, identity); }

   private:
    static constexpr u32 kept = 128;  // more than a pipeline
    std::array<std::pair<Op, Digest>, kept> last_;
  };
  // The views whose logs a replica had last, as its disk tells.
  struct Logs {
    View newest;
    View before;
  };
  // Of a replica since its node's last start.
  struct Known {
    u32 boot = 0;
    Nonce nonce;  // the question that it asks for a view
    View view;
    bool recovering = false;
    bool primary = false;
    Op committed;  // as this view's primary: checked up to here
    Op inherited;
  };

  void hear(const TurnSeen& seen);
  void see_sends(const TurnSeen& seen);
  void check_nacks(NodeId node, const MessageRef& message);
  Op acked_to(NodeId node, GroupId group, View view) const;
  bool has_acked(NodeId node, GroupId group, View view, Op op) const;
  void see_group(const TurnSeen& seen, const GroupView& view);
  void check_committed(NodeId node, const GroupView& view, Known& known);
  void check_answered(const TurnSeen& seen, const GroupView& view, const Known& known);
  void check_inherited(const TurnSeen& seen, const GroupView& view, const Known& known);
  Known& known(NodeId node, GroupId group, u32 boot);

  std::map<At, Known> known_;
  using Acks = std::map<std::pair<GroupId, View>, std::map<NodeId, Ops>>;
  Acks acked_;
  Acks remembered_;  // of these, what was acked on the disk that the node has now
  std::map<std::pair<GroupId, View>, Prepared> prepared_;
  std::map<At, Logs> logs_;
  std::map<std::pair<NodeId, At>, std::set<Digest>> asked_;  // whom, by whom, for what
};

}  // namespace keelson::sim
