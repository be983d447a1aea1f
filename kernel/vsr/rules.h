// The yes-or-no decisions of replication, as pure functions on one page. Nothing else spells them out, so a planted bug
// can shadow this header and nothing more (docs/simulation.md).
#pragma once

#include "keelson/store/checkpoint_table.h"
#include "keelson/store/log_index.h"
#include "keelson/vsr/group_view.h"
#include "keelson/vsr/quorum.h"

namespace keelson::rules {

constexpr ReplicaIndex primary_of(View view, u8 voters) { return ReplicaIndex(static_cast<u8>(view.raw() % voters)); }

// An op is committed once a replication quorum has stored it (VSR Revisited, section 4.1, with flexible quorums).
constexpr bool may_commit(const Votes& acks, const Quorums& quorums) { return acks.count() >= quorums.replication; }

// Counts an ack of `from`: an op's acks are a set.
constexpr bool count_ack(Votes& acks, ReplicaIndex from) { return acks.add(from); }

// A replica acks what is durable, under a promise that is durable (docs/protocol.md, what waits for what, first row).
constexpr bool may_ack(const LogEntry& entry, View view, View stored_view, View stored_log_view) {
  return entry.has(log_bit::stored) && stored_view == view && stored_log_view == view;
}

// do_view_change(V) leaves only when the promise to take part in V is durable.
constexpr bool may_send_do_view_change(View view, View stored_view) { return stored_view == view; }

// start_view(V), and the first prepare of V, need the new log to be durable as this replica's own.
constexpr bool may_start_view(View view, View stored_view, View stored_log_view) {
  return stored_view == view && stored_log_view == view;
}

constexpr bool is_view_change_quorum(u8 count, const Quorums& quorums) { return count >= quorums.view_change; }
constexpr bool is_nack_quorum(u8 count, const Quorums& quorums) { return count >= quorums.nack; }

// A prepare continues the log only if it names the entry below as its parent.
constexpr bool continues(const Prepare& prepare, const Digest& identity_below) {
  return prepare.parent == identity_below;
}

// A repair answer is judged by the identity that was asked for, never by its op or view.
constexpr bool accepts_repair(const LogEntry& wanted, const Prepare& got) {
  return wanted.has(log_bit::identity) && wanted.identity == got.identity;
}

// Never acked as part of this log: nothing was received, or what was received is not stored; and nothing was lost.
constexpr bool is_nack(const LogEntry& entry) {
  return !entry.has(log_bit::stored) && !entry.has(log_bit::lost) && !entry.has(log_bit::suspect);
}

// The log of a do_view_change counts by the last view whose log was installed, not by its length.
constexpr bool better_log(View log_view, View than) { return log_view > than; }

// A primary resumes its view only in the process that started it; the exception is a data file's first life.
constexpr bool may_be_primary_at_start(View view, Incarnation incarnation) {
  return view == View(0) && incarnation == Incarnation(1);
}

// What is known committed after a log with this head was seen: pipeline_max is shared by all nodes for this reason.
constexpr Op committed_by_head(Op head, u32 pipeline_max) { return head.minus_saturating(pipeline_max); }

// A backup that heard from its primary this recently does not vote it out.
constexpr bool may_vote(Instant now, Instant last_sign, Duration fresh) { return now.since(last_sign) >= fresh; }

// Groups are made of first generations. A node that was formatted anew has forgotten what the first one promised: it
// may not vote again under its name. Alone, there is nobody to have promised anything to.
constexpr bool has_forgotten(Generation generation, std::size_t voters) {
  return generation != Generation(1) && voters > 1;
}

// A message is of an earlier life of its node.
constexpr bool from_old_life(Incarnation message, Incarnation known) { return message < known; }

// Ops leave the log only when this replica and a quorum have them in checkpoints; one checkpoint's worth stays longer,
// so that a replica that is a little behind needs no transfer of state.
constexpr Op prunable(Op own_checkpoint, Op durable_checkpoint, u32 checkpoint_ops) {
  return std::min(own_checkpoint, durable_checkpoint).minus_saturating(checkpoint_ops);
}

// Of a received checkpoint only what its manifest names is stored.
inline bool accepts_section(const SavedSection& named, Bytes bytes) {
  return bytes.size() == named.size && digest_of(bytes) == named.digest;
}

// A checkpoint to fetch: newer than the state here, within the log here, and the primary's own.
constexpr bool may_fetch(Op checkpoint, Op commit_min, Op own_checkpoint, Op floor, Op head) {
  return checkpoint > commit_min && checkpoint > own_checkpoint && checkpoint >= floor && checkpoint <= head;
}

constexpr bool checkpoint_due(Op head, Op formed, u32 checkpoint_ops) { return head - formed >= checkpoint_ops; }

// Requests are judged only after every inherited op was applied, or the session table would be behind.
constexpr bool may_judge_requests(Op commit_min, Op view_start_op) { return commit_min >= view_start_op; }

}  // namespace keelson::rules
