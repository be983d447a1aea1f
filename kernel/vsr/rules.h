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

// An ack speaks for the run of ops that it names, and for none below.
constexpr Op acked_from(Op op_from, Op commit_max) { return std::max(op_from, commit_max + 1); }

// A message of the log's own view is handled; what another view's may do is the replica's to say.
constexpr bool is_of_view(Command, View message, View mine) { return message == mine; }

// A replica acks what is durable, under a promise that is durable (docs/protocol.md, what waits for what, first row).
constexpr bool may_ack(const LogEntry& entry, View view, View stored_view, View stored_log_view) {
  return entry.has(log_bit::stored) && stored_view == view && stored_log_view == view;
}

// Only the newest group_state is the promise: that an older one is stored says nothing.
constexpr bool is_promise_stored(u64 stored_seq, u64 newest_seq, bool another_wanted) {
  return stored_seq == newest_seq && !another_wanted;
}

// A backup's answer says that it sleeps now, and not that it did once.
constexpr bool is_asleep(const GroupEntry& answer, u32 round, View view, Op head) {
  return answer.round == round && answer.view == view && answer.op == head;
}

// Offers are numbered: one from before the backup woke up is old.
constexpr bool is_old_offer(u32 round, u32 awake_round) { return round <= awake_round; }

// A backup sleeps with all of the log applied, or it would never learn what it lacks.
constexpr bool may_sleep(bool at_rest) { return at_rest; }

// A backup that says it is awake may fall asleep by an offer on its way; who is fenced makes none.
constexpr bool sleeps_no_more(bool mute) { return mute; }

// Who sleeps under a shard's beats is woken when there are none, or when they are those of another life.
constexpr bool is_silent(Instant silent_at, Instant now) { return now >= silent_at; }
constexpr bool wakes_sleepers(Incarnation known, Incarnation met) { return met > known; }

// do_view_change(V) leaves only when the promise to take part in V is durable.
constexpr bool may_send_do_view_change(View view, View stored_view, bool newest_stored) {
  return stored_view == view && newest_stored;
}

// start_view(V), and the first prepare of V, need the new log to be durable as this replica's own.
constexpr bool may_start_view(View view, View stored_view, View stored_log_view) {
  return stored_view == view && stored_log_view == view;
}

// A view is over when a later one has begun, for its primary too, and whether or not the new log is within its reach.
constexpr bool is_over(View mine, View begun) { return begun > mine; }

// Votes that end a view, and logs that begin one.
constexpr bool may_leave_view(u8 votes, const Quorums& quorums) { return votes >= quorums.view_change; }
constexpr bool may_select(u8 logs, const Quorums& quorums) { return logs >= quorums.view_change; }
constexpr bool is_nack_quorum(u8 count, const Quorums& quorums) { return count >= quorums.nack; }

// A prepare continues the log only if it names the entry below as its parent.
constexpr bool continues(const Prepare& prepare, const Digest& identity_below) {
  return prepare.parent == identity_below;
}

// A repair answer is judged by the identity that was asked for, never by its op or view.
constexpr bool accepts_repair(const LogEntry& wanted, const Prepare& got) {
  return wanted.has(log_bit::identity) && wanted.identity == got.identity;
}

// And is answered with exactly what was asked for.
constexpr bool may_serve(const LogEntry& entry, const Digest& wanted) {
  return entry.has(log_bit::identity) && entry.identity == wanted;
}

// Never acked as part of this log: nothing was received, or what was received is not stored; and nothing was lost.
constexpr bool is_nack(const LogEntry& entry) {
  return !entry.has(log_bit::stored) && !entry.has(log_bit::lost) && !entry.has(log_bit::suspect);
}

// Of what has left the log nothing can be denied: a quorum has it in checkpoints. A report is made of a log that may
// have been pruned since its suffix was built.
constexpr bool may_deny(Op op, Op floor) { return op > floor; }

// The log of a do_view_change counts by the last view whose log was installed, not by its length.
struct LogEnd {
  View log_view;
  Op head;
};
constexpr bool better_log(const LogEnd& log, const LogEnd& than) { return log.log_view > than.log_view; }

// Above its head a log says "never acked" only if it knows that this is its head.
constexpr bool knows_its_head(bool tail_uncertain) { return !tail_uncertain; }

// What such a replica is told to have in a new view, and has not, it may have acked and lost.
constexpr bool may_have_acked(bool tail_uncertain, bool held) { return tail_uncertain && !held; }

// It believes only a start_view that answers its own question: any other may be of the past.
constexpr bool may_take_start_view(bool recovering, bool asked) { return !recovering || asked; }

// The primary of the own view adds to a log; it never shortens one.
constexpr bool may_extend(Op told, Op head) { return told >= head; }

// A primary takes part in its view only with every byte of its log.
constexpr bool holds_all(Op held_to, Op head) { return held_to == head; }

// What enters the log is stamped with the view whose log it is, by this node's hand.
constexpr bool needs_stamp(View stamp, View log_view, u8 flags) {
  return stamp != log_view || (flags & flag::repair) != 0;
}

// A primary resumes its view only in the process that started it; the exception is a data file's first life.
constexpr bool may_be_primary_at_start(View view, Incarnation incarnation, bool nothing_stored) {
  return nothing_stored && view == View(0) && incarnation == Incarnation(1);
}

// What is known committed after a log with this head was seen: pipeline_max is shared by all nodes for this reason.
constexpr Op committed_by_head(Op head, u32 pipeline_max) { return head.minus_saturating(pipeline_max); }

// A backup that heard from its primary this recently does not vote it out.
constexpr bool may_vote(Instant now, Instant last_sign, Duration fresh) { return now.since(last_sign) >= fresh; }

// A primary that no replication quorum answers can commit nothing: it lets the others go on.
constexpr bool is_alone(u8 answering, const Quorums& quorums) { return answering < quorums.replication; }

// Time in the log only goes on, whatever the clock of the primary says.
constexpr Timestamp next_timestamp(Timestamp last, Timestamp now) { return std::max(last + Duration(1), now); }

// A majority of clocks agrees, the own one among them.
constexpr bool is_clock_majority(u32 sources, u32 majority) { return sources >= majority; }

// Groups are made of first generations. A node that was formatted anew has forgotten what the first one promised: it
// may not vote again under its name. Alone, there is nobody to have promised anything to.
constexpr bool has_forgotten(Generation generation, std::size_t voters) {
  return generation != Generation(1) && voters > 1;
}

// A life that begins at or below a batch that its node's former lives told to be stored has an older copy of the disk.
// A life that can't say where it begins (0) has a damaged one, which recovery judges.
constexpr bool is_old_disk(BatchNo first, BatchNo told) { return first != BatchNo() && first <= told; }

// A life is judged when it first says where it begins. One that says otherwise is another one, whatever its number.
constexpr bool is_unjudged(BatchNo claim, BatchNo judged) { return claim != BatchNo() && claim != judged; }

// A message is of an earlier life of its node.
constexpr bool from_old_life(Incarnation message, Incarnation known) { return message < known; }

// Ops leave the log only when this replica and a quorum have them in checkpoints; one checkpoint's worth stays longer,
// so that a replica that is a little behind needs no transfer of state.
constexpr Op prunable(Op own_checkpoint, Op durable_checkpoint, u32 checkpoint_ops) {
  return std::min(own_checkpoint, durable_checkpoint).minus_saturating(checkpoint_ops);
}

// The newest checkpoint that a replication quorum has.
constexpr Op durable_checkpoint(std::span<const Op> theirs, const Quorums& quorums) {
  return Quorums::reached_by(quorums.replication, theirs);
}

// In want of room the log goes at once, as far as checkpoints cover it.
constexpr Op reclaimable(Op own_checkpoint, Op durable_checkpoint, Op commit_min) {
  return std::min({own_checkpoint, durable_checkpoint, commit_min});
}

// What a group still needs has to leave the log's oldest segments before they are freed: its promise, the record of its
// checkpoint, its ops.
constexpr bool has_to_leave(Command, PageNo record, PageNo end) { return record < end; }

// What this replica acked counts until a quorum has it in checkpoints: its log can't be dropped for that of the view
// before.
constexpr bool may_begin_anew(Op durable_checkpoint, Op head) { return durable_checkpoint >= head; }

// A record that nobody else has is given up when it could not be read so often in a row.
constexpr bool is_gone(u32 failed_reads) { return failed_reads >= 3; }

// A stored promise says what a start found lost. A copy of an older one, which that start made, does not.
constexpr bool confesses(u32 state_flags, bool amnesiac, bool unsure) {
  return (!amnesiac || (state_flags & state_flag::amnesiac) != 0) &&
         (!unsure || (state_flags & state_flag::unsure) != 0);
}

// A replica that lost something and has not said so in a promise makes one, before the log that shows the loss is
// freed.
constexpr bool has_to_confess(bool mute, bool unsure) { return mute || unsure; }

// A record that counts only when the whole log up to it is marked durable (docs/storage.md, the marker).
constexpr bool needs_mark(Command command, std::size_t voters) { return command != Command::prepare || voters == 1; }

// Sections of a state that is cut into more or fewer of them are none of those that were saved before.
constexpr bool cuts_anew(const CheckpointFacts& before, const CheckpointFacts& now) {
  return !same_sections(before, now);
}

// The table of a checkpoint is written when its sections are stored, its record when the table is.
constexpr bool are_sections_stored(u32 pending, u32 unstored) { return pending == 0 && unstored == 0; }
constexpr bool is_table_stored(u32 unstored) { return unstored == 0; }

// A peer gets bytes of exactly the checkpoint that it asked for.
constexpr bool is_asked(const Digest& checkpoint, const Digest& asked) { return checkpoint == asked; }

// Blocks of an old checkpoint stay while a peer may fetch them, and while one is being read.
constexpr bool is_pinned(u32 reads, Instant until, Instant now) { return reads > 0 || until > now; }

// What can't be read now may be read by another start: the blocks of a checkpoint that was forgotten stay as they are
// while the log's record is of it.
constexpr bool keeps_forgotten(bool named) { return named; }

// Where even its table can't be read, and nobody else has the state, any block may be one of them.
constexpr bool hides_blocks(bool checkpoint_damaged, bool log_damaged) { return checkpoint_damaged && log_damaged; }

// Of a received checkpoint only what its manifest names is stored.
inline bool accepts_section(const SavedSection& named, Bytes bytes) {
  return bytes.size() == named.size && digest_of(bytes) == named.digest;
}

// Of a section that somebody had wrong, a part is no sign that the rest will do.
constexpr bool is_progress(bool whole, bool doubtful) { return whole || !doubtful; }

// What was received for another checkpoint, and what the own one has, stays if it is the same.
constexpr bool keeps_received(const SavedSection& have, const SavedSection& wanted) {
  return have.size == wanted.size && have.digest == wanted.digest;
}
constexpr bool keeps_own(const SavedSection& own, const SavedSection& wanted) {
  return own.size == wanted.size && own.digest == wanted.digest;
}

// What was read at a start is what was saved.
inline bool is_as_saved(const SavedSection& saved, Bytes bytes) { return digest_of(bytes) == saved.digest; }

// While a state is fetched, a checkpoint of the one that it replaces is given up: what it lacks may be nowhere any
// more.
constexpr bool makes_way(bool saving) { return saving; }

// What a log that is in the way of a newer one lets go of: of what isn't known committed here a quorum may hold another
// op in its checkpoints.
constexpr Op dispensable(Op durable_checkpoint, Op head, Op commit_max) {
  return std::min({durable_checkpoint, head, commit_max});
}

// Whose log has no room for that of the view fetches a state before it is the view's backup.
constexpr bool may_sync(bool backup, bool shut_out) { return backup || shut_out; }

// A state that was fetched replaces the one here only if it is ahead of it.
constexpr bool may_install(Op checkpoint, Op commit_min) { return checkpoint > commit_min; }

// A checkpoint to fetch: newer than the state here, within the log here, and the primary's own.
constexpr bool may_fetch(Op checkpoint, Op commit_min, Op own_checkpoint, Op floor, Op head) {
  return checkpoint > commit_min && checkpoint > own_checkpoint && checkpoint >= floor && checkpoint <= head;
}

// A checkpoint of an op that nobody saved, for want of space, may be saved while the state is still that of the op.
constexpr bool may_save_late(const LogEntry& applied) {
  return applied.operation == PrepareOperation::checkpoint && applied.has(log_bit::full);
}

constexpr bool checkpoint_due(Op head, Op formed, u32 checkpoint_ops) { return head - formed >= checkpoint_ops; }

// Requests are judged only after every inherited op was applied, or the session table would be behind.
constexpr bool may_judge_requests(Op commit_min, Op view_start_op) { return commit_min >= view_start_op; }

// A client is answered by the shard that holds its connection.
constexpr bool answers_here(ShardId connection, ShardId self) { return connection == self; }

}  // namespace keelson::rules
