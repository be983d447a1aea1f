// View changes: who is primary, and with which log the view starts (VSR Revisited, section 4.2; docs/protocol.md).
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {

// ---------------------------------------------------------------- votes to leave a view

void Replica::suspect_primary(Turn& turn) {
  if (is_primary() || voters() == 1) return;
  if (!rules::may_vote(turn.now, last_primary_sign_, config_.tunables.sign_of_life_fresh))
    return arm(turn, suspicion, config_.tunables.sign_of_life_fresh);
  cast_vote(turn);
}

// Says "I would leave this view", and promises nothing: a replica cut off from the others can't inflate views.
void Replica::cast_vote(Turn& turn) {
  if (voters() == 1) return;
  vote_cast_ = true;
  peers_[self_.raw()].vote_at = turn.now;
  turn.counters.add(Counter::votes_cast);
  send_to_others(turn, make_message(turn.slabs, header<StartViewChange>()));
  arm(turn, vote, config_.tunables.vote_resend);
  count_votes(turn);
}

void Replica::resend_votes(Turn& turn) {
  if (status_ == ReplicaStatus::view_change && !installing_ && !completing_) {
    if (rules::may_send_do_view_change(view_, stored_view_, state_stored_)) send_do_view_change(turn);
    if (status_ != ReplicaStatus::view_change || installing_) return;
    arm(turn, vote, config_.tunables.vote_resend);
  }
  if (vote_cast_) cast_vote(turn);
}

void Replica::on_start_view_change(Turn& turn, ReplicaIndex from, const StartViewChange& message) {
  if (status_ == ReplicaStatus::recovering && recovering_ != RecoveringReason::head_unknown)
    return ignore(turn, Counter::drop_status);
  const bool transfer = message.flags & flag::transfer;
  if (transfer && from == primary_of(view_) && message.target_view > view_)
    return enter_view(turn, message.target_view);
  peers_[from.raw()].vote_at = turn.now;
  count_votes(turn);
}

void Replica::count_votes(Turn& turn) {
  u8 count = 0;
  for (u8 i = 0; i < voters(); ++i) {
    if (ReplicaIndex(i) == self_ && !vote_cast_) continue;
    if (peers_[i].vote_at != Instant() && turn.now.since(peers_[i].vote_at) <= config_.tunables.vote_valid) ++count;
  }
  if (rules::may_leave_view(count, quorums_)) enter_view(turn, view_ + 1);
}

void Replica::transfer(Turn& turn) {
  if (!is_primary() || mute() || voters() == 1) return;
  StartViewChange handover = header<StartViewChange>();
  handover.flags = flag::transfer;
  handover.target_view = view_ + 1;
  send_to_others(turn, make_message(turn.slabs, handover));
  enter_view(turn, view_ + 1);
}

// A primary that nobody answers gives up: it stops its beats and votes against itself, so that others may go on.
void Replica::check_abdication(Turn& turn) {
  if (!is_primary()) return;
  if (pipeline_.empty() && queue_.empty() && !abdicating_) return;
  u8 answering = 1;
  for (u8 i = 0; i < voters(); ++i)
    answering += ReplicaIndex(i) != self_ && turn.now.since(peers_[i].last_sign) <= config_.tunables.abdicate;
  const bool alone = rules::is_alone(answering, quorums_);
  if (alone && !abdicating_) {
    turn.counters.add(Counter::abdications);
    turn.counters.hit(Mark::vsr_abdicated);
  }
  abdicating_ = alone;
  vote_cast_ = alone && vote_cast_;
  if (alone && !vote_cast_) cast_vote(turn);
  if (is_primary()) arm(turn, abdication, config_.tunables.abdicate / 2);
}

// ---------------------------------------------------------------- the promise

// From here on nothing is acked below `view`. do_view_change leaves when the promise is durable.
void Replica::enter_view(Turn& turn, View view) {
  check(view >= view_ && !mute());
  const bool was_primary = is_primary();
  status_ = ReplicaStatus::view_change;
  recovering_ = RecoveringReason::none;
  if (was_primary) leave_primary(turn, Status::not_primary);
  view_ = view;
  installing_ = false;
  completing_ = false;
  shut_out_ = false;
  vote_cast_ = false;
  stuck_op_ = Op(0);
  ack_to_ = Op(0);
  for (PeerState& peer : peers_) {
    peer.vote_at = Instant();
    peer.report = MessageRef();
  }
  named_ = {};
  wants_checkpoint_ = false;
  forget_sleep();
  for (const Timer timer : {suspicion, ask_view, resend, abdication, repair, quiesce}) disarm(turn, timer);
  turn.counters.add(Counter::view_changes_started);
  build_suffix();
  persist_state(turn);
  arm(turn, vote, config_.tunables.vote_resend);
  arm(turn, watchdog, config_.tunables.watchdog);
  arm_give_up(turn);
}

void Replica::arm_give_up(Turn& turn) {
  const Duration base = config_.tunables.view_change_give_up * (u64{1} << std::min(give_ups_, 4u));
  ++give_ups_;
  arm(turn, give_up, base / 2 + turn.prng.below(base));
}

void Replica::leave_primary(Turn& turn, Status why) {
  while (!queue_.empty()) {
    const Queued waiting = queue_.pop_front();
    refuse(turn, waiting.route, waiting.request.as<Request>(), why);
  }
  in_flight_.clear();
  pipeline_.clear();
  abdicating_ = checkpoint_wanted_ = false;
  wants_checkpoint_ = wants_checkpoint_ || std::exchange(renewal_, false);  // of the next primary
  turn.out.notifications.push_back({NotifyKind::lost_primary, group(), view_.raw(), 0});
}

MessageRef Replica::make_do_view_change(Turn& turn) const {
  const u32 count = static_cast<u32>(suffix_.size());
  MessageRef message = allocate_message(turn.slabs, count * header_size);
  if (!message) return message;
  DoViewChange report = header<DoViewChange>();
  report.op = suffix_head_;
  report.commit_min = commit_min_;
  report.commit_max = commit_max_;
  report.checkpoint_op = checkpointer_.durable_op();
  report.log_view = log_view_;
  report.header_count = count;
  report.timestamp_max = last_timestamp_;
  report.tail = tail_uncertain_;
  for (u32 i = 0; i < count; ++i) {
    const Op op = suffix_head_ - i;
    Prepare entry = suffix_[i];
    entry.entry_flags &= static_cast<u8>(~(entry_flag::lost | entry_flag::suspect));  // stored, never sent
    write_entry(message.mutable_data() + header_size * (i + 1), entry);
    const LogEntry& known = log_.at(op);
    if (readable(op)) report.present |= u64{1} << i;
    if (rules::may_deny(op, log_.floor()) && rules::is_nack(known)) report.nack |= u64{1} << i;
    if (known.has(log_bit::suspect)) report.suspect |= u64{1} << i;
  }
  seal(message, report, count * header_size);
  return message;
}

void Replica::send_do_view_change(Turn& turn) {
  check(rules::may_send_do_view_change(view_, stored_view_, state_stored_));
  MessageRef report = make_do_view_change(turn);
  if (!report) return turn.counters.add(Counter::drop_no_slab);
  send_to_others(turn, report);  // to all: they learn the view by it
  turn.counters.hit(Mark::vsr_report_sent);
  if (self_ != primary_of(view_)) return;
  peers_[self_.raw()].report = std::move(report);
  try_select(turn);
}

// ---------------------------------------------------------------- the new primary chooses the log

void Replica::on_do_view_change(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  if (is_primary() || completing_) return send(turn, from, make_start_view(turn, Nonce{}));
  if (status_ != ReplicaStatus::view_change || self_ != primary_of(view_) || installing_)
    return ignore(turn, Counter::drop_status);
  PeerState& peer = peers_[from.raw()];
  peer.report = message;
  peer.checkpoint_op = std::max(peer.checkpoint_op, message.as<DoViewChange>().checkpoint_op);
  if (peers_[self_.raw()].report) try_select(turn);
}

namespace {

LogReport report_of(ReplicaIndex from, const MessageRef& message) {
  const DoViewChange d = message.as<DoViewChange>();
  return {from,          d.op,      d.commit_min, d.commit_max, d.log_view,
          d.tail != 0,   d.present, d.nack,       d.suspect,    message.data() + header_size,
          d.header_count};
}

}  // namespace

void Replica::try_select(Turn& turn) {
  LogReport reports[voters_max];
  std::size_t count = 0;
  for (u8 i = 0; i < voters(); ++i)
    if (peers_[i].report) reports[count++] = report_of(ReplicaIndex(i), peers_[i].report);
  const std::span<const LogReport> all(reports, count);
  const Selection selection = select(all, voters(), config_.limits.pipeline_max);
  switch (selection.kind) {
    case SelectKind::wait:
      return;
    case SelectKind::stuck:
    case SelectKind::contradiction:
      stuck_op_ = selection.op;
      turn.counters.add(Counter::stuck);
      turn.counters.hit(Mark::vsr_view_change_stuck);
      turn.out.notifications.push_back({NotifyKind::stuck, group(), selection.op.raw(), count});
      return;
    case SelectKind::selected:
      break;
  }
  if (!choose_suffix(all, selection)) return;
  if (selection.head > log_.floor() && !log_.has_room(selection.head)) {  // a log that is too far behind
    if (!forfeit(turn, true)) turn.counters.hit(Mark::wal_journal_full);
    return;
  }
  if (selection.truncated) turn.counters.hit(Mark::vsr_view_change_truncates);
  if (selection.full_house) turn.counters.hit(Mark::vsr_view_change_full_house);
  if (selection.head > selection.commit) turn.counters.hit(Mark::vsr_view_change_keeps_uncommitted);
  for (std::size_t i = 0; i < count; ++i)
    last_timestamp_ = std::max(last_timestamp_, peers_[reports[i].from.raw()].report.as<DoViewChange>().timestamp_max);
  install_suffix(turn, view_, selection.commit);
}

// Full headers of everything above the commit, from whoever has them. False: the commit's identity isn't known yet.
bool Replica::choose_suffix(std::span<const LogReport> reports, const Selection& selection) {
  scratch_.chosen.clear();
  for (Op op = selection.head;; op = op - 1) {
    Digest identity = op == Op(0) ? root_identity_ : identity_in(reports, selection.log_view, op);
    if (identity.is_zero() && op <= commit_min_) identity = identity_at(op);
    for (const auto& r : reports)
      if (identity.is_zero() && op <= r.commit_min && r.lists(op)) identity = r.entry(op).identity;
    if (identity.is_zero()) return false;

    Prepare found = suffix_header(op);
    bool full = op == Op(0) || (log_.at(op).has(log_bit::full) && found.identity == identity);
    for (const auto& r : reports) {
      if (full || !r.lists(op)) continue;
      found = r.entry(op);
      full = found.identity == identity && !(found.entry_flags & (entry_flag::stub | entry_flag::blank));
    }
    if (!full) {
      if (op != selection.commit) return false;
      found = header<Prepare>();
      found.op = op;
      found.identity = identity;
      found.entry_flags = entry_flag::stub;
    }
    found.entry_flags &= entry_flag::stub;
    scratch_.chosen.push_back(found);
    if (op == selection.commit) break;
  }
  return true;
}

// The chosen log (scratch_.chosen, from its head downward) becomes this replica's; durable before anybody hears of it.
void Replica::install_suffix(Turn& turn, View view, Op commit) {
  const Op head = scratch_.chosen[0].op;
  const Op bottom = scratch_.chosen.back().op;
  if (head < std::max(commit_max_, durable_checkpoint_)) return fence(turn, FenceReason::contradiction);
  for (const auto& h : scratch_.chosen) {
    const Digest known = identity_at(h.op);
    if (h.op > std::max(commit_min_, log_.floor()) || known.is_zero() || known == h.identity) continue;
    return fence(turn, FenceReason::contradiction);  // an applied op would change
  }
  for (std::size_t i = 1; i < scratch_.chosen.size(); ++i)
    if (!rules::continues(scratch_.chosen[i - 1], scratch_.chosen[i].identity))
      return fence(turn, FenceReason::contradiction);
  truncate(std::max(head, commit_min_));
  for (const auto& h : scratch_.chosen) {
    const bool held = identity_at(h.op) == h.identity;
    adopt(h);
    // A replica unsure of its head may have acked this in the tail that it lost.
    if (rules::may_have_acked(tail_uncertain_, held) && h.op > log_.floor()) log_.touch(h.op).bits |= log_bit::suspect;
  }
  head_ = head;
  if (view > view_) forget_sleep();
  view_ = view;
  log_view_ = view;
  commit_max_ = std::max(commit_max_, commit);
  told_commit_ = commit;
  linked_floor_ = bottom;
  tail_uncertain_ = false;
  shut_out_ = false;
  recovering_ = RecoveringReason::none;
  stuck_op_ = Op(0);
  ack_to_ = Op(0);
  status_ = ReplicaStatus::view_change;
  installing_ = true;
  completing_ = false;
  relink(turn);
  if (mute()) return;
  turn.counters.hit(Mark::vsr_log_chosen);
  build_suffix();
  persist_state(turn);
  for (const Timer timer : {suspicion, vote, ask_view, repair}) disarm(turn, timer);
  arm(turn, watchdog, config_.tunables.watchdog);
  arm_give_up(turn);
}

// The others may have this view's log at once. The primary takes part only when it has the bytes itself: what nobody
// can give it any more, a further view change may be able to forget.
void Replica::lead(Turn& turn) {
  check(rules::may_start_view(view_, stored_view_, stored_log_view_));
  reckon_durable_checkpoint();  // by the reports: who has no room for this log lets go of what that covers
  held_to_ = commit_min_;
  if (holds_log()) return become_primary(turn);
  if (forfeit(turn)) return;
  turn.counters.hit(Mark::vsr_primary_completes_log);
  completing_ = true;
  send_to_others(turn, make_start_view(turn, Nonce{}));
  arm(turn, repair, Duration(0));
}

// What this replica lacks is in nobody's log any more: it hands the view over to the next one of its quorum that has
// more, and fetches a state as that one's backup.
bool Replica::forfeit(Turn& turn, bool must) {
  const Op missing = first_missing();
  bool pruned = missing <= head_;
  for (u8 i = 0; i < voters(); ++i)
    pruned = pruned && (ReplicaIndex(i) == self_ || !peers_[i].report || peers_[i].floor >= missing);
  if (!must && !stateless() && !pruned) return false;
  for (u8 i = 1; i < voters(); ++i) {
    const View target = view_ + i;
    const MessageRef& report = peers_[primary_of(target).raw()].report;
    if (!report || report.as<DoViewChange>().commit_min <= commit_min_) continue;
    turn.counters.hit(Mark::vsr_forfeited);
    StartViewChange handover = header<StartViewChange>();
    handover.flags = flag::transfer;
    handover.target_view = target;
    send_to_others(turn, make_message(turn.slabs, handover));
    enter_view(turn, target);
    return true;
  }
  return false;
}

void Replica::become_primary(Turn& turn) {
  check(rules::may_start_view(view_, stored_view_, stored_log_view_));
  turn.counters.hit(Mark::vsr_became_primary);
  completing_ = false;
  status_ = ReplicaStatus::normal;
  stop_sync(turn);
  view_start_op_ = head_;
  checkpoint_formed_ = std::min(checkpoint_formed_, head_);  // one of an earlier view may have been cut off
  give_ups_ = 0;
  resend_backoff_ = 0;
  vote_cast_ = false;
  for (const Timer timer : {suspicion, vote, give_up, ask_view, watchdog}) disarm(turn, timer);
  for (auto& peer : peers_) peer.last_sign = turn.now;
  for (auto& peer : peers_) peer.report = MessageRef();
  pipeline_.clear();
  for (Op op = commit_max_ + 1; op <= head_; ++op) {
    pipeline_.push_back({Votes{}, turn.now});
    self_ack(op);
  }
  turn.counters.add(Counter::views_installed);
  turn.out.notifications.push_back({NotifyKind::became_primary, group(), view_.raw(), head_.raw()});
  stir(turn);
  if (voters() == 1) return;
  send_to_others(turn, make_start_view(turn, Nonce{}));
  arm(turn, resend, config_.tunables.prepare_resend);
  arm(turn, abdication, config_.tunables.abdicate);
}

void Replica::become_backup(Turn& turn) {
  check(stored_log_view_ == view_);
  status_ = ReplicaStatus::normal;
  give_ups_ = 0;
  for (const Timer timer : {vote, give_up, ask_view, watchdog}) disarm(turn, timer);
  for (auto& peer : peers_) peer.report = MessageRef();
  turn.counters.add(Counter::views_installed);
  lacking_since_ = turn.now;
  sign_of_primary(turn);
  ack_stored(turn);
}

// ---------------------------------------------------------------- the others take it over

MessageRef Replica::make_start_view(Turn& turn, Nonce nonce) const {
  const Op bottom = std::min(commit_max_, head_);
  const u32 count = static_cast<u32>(head_ - bottom) + 1;
  MessageRef message = allocate_message(turn.slabs, count * header_size);
  if (!message) return message;
  for (u32 i = 0; i < count; ++i) {
    Prepare entry = suffix_header(head_ - i);
    entry.entry_flags &= entry_flag::stub;
    write_entry(message.mutable_data() + header_size * (i + 1), entry);
  }
  StartView start = header<StartView>();
  start.nonce = nonce;
  start.op = head_;
  start.commit = bottom;
  start.checkpoint_op = checkpointer_.durable_op();
  start.checkpoint_id = checkpointer_.durable_id();
  start.durable_checkpoint = std::min(told_durable_checkpoint(), bottom);
  start.header_count = count;
  seal(message, start, count * header_size);
  return message;
}

void Replica::on_start_view(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  const StartView start = message.as<StartView>();
  if (from != primary_of(start.view)) return ignore(turn, Counter::drop_author);
  if (start.view == view_) {
    if (is_primary() || installing_ || self_ == primary_of(view_)) return ignore(turn, Counter::drop_status);
    if (is_backup()) told_commit_ = std::max(told_commit_, start.commit);
    const bool asked = start.nonce == nonce_;
    if (!rules::may_take_start_view(status_ == ReplicaStatus::recovering, asked))
      return ignore(turn, Counter::drop_not_asked);
    if (is_backup() && !asked && start.op <= head_) {
      ack_stored(turn);  // a primary that completed its log counts from now on
      return ignore(turn, Counter::drop_duplicate);
    }
  }
  if (!read_suffix(message)) return ignore(turn, Counter::drop_field);
  durable_checkpoint_ = std::max(durable_checkpoint_, start.durable_checkpoint);  // which makes room in a full log
  if (!reaches(turn, start)) {
    if (status_ == ReplicaStatus::normal && rules::is_over(view_, start.view)) enter_view(turn, start.view);
    if (status_ == ReplicaStatus::view_change && start.view == view_) be_shut_out(turn, start);
    return ignore(turn, Counter::drop_gap);
  }
  named_from_ = start.op;
  name_checkpoint(turn, start.checkpoint_op, start.checkpoint_id);
  if (start.view == view_ && is_backup()) return extend_log(turn, start);
  const bool was_primary = is_primary();
  status_ = ReplicaStatus::view_change;
  if (was_primary) leave_primary(turn, Status::not_primary);
  install_suffix(turn, start.view, start.commit);
}

// The headers of a start_view, checked to be one chain down to its commit. False: they are not.
bool Replica::read_suffix(const MessageRef& message) {
  const StartView start = message.as<StartView>();
  scratch_.chosen.clear();
  if (start.header_count == 0 || start.header_count > config_.limits.pipeline_max + 1) return false;
  for (u32 i = 0; i < start.header_count; ++i) {
    const Prepare entry = as<Prepare>(message.data() + header_size * (i + 1));
    const bool bottom = i + 1 == start.header_count;
    if (entry.op.raw() + i != start.op.raw() || (entry.entry_flags & ~(bottom ? entry_flag::stub : 0))) return false;
    if (i > 0 && scratch_.chosen.back().parent != entry.identity) return false;
    scratch_.chosen.push_back(entry);
  }
  return scratch_.chosen.back().op == start.commit &&
         (start.commit > Op(0) || scratch_.chosen.back().identity == root_identity_);
}

// Whether the log can hold that head. One that is too far behind lets go of what a quorum's checkpoints hold; if all of
// it is in those, it begins anew above the primary's checkpoint, which has to be fetched then.
bool Replica::reaches(Turn& turn, const StartView& start) {
  if (start.op <= log_.floor() || log_.has_room(start.op)) return true;
  durable_checkpoint_ = std::max(durable_checkpoint_, start.durable_checkpoint);
  prune(turn);
  if (is_primary() && !log_.has_room(start.op)) return false;  // its pipeline lies in its log
  if (!log_.has_room(start.op)) prune_to(turn, rules::dispensable(durable_checkpoint_, head_, commit_max_));
  if (log_.has_room(start.op)) return true;
  if (!rules::may_begin_anew(durable_checkpoint_, head_)) return false;
  if (start.checkpoint_op <= head_ || start.op - start.checkpoint_op > config_.limits.journal_ops_max / 2) return false;
  if (loading()) return false;
  turn.counters.hit(Mark::vsr_log_restarted);
  for (Op op = log_.floor() + 1; op <= head_; ++op) bodies_.drop(op);
  Digest identity;
  for (const auto& h : scratch_.chosen)
    if (h.op == start.checkpoint_op) identity = h.identity;
  log_.begin_above(start.checkpoint_op, identity);
  head_ = linked_floor_ = start.checkpoint_op;
  commit_max_ = std::max(commit_max_, start.commit);
  return true;
}

// What this log holds has to stay, and leaves no room for what the view holds. With the primary's state it may go.
void Replica::be_shut_out(Turn& turn, const StartView& start) {
  turn.counters.hit(Mark::vsr_shut_out);
  shut_out_ = true;
  name_checkpoint(turn, start.checkpoint_op, start.checkpoint_id);
}

// The primary of my view tells me its log again: it may add to mine, and never shortens it.
void Replica::extend_log(Turn& turn, const StartView& start) {
  sign_of_primary(turn);
  for (const auto& h : scratch_.chosen) {
    if (h.op > head_ || h.op == Op(0) || h.op < std::max(linked_floor_, log_.floor())) continue;
    if (identity_at(h.op) != h.identity) return fence(turn, FenceReason::contradiction);
  }
  for (const auto& h : scratch_.chosen)
    if (h.op > commit_min_ && log_.has_room(h.op)) adopt(h);
  if (rules::may_extend(start.op, head_)) {
    head_ = start.op;
    linked_floor_ = scratch_.chosen.back().op;
  }
  learn_commit(turn, std::max(start.commit, rules::committed_by_head(head_, config_.limits.pipeline_max)));
  durable_checkpoint_ = std::max(durable_checkpoint_, start.durable_checkpoint);
  relink(turn);
  if (mute()) return;
  ack_stored(turn);
  arm_repair_soon(turn);
}

// ---------------------------------------------------------------- asking and telling

void Replica::on_get_view(Turn& turn, ReplicaIndex from, const GetView& message) {
  if (is_primary() && message.view == view_ && (message.wants & want::checkpoint)) checkpoint_wanted_ = true;
  if ((is_primary() || completing_) && message.view <= view_)
    return send(turn, from, make_start_view(turn, message.nonce));
  if (message.view < view_) tell_view(turn, from);
}

void Replica::ask_for_view(Turn& turn, ReplicaIndex whom) {
  if (whom == self_ || mute()) return;
  PeerState& peer = peers_[whom.raw()];
  if (peer.asked_view != Instant() && turn.now.since(peer.asked_view) < config_.tunables.get_view) return;
  peer.asked_view = turn.now;
  GetView ask = header<GetView>();
  ask.nonce = nonce_;
  ask.head = head_;
  if (wants_checkpoint_ && is_backup()) ask.wants = want::checkpoint;
  send_header(turn, whom, ask);
}

void Replica::ask_next_for_view(Turn& turn) {
  if (voters() == 1 || status_ == ReplicaStatus::normal) return;
  ask_for_view(turn, next_other());
  arm(turn, ask_view, config_.tunables.get_view);
}

// To a peer that speaks for an older view: what this replica knows of a newer one, at most so often.
void Replica::tell_view(Turn& turn, ReplicaIndex to) {
  PeerState& peer = peers_[to.raw()];
  if (peer.told_view != Instant() && turn.now.since(peer.told_view) < config_.tunables.get_view) return;
  peer.told_view = turn.now;
  if (is_primary()) return send(turn, to, make_start_view(turn, Nonce{}));
  GroupEntry entry = commit_entry();
  entry.kind = EntryKind::view_ahead;
  entry.op = Op(0);
  entry.identity = Digest{};
  say(turn, to, entry);
}

}  // namespace keelson
