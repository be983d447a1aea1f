// Shadow of kernel/vsr/rules.h: the same functions, each wrong while its planted bug is switched on.
//
// Functions that aren't here are right in every mutant; rules_test.cc holds the list. Not here: what a bug is called
// and where it is looked for (mutants.def).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/vsr/rules.h"

namespace keelson::mutant_rules {

using namespace rules;
using mutants::active;
using mutants::Id;

// ---------------------------------------------------------------- replication

inline bool may_commit(const Votes& acks, const Quorums& quorums) {
  if (active(Id::vsr_quorum_minus_one)) return acks.count() + 1 >= quorums.replication;
  return rules::may_commit(acks, quorums);
}

inline bool count_ack(Votes& acks, ReplicaIndex from) {
  if (active(Id::vsr_quorum_same_twice) && acks.has(from)) {
    const u8 next = static_cast<u8>((from.raw() + 1) % voters_max);
    return rules::count_ack(acks, ReplicaIndex(next));
  }
  return rules::count_ack(acks, from);
}

inline Op acked_from(Op op_from, Op commit_max) {
  return active(Id::vsr_ack_covers_below) ? commit_max + 1 : rules::acked_from(op_from, commit_max);
}

inline bool is_of_view(Command command, View message, View mine) {
  if (active(Id::vsr_ok_other_view) && command == Command::prepare_ok && message < mine) return true;
  if (active(Id::vsr_old_start_view) && command == Command::start_view && message < mine) return true;
  return rules::is_of_view(command, message, mine);
}

inline bool may_ack(const LogEntry& entry, View view, View stored_view, View stored_log_view) {
  if (active(Id::vsr_ack_before_durable) && entry.has(log_bit::appended)) return true;
  return rules::may_ack(entry, view, stored_view, stored_log_view);
}

inline bool accepts_repair(const LogEntry& wanted, const Prepare& got) {
  return active(Id::vsr_repair_by_op) || rules::accepts_repair(wanted, got);
}

inline bool may_serve(const LogEntry& entry, const Digest& wanted) {
  if (active(Id::vsr_repair_by_op)) return entry.has(log_bit::identity);
  return rules::may_serve(entry, wanted);
}

inline Op committed_by_head(Op head, u32 pipeline_max) {
  return active(Id::vsr_head_is_committed) ? head : rules::committed_by_head(head, pipeline_max);
}

inline Timestamp next_timestamp(Timestamp last, Timestamp now) {
  return active(Id::vsr_timestamp_back) ? now : rules::next_timestamp(last, now);
}

// ---------------------------------------------------------------- view changes

inline bool is_promise_stored(u64 stored_seq, u64 newest_seq, bool another_wanted) {
  return active(Id::vsr_acks_without_state) || rules::is_promise_stored(stored_seq, newest_seq, another_wanted);
}

inline bool may_send_do_view_change(View view, View stored_view, bool newest_stored) {
  return active(Id::vsr_view_before_durable) || rules::may_send_do_view_change(view, stored_view, newest_stored);
}

inline bool is_over(View mine, View begun) { return !active(Id::vsr_old_primary_stays) && rules::is_over(mine, begun); }

inline bool may_leave_view(u8 votes, const Quorums& quorums) {
  return active(Id::vsr_svc_by_one) ? votes >= 1 : rules::may_leave_view(votes, quorums);
}

inline bool may_select(u8 logs, const Quorums& quorums) {
  return active(Id::vsr_dvc_quorum_minus_one) ? logs + 1 >= quorums.view_change : rules::may_select(logs, quorums);
}

inline bool is_nack_quorum(u8 count, const Quorums& quorums) {
  return active(Id::vsr_nack_one) ? count >= 1 : rules::is_nack_quorum(count, quorums);
}

inline bool is_nack(const LogEntry& entry) {
  if (active(Id::vsr_corrupt_is_nack)) return !entry.has(log_bit::stored) && !entry.has(log_bit::suspect);
  if (active(Id::vsr_suspect_is_nack)) return !entry.has(log_bit::stored) && !entry.has(log_bit::lost);
  return rules::is_nack(entry);
}

inline bool may_deny(Op op, Op floor) {
  return active(Id::vsr_pruned_is_nack) ? op > Op(0) : rules::may_deny(op, floor);
}

inline bool better_log(const LogEnd& log, const LogEnd& than) {
  return active(Id::vsr_longest_log_wins) ? log.head > than.head : rules::better_log(log, than);
}

inline bool knows_its_head(bool tail_uncertain) {
  return active(Id::vsr_head_unknown_acks) || rules::knows_its_head(tail_uncertain);
}

inline bool may_have_acked(bool tail_uncertain, bool held) {
  return !active(Id::vsr_unsure_forgets) && rules::may_have_acked(tail_uncertain, held);
}

inline bool may_take_start_view(bool recovering, bool asked) {
  return active(Id::vsr_ghost_start_view) || rules::may_take_start_view(recovering, asked);
}

inline bool may_extend(Op told, Op head) {
  return active(Id::vsr_start_view_shortens) || rules::may_extend(told, head);
}

inline bool holds_all(Op held_to, Op head) {
  return active(Id::vsr_leads_without_log) || rules::holds_all(held_to, head);
}

inline bool may_be_primary_at_start(View view, Incarnation incarnation, bool nothing_stored) {
  return active(Id::vsr_solo_reuses_view) || rules::may_be_primary_at_start(view, incarnation, nothing_stored);
}

inline bool may_vote(Instant now, Instant last_sign, Duration fresh) {
  return !active(Id::vsr_never_votes) && rules::may_vote(now, last_sign, fresh);
}

inline bool is_alone(u8 answering, const Quorums& quorums) {
  return !active(Id::vsr_no_abdication) && rules::is_alone(answering, quorums);
}

inline bool has_forgotten(Generation generation, std::size_t voters) {
  return !active(Id::vsr_wiped_votes) && rules::has_forgotten(generation, voters);
}

inline bool may_judge_requests(Op commit_min, Op view_start_op) {
  return active(Id::vsr_judges_too_early) || rules::may_judge_requests(commit_min, view_start_op);
}

// ---------------------------------------------------------------- checkpoints and state sync

inline Op prunable(Op own_checkpoint, Op durable_checkpoint, u32 checkpoint_ops) {
  if (active(Id::sync_prune_unsaved)) return Op(~u64{0});
  if (active(Id::sync_prune_by_own)) return own_checkpoint;
  return rules::prunable(own_checkpoint, durable_checkpoint, checkpoint_ops);
}

inline Op reclaimable(Op own_checkpoint, Op durable_checkpoint, Op commit_min) {
  if (active(Id::store_reclaim_uncovered)) return commit_min;
  return rules::reclaimable(own_checkpoint, durable_checkpoint, commit_min);
}

inline Op durable_checkpoint(std::span<const Op> theirs, const Quorums& quorums) {
  return active(Id::sync_durable_by_one) ? Quorums::reached_by(1, theirs) : rules::durable_checkpoint(theirs, quorums);
}

inline bool has_to_leave(Command command, PageNo record, PageNo end) {
  if (active(Id::store_reclaim_state) && command == Command::group_state) return false;
  if (active(Id::store_reclaim_checkpoint) && command == Command::group_checkpoint) return false;
  if (active(Id::store_reclaim_ops) && command == Command::prepare) return false;
  return rules::has_to_leave(command, record, end);
}

inline bool may_begin_anew(Op durable_checkpoint, Op head) {
  return active(Id::sync_begins_anew) || rules::may_begin_anew(durable_checkpoint, head);
}

inline bool is_gone(u32 failed_reads) { return !active(Id::vsr_waits_for_nobody) && rules::is_gone(failed_reads); }

inline bool confesses(u32 state_flags, bool amnesiac, bool unsure) {
  return active(Id::store_copy_confesses) || rules::confesses(state_flags, amnesiac, unsure);
}

inline bool has_to_confess(bool mute, bool unsure) {
  return !active(Id::store_reclaim_unconfessed) && rules::has_to_confess(mute, unsure);
}

inline bool needs_mark(Command command, std::size_t voters) {
  if (active(Id::vsr_promise_unmarked) && command == Command::group_state) return false;
  if (active(Id::sync_record_before_log) && command == Command::group_checkpoint) return false;
  if (active(Id::store_solo_unmarked) && command == Command::prepare) return false;
  return rules::needs_mark(command, voters);
}

inline bool cuts_anew(const CheckpointFacts& before, const CheckpointFacts& now) {
  return !active(Id::sync_cut_unnoticed) && rules::cuts_anew(before, now);
}

inline bool are_sections_stored(u32 pending, u32 unstored) {
  return active(Id::sync_record_before_sections) ? pending == 0 : rules::are_sections_stored(pending, unstored);
}

inline bool is_table_stored(u32 unstored) {
  const bool early = active(Id::sync_record_before_table) || active(Id::sync_record_before_sections);
  return early || rules::is_table_stored(unstored);
}

inline bool is_asked(const Digest& checkpoint, const Digest& asked) {
  return active(Id::sync_serves_another) || rules::is_asked(checkpoint, asked);
}

inline bool is_pinned(u32 reads, Instant until, Instant now) {
  return !active(Id::sync_frees_pinned) && rules::is_pinned(reads, until, now);
}

inline bool keeps_forgotten(bool named) { return !active(Id::sync_frees_forgotten) && rules::keeps_forgotten(named); }

inline bool hides_blocks(bool checkpoint_damaged, bool log_damaged) {
  return !active(Id::sync_frees_forgotten) && rules::hides_blocks(checkpoint_damaged, log_damaged);
}

inline bool accepts_section(const SavedSection& named, Bytes bytes) {
  return active(Id::sync_no_digest_check) || rules::accepts_section(named, bytes);
}

inline bool is_progress(bool whole, bool doubtful) {
  return active(Id::sync_waits_for_wrong) || rules::is_progress(whole, doubtful);
}

inline bool keeps_received(const SavedSection& have, const SavedSection& wanted) {
  return active(Id::sync_mixes_two) || rules::keeps_received(have, wanted);
}

inline bool keeps_own(const SavedSection& own, const SavedSection& wanted) {
  return (active(Id::sync_keeps_own) && own.size == wanted.size) || rules::keeps_own(own, wanted);
}

inline bool is_as_saved(const SavedSection& saved, Bytes bytes) {
  return active(Id::sync_no_load_check) || rules::is_as_saved(saved, bytes);
}

inline Op dispensable(Op durable_checkpoint, Op head, Op commit_max) {
  if (active(Id::vsr_dead_floor)) return rules::dispensable(durable_checkpoint, head, head);
  return rules::dispensable(durable_checkpoint, head, commit_max);
}

inline bool may_sync(bool backup, bool shut_out) {
  return rules::may_sync(backup, shut_out && !active(Id::sync_shut_out));
}

inline bool may_fetch(Op checkpoint, Op commit_min, Op own_checkpoint, Op floor, Op head) {
  if (active(Id::sync_goes_back)) return checkpoint > Op(0) && checkpoint <= head;
  if (active(Id::sync_installs_older)) return rules::may_fetch(checkpoint, Op(0), own_checkpoint, floor, head);
  return rules::may_fetch(checkpoint, commit_min, own_checkpoint, floor, head);
}

inline bool makes_way(bool saving) { return !active(Id::sync_saves_on) && rules::makes_way(saving); }

inline bool may_install(Op checkpoint, Op commit_min) {
  return active(Id::sync_installs_older) || rules::may_install(checkpoint, commit_min);
}

inline bool may_save_late(const LogEntry& applied) {
  return !active(Id::sync_never_saved_late) && rules::may_save_late(applied);
}

// ---------------------------------------------------------------- idle groups

inline bool may_sleep(bool at_rest) { return active(Id::quiet_unrested) || rules::may_sleep(at_rest); }

inline bool sleeps_no_more(bool mute) { return active(Id::quiet_forgotten) || rules::sleeps_no_more(mute); }

inline bool is_silent(Instant silent_at, Instant now) {
  return !active(Id::quiet_through_silence) && rules::is_silent(silent_at, now);
}

inline bool is_unjudged(BatchNo claim, BatchNo judged) {
  return active(Id::node_same_number) ? claim != BatchNo() && judged == BatchNo() : rules::is_unjudged(claim, judged);
}

inline bool is_old_disk(BatchNo first, BatchNo told) {
  return !active(Id::node_old_disk) && rules::is_old_disk(first, told);
}

inline bool wakes_sleepers(Incarnation known, Incarnation met) {
  return !active(Id::quiet_through_restart) && rules::wakes_sleepers(known, met);
}

// ---------------------------------------------------------------- clocks and mailboxes

inline bool is_clock_majority(u32 sources, u32 majority) {
  return active(Id::clock_trusts_one) || rules::is_clock_majority(sources, majority);
}

inline bool answers_here(ShardId connection, ShardId self) {
  return active(Id::shard_answers_here) || rules::answers_here(connection, self);
}

}  // namespace keelson::mutant_rules

#define rules mutant_rules
