// Quiescence: groups that nobody asks for anything cost nothing (docs/protocol.md, "Idle groups"). Sleep is between the
// primary and one backup: that one relies on the beats of the primary's shard, and the primary tells it when that no
// longer holds.
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {

// ---------------------------------------------------------------- as primary

// Nothing is under way, and nothing will be unless somebody asks for it.
bool Replica::at_rest() const {
  return status_ == ReplicaStatus::normal && !mute() && !loading() && !abdicating_ && state_stored_ && !state_wanted_ &&
         commit_min_ == head_ && commit_max_ == head_ && queue_.empty() && !wants_new_checkpoint() && !sync_ &&
         checkpointer_.phase() == Checkpointer::Phase::idle && loads_pending_ == 0 && !body_work_;
}

// Sleep is of one view.
void Replica::forget_sleep() {
  quiet_ = false;
  asleep_.clear();
  drowsy_.clear();
  quiesce_round_ = awake_round_ = 0;
}

// Something happened: backups are to hear commits again, and are not asked to sleep for a while.
void Replica::stir(Turn& turn) {
  active_at_ = turn.now;
  ++quiesce_round_;
  quiesce_backoff_ = 0;
  if (is_primary() && !turn.timers.armed(timers_[quiesce])) arm(turn, quiesce, config_.tunables.quiesce_after);
}

// Asks those that are awake to sleep. They answer when they have all of the log applied.
void Replica::offer_sleep(Turn& turn) {
  if (!is_primary()) return;
  const Duration idle = turn.now.since(active_at_);
  if (idle < config_.tunables.quiesce_after) return arm(turn, quiesce, config_.tunables.quiesce_after - idle);
  arm(turn, quiesce, config_.tunables.quiesce_resend * (u64{1} << quiesce_backoff_));
  quiesce_backoff_ = std::min(quiesce_backoff_ + 1, 4u);
  if (!at_rest()) return;
  give_memory_back();
  if (voters() == 1) return disarm(turn, quiesce);
  for (u8 i = 0; i < voters(); ++i) {
    const ReplicaIndex peer(i);
    if (peer == self_ || asleep_.has(peer)) continue;
    drowsy_.add(peer);  // from here on it may sleep, whether its answer arrives or not
    tell(turn, peer, EntryKind::quiesce, quiesce_round_);
  }
}

void Replica::on_asleep(Turn& turn, ReplicaIndex from, const GroupEntry& entry) {
  if (!drowsy_.has(from) || !rules::is_asleep(entry, quiesce_round_, view_, head_) || !at_rest()) return;
  asleep_.add(from);
  learn_checkpoint(from, entry.checkpoint_op);
  turn.counters.hit(Mark::vsr_quiesced);
  if (asleep_.count() == voters() - 1) disarm(turn, quiesce);
}

// A backup said that it is awake. It may still fall asleep by an offer that is on its way: only who is fenced, and so
// makes none, strikes it off.
void Replica::on_awake(Turn& turn, ReplicaIndex from) {
  if (!drowsy_.has(from)) return;
  asleep_.remove(from);
  if (rules::sleeps_no_more(mute())) drowsy_.remove(from);
  if (mute()) return;
  stir(turn);
}

// Whoever sent a message isn't asleep, or will say so again.
void Replica::on_sign_of_backup(Turn& turn, ReplicaIndex from) {
  if (!is_primary() || !asleep_.has(from)) return;
  asleep_.remove(from);
  stir(turn);
}

bool Replica::beats() const {
  if (!is_primary() || voters() == 1) return false;
  if (mute()) return !drowsy_.empty();
  return !abdicating_ && asleep_.count() + 1 < voters();
}

// What this primary's shard says of the group with its next beat to that node. False: nothing.
bool Replica::beat_entry(NodeId node, GroupEntry& entry) const {
  const ReplicaIndex to = index_of(node);
  if (to == no_replica || asleep_.has(to) || (mute() && !drowsy_.has(to))) return false;
  entry = commit_entry();
  entry.kind = mute() ? EntryKind::wake : EntryKind::commit;
  entry.round = quiesce_round_;
  return true;
}

// Taken again when somebody asks for something. Bodies are read from the log meanwhile.
void Replica::give_memory_back() {
  bodies_.release();
  pipeline_.release();
  queue_.release();
  in_flight_.release();
}

// ---------------------------------------------------------------- as backup

void Replica::on_quiesce(Turn& turn, ReplicaIndex from, const GroupEntry& entry) {
  if (entry.view == view_ && is_primary()) return on_asleep(turn, from, entry);
  if (from != primary_of(entry.view)) return ignore(turn, Counter::drop_status);
  if (quiet_ && is_same_rest(entry)) {
    quiesce_round_ = std::max(quiesce_round_, entry.round);
    return tell(turn, from, EntryKind::quiesce, quiesce_round_);
  }
  if (entry.view == view_ && is_backup() && rules::is_old_offer(entry.round, awake_round_))
    return tell(turn, from, EntryKind::wake, awake_round_);  // an old offer: something happened since
  if (!on_commit(turn, from, entry) || !is_same_rest(entry) || !rules::may_sleep(at_rest() && !needs_repair())) return;
  quiet_ = true;
  vote_cast_ = false;
  for (const Timer timer : {suspicion, vote}) disarm(turn, timer);
  quiesce_round_ = std::max(quiesce_round_, entry.round);
  give_memory_back();
  tell(turn, from, EntryKind::quiesce, quiesce_round_);
}

bool Replica::is_same_rest(const GroupEntry& entry) const {
  return entry.view == view_ && entry.op == head_ && entry.commit == commit_max_ &&
         entry.identity == identity_at(commit_max_);
}

// From here on the primary is expected to speak for the group itself. What woke this replica may be a copy of something
// old, so the primary is told, whoever sent it.
void Replica::wake_up(Turn& turn) {
  if (!quiet_) return;
  quiet_ = false;
  awake_round_ = quiesce_round_;
  turn.counters.hit(Mark::vsr_woke);
  if (!is_backup()) return;
  sign_of_primary(turn);
  tell(turn, primary_of(view_), EntryKind::wake, quiesce_round_);
}

void Replica::on_wake(Turn& turn, ReplicaIndex from, const GroupEntry& entry) {
  if (entry.view == view_ && is_primary()) return on_awake(turn, from);
  if (mute()) return ignore(turn, Counter::drop_status);
  if (from != primary_of(entry.view)) return ignore(turn, Counter::drop_field);
  if (entry.view > view_) ask_for_view(turn, from);
  if (entry.view == view_ && quiet_) return wake_up(turn);
  GroupEntry answer = entry;
  answer.replica = self_;
  say(turn, from, answer);
}

// A peer that began anew sleeps no more.
bool Replica::on_peer_restarted(Turn& turn, NodeId node) {
  const ReplicaIndex peer = index_of(node);
  if (peer == no_replica || !is_primary() || mute() || !asleep_.has(peer)) return false;
  asleep_.remove(peer);
  stir(turn);
  return true;
}

// The shard under whose beats it slept is silent, or began anew. False: it didn't sleep there.
bool Replica::wake_from(Turn& turn, NodeId node) {
  if (!quiet_ || node_of(primary_of(view_)) != node) return false;
  turn.counters.hit(Mark::vsr_woke_from_silence);
  quiet_ = false;
  awake_round_ = quiesce_round_;
  arm(turn, suspicion, turn.prng.below(config_.tunables.primary_suspected_jitter));
  tell(turn, primary_of(view_), EntryKind::wake, quiesce_round_);  // in case it lives
  return true;
}

// Told to one replica, with the others of this step.
void Replica::tell(Turn& turn, ReplicaIndex to, EntryKind kind, u32 round) {
  GroupEntry entry = commit_entry();
  entry.kind = kind;
  entry.round = round;
  if (is_backup()) entry.checkpoint_op = checkpointer_.durable_op();  // who sleeps acks nothing that would tell it
  say(turn, to, entry);
}

void Replica::say(Turn& turn, ReplicaIndex to, const GroupEntry& entry) {
  if (!turn.outbox.push(node_of(to), entry)) turn.counters.add(Counter::drop_outbox);
}

}  // namespace keelson
