// GroupRecovery: one group's log out of what was found of it: the newest promise first, then the records that belong
// under it, then what is missing.
//
// Who uses it: recovery, once per group. Pure but for the chunks of the index it builds. Not here: bytes, batches.
#pragma once

#include "keelson/store/checkpoint_table.h"
#include "keelson/store/log_index.h"
#include "keelson/store/recovery_batches.h"
#include "keelson/store/rules.h"

namespace keelson {

// What recovery hands to a group's replica.
struct RecoveredGroup {
  RecoveredGroup(GroupId of, LogIndex empty) : group(of), log(std::move(empty)) {}
  GroupId group;
  bool has_state = false;  // false: no promise was ever made, or none is known
  GroupState state;        // the newest; where only its index entry is left, what that says
  Vec<Prepare> suffix;     // of it, from its head downward
  LogIndex log;
  Op head;  // highest op of the log: kept, lost, suspect or promised
  Op commit_max;
  bool head_unknown = false;        // ops above head may have been lost
  bool amnesiac = false;            // promises may have been lost
  bool log_damaged = false;         // one voter only: something nobody can repair
  Op damaged_op;                    // the lowest such op; 0: not known
  bool checkpoint_damaged = false;  // there is a record of one, and neither copy of its table
  RecordPlace state_place;          // of the newest group_state and group_checkpoint; page 0: not known
  RecordPlace checkpoint_place;
  bool has_checkpoint = false;
  GroupCheckpoint checkpoint;  // the newest whose table is whole
  CheckpointTable table;       // of it
};

struct GroupFindings {
  GroupId group;
  ClusterId cluster;
  u8 voters = 0;
  std::span<const FoundRecord> states;       // only their entries are left; in order of place
  std::span<const FoundRecord> prepares;     // by op, then identity, then place
  std::span<const FoundRecord> checkpoints;  // only their entries are left
  FoundState* newest = nullptr;              // moved from
  const FoundCheckpoint* checkpoint = nullptr;
  const BatchHistory* history = nullptr;
};

class GroupRecovery {
 public:
  GroupRecovery(const GroupFindings& findings, const Limits& limits, LogChunks& chunks);
  RecoveredGroup run();

 private:
  // The identity that an op must have, by the parent of the one above; known: that one is certainly of this log.
  struct Link {
    Digest identity;
    bool known = false;
  };
  void find_promise();
  void find_checkpoint();
  void find_floor();
  Op highest_op() const;
  void raise_floor();
  void take_confession(const FoundRecord& lost, bool lies_behind);
  void take_lost_promise(const FoundRecord& lost);
  void find_live();
  void weigh_losses();
  void weigh(const Loss& loss);
  void become_unsure();
  void build_below_head();
  const FoundRecord* best_of(Op op, const Digest& identity) const;
  Digest newest_identity(Op op) const;
  bool build_op(Op op, Link& link);
  void add_identity(Op op, const Digest& identity, const Prepare* suffix);
  void build_above_head();
  bool add_above(const FoundRecord& record);
  void set_entry(const FoundRecord& record);
  void flag(Op op, u16 bit);
  void flag_missing();
  void finish();
  void damaged(Op op);
  void contradicted();
  bool log_has_room(Op op) const;
  const Prepare* suffix_at(Op op) const;
  std::span<const FoundRecord> records_of(Op op) const;
  bool solo() const { return findings_.voters == 1; }

  const GroupFindings findings_;
  const Limits& limits_;
  RecoveredGroup result_;
  store_rules::Promise promise_;
  BatchNo promise_batch_;      // 0: there is none
  bool promise_lost_ = false;  // only its entry is left
  Digest promise_identity_;    // of its head, where that or a checkpoint above says it
  BatchNo live_batch_;         // newest prepare that came live under the promise
  Op live_op_;
  Op checkpoint_op_;            // newest that was ever recorded here, whether or not it can be read; 0: none
  Digest checkpoint_identity_;  // of that op
  Op lost_below_;               // ops up to here without a record were lost
  Op suspect_below_;
};

}  // namespace keelson
