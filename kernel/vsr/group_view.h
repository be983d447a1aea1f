// GroupView: what anybody may see of one group on one node, between two steps. Read-only facts; nothing decides by it.
//
// Who uses it: simulator checkers, status pages, tests. Not here: the log itself (Shard::committed reads it).
#pragma once

#include "keelson/vsr/quorum.h"
#include "keelson/wire/header.h"

namespace keelson {

enum class ReplicaStatus : u8 { normal, view_change, recovering };
enum class RecoveringReason : u8 { none, replaying, head_unknown, amnesiac };
enum class FenceReason : u8 { none, contradiction, log_damaged, poisoned, amnesiac, state_refused };

const char* name_of(ReplicaStatus status);
const char* name_of(FenceReason reason);

struct GroupView {
  GroupId group;
  ReplicaStatus status = ReplicaStatus::recovering;
  RecoveringReason recovering = RecoveringReason::none;
  FenceReason fenced = FenceReason::none;
  ReplicaIndex index;
  u8 voters = 0;
  Epoch epoch;
  View view;
  View log_view;
  View stored_view;  // of the newest group_state that is stored and marked
  View stored_log_view;
  Op head;
  Op commit_min;  // applied; 0 while a checkpoint is loaded
  Op commit_max;
  Op floor;               // the log begins above
  Op durable_checkpoint;  // as far as known: a quorum has this one or a newer one
  Op checkpoint_op;       // durable here; 0: none
  Digest checkpoint_id;
  Op started_at;                    // this life began with a checkpoint of it, not with op 1
  bool checkpoint_damaged = false;  // this life found the one it should start from damaged
  bool syncing = false;             // fetches a checkpoint from peers
  bool primary = false;             // of `view`, in status normal
  bool quiet = false;               // a backup that relies on the beats of its primary's shard
  Votes drowsy;                     // of a primary: who may be quiet
  bool clock_synchronized = false;
  Op stuck_op;             // 0: not stuck
  u32 pipeline = 0;        // prepares in flight
  u32 queue = 0;           // requests waiting
  u64 retained_bytes = 0;  // of prepares whose bodies stay readable
  Digest machine_digest;   // of its state and of what is retained; only where asked for: O(state)
};

// One applied op, as the replica remembers it.
struct CommittedOp {
  Op op;
  Digest identity;
  Digest parent;
  Timestamp timestamp;
  View view;  // stamp of the local copy
  PrepareOperation operation = PrepareOperation::none;
  u32 request_count = 0;
  bool known = false;
};

}  // namespace keelson
