// Normal operation: requests become prepares, prepares become stored, stored becomes committed, committed is applied
// (VSR Revisited, section 4.1).
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"
#include "keelson/wire/prepare.h"

namespace keelson {
namespace {

constexpr u16 first_machine_operation = 0x100;

}  // namespace

// ---------------------------------------------------------------- requests

void Replica::refuse(Turn& turn, const Route& route, const Request& request, Status status) {
  turn.counters.add(Counter::requests_refused);
  Reply refusal = header<Reply>();
  refusal.client = request.client;
  refusal.session = request.session;
  refusal.request = request.request;
  refusal.request_checksum = request.checksum_body;
  refusal.status = static_cast<u16>(status);
  if (status == Status::not_primary && is_backup()) refusal.hint_primary = node_of(primary_of(view_));
  reply(turn, route, make_message(turn.slabs, refusal));
}

void Replica::on_request(Turn& turn, const Route& route, const MessageRef& message) {
  const Request request = message.as<Request>();
  wake_up(turn);
  if (mute()) return refuse(turn, route, request, Status::fenced);
  if (!is_primary() || abdicating_) return refuse(turn, route, request, Status::not_primary);
  if (message.body().size() > config_.limits.request_body_max()) return refuse(turn, route, request, Status::too_large);
  if (InFlight::Slot* slot = in_flight_.find(request.client)) {
    if (slot->request != request.request) return refuse(turn, route, request, Status::out_of_order);
    slot->route = route;  // the client asks again, perhaps over another connection: answer there
    turn.counters.hit(Mark::session_duplicate_in_flight);
    return turn.counters.add(Counter::requests_duplicate);
  }
  if (queue_.full() || in_flight_.full()) {
    turn.counters.hit(Mark::vsr_queue_full);
    return refuse(turn, route, request, Status::busy);
  }
  const bool now = may_judge();
  if (now && !judge(turn, route, message)) return;
  in_flight_.insert({request.client, request.request, route});
  queue_.push_back({message, route, now});
}

bool Replica::may_judge() const { return !loading() && rules::may_judge_requests(commit_min_, view_start_op_); }

// Whether a request may become part of a prepare. If not, it has been answered.
bool Replica::judge(Turn& turn, const Route& route, const MessageRef& message) {
  const Request request = message.as<Request>();
  const RequestView wanted{frame_of(request), message.body()};
  const auto now = turn.clock.now(turn.now);
  const SessionVerdict verdict = sessions_.judge(wanted.frame, now.value_or(last_timestamp_));
  if (verdict != SessionVerdict::execute) {
    turn.counters.add(Counter::requests_duplicate);
    if (verdict == SessionVerdict::resend) turn.counters.hit(Mark::session_reply_resent);
    answer_verdict(turn, route, wanted.frame, verdict);
    return false;
  }
  if (wanted.frame.operation.raw() >= first_machine_operation) {
    const Status admitted = machine_.admit(wanted);
    if (admitted != Status::ok) return refuse(turn, route, request, admitted), false;
  }
  if (!now) {
    turn.counters.hit(Mark::vsr_clock_unsynchronized);
    return refuse(turn, route, request, Status::clock_unsynchronized), false;
  }
  // While the log can't be made shorter, what is left of it is for those who make room.
  if (turn.checkpoints.out_of_space() && turn.wal.low() && wanted.frame.operation.raw() >= first_machine_operation &&
      machine_.grows(wanted)) {
    turn.counters.hit(Mark::storage_low);
    return refuse(turn, route, request, Status::storage_full), false;
  }
  if (turn.checkpoints.is_crowded() && wanted.frame.operation.raw() >= first_machine_operation &&
      machine_.grows(wanted)) {
    turn.counters.hit(Mark::checkpoint_zone_crowded);
    static_cast<void>(make_room(turn.now));
    return refuse(turn, route, request, Status::storage_full), false;
  }
  if (!has_room_for_request() || turn.wal.full()) {
    turn.counters.hit(Mark::wal_journal_full);
    return refuse(turn, route, request, Status::storage_full), false;
  }
  return true;
}

// Requests leave room for the checkpoint that makes room again.
bool Replica::has_room_for_request() const {
  constexpr u64 for_checkpoints = 2;
  return log_.has_room(head_ + 1 + for_checkpoints);
}

// ---------------------------------------------------------------- preparing

void Replica::form_prepares(Turn& turn) {
  if (abdicating_ || !rules::may_start_view(view_, stored_view_, stored_log_view_)) return;
  if (!may_judge()) return;
  if (!has_room_for_request() && checkpoint_formed_ < head_) checkpoint_wanted_ = true;
  if (rules::checkpoint_due(head_, checkpoint_formed_, config_.limits.checkpoint_ops) || wants_new_checkpoint())
    form_checkpoint(turn);
  while (!queue_.empty() && !pipeline_.full())
    if (!form_prepare(turn)) break;
  if (pipeline_.full()) turn.counters.hit(Mark::vsr_pipeline_full);
  if (!queue_.empty() || !pipeline_.empty())
    turn.timers.arm_if_sooner(timers_[abdication], turn.now + config_.tunables.abdicate / 2);
}

// One prepare of as many waiting requests as fit. False: nothing was formed, or nothing more can be now.
bool Replica::form_prepare(Turn& turn) {
  const auto cost = [](const Queued& q) { return static_cast<u32>(prepared_size(q.request.size() - header_size)); };
  const auto now = turn.clock.now(turn.now);
  const u32 size_max = header_size + std::max(config_.limits.batch_bytes_max, cost(queue_.front()));
  if (!now || !has_room_for_request() || !turn.wal.has_room(1, size_max) || turn.slabs.available(size_max) == 0) {
    turn.timers.arm_if_sooner(timers_[resend], turn.now + config_.tunables.prepare_resend);
    return refuse_stale(turn), false;
  }
  scratch_.batch.clear();
  u32 body_size = 0;
  while (!queue_.empty() && !scratch_.batch.full()) {
    if (!scratch_.batch.empty() && body_size + cost(queue_.front()) > config_.limits.batch_bytes_max) break;
    Queued next = queue_.pop_front();
    if (!next.judged && !judge(turn, next.route, next.request)) {
      in_flight_.forget(next.request.as<Request>().client);  // an inherited op may have answered it already
      continue;
    }
    body_size += cost(next);
    scratch_.batch.push_back(std::move(next));
  }
  if (scratch_.batch.empty()) return true;
  prepare_batch(turn, body_size, rules::next_timestamp(last_timestamp_, *now));
  return true;
}

void Replica::prepare_batch(Turn& turn, u32 body_size, Timestamp timestamp) {
  MessageRef message = allocate_message(turn.slabs, body_size);
  check(static_cast<bool>(message));
  PrepareBodyWriter body(body_of(message, body_size), static_cast<u32>(scratch_.batch.size()));
  for (const Queued& waiting : scratch_.batch) body.add_frame(frame_of(waiting.request.as<Request>()));
  for (std::size_t i = 0; i < scratch_.batch.size(); ++i) {
    if (i + 1 < scratch_.batch.size()) prefetch(scratch_.batch[i + 1].request.body());
    body.add_body(scratch_.batch[i].request.body());
  }
  check(body.complete());
  Prepare prepare = header<Prepare>();
  prepare.release = Release(1);
  prepare.op = head_ + 1;
  prepare.parent = identity_at(head_);
  prepare.commit = commit_max_;
  prepare.timestamp = timestamp;
  prepare.request_count = static_cast<u32>(scratch_.batch.size());
  prepare.operation = PrepareOperation::batch;
  prepare.checkpoint_op = checkpointer_.durable_op();
  prepare.checkpoint_id = checkpointer_.durable_id();
  prepare.durable_checkpoint = told_durable_checkpoint();
  seal_prepare(message, prepare, body_size);
  turn.counters.add(Counter::prepares_formed);
  turn.counters.add(Counter::requests_admitted, scratch_.batch.size());
  scratch_.batch.clear();
  publish(turn, message);
}

// Into the own log and to every backup in the same bag: the own flush is one ack among the quorum.
void Replica::publish(Turn& turn, const MessageRef& prepare) {
  const Op op = prepare.as<Prepare>().op;
  check(op == head_ + 1 && op <= commit_max_ + config_.limits.pipeline_max);
  const bool kept = keep(turn, prepare);
  check(kept);
  head_ = op;
  pipeline_.push_back({Votes{}, turn.now});
  asleep_.clear();
  stir(turn);
  send_to_others(turn, prepare);
  turn.timers.arm_if_sooner(timers_[resend], turn.now + config_.tunables.prepare_resend);
}

// ---------------------------------------------------------------- storing

// A backup accepts the next prepare of its view, or one that fills a hole (VSR Revisited, section 4.1, step 4).
void Replica::on_prepare(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  const Prepare prepare = message.as<Prepare>();
  if (from != primary_of(view_)) return ignore(turn, Counter::drop_author);
  if (!is_backup()) {
    if (status_ != ReplicaStatus::normal && !installing_) ask_for_view(turn, from);
    return ignore(turn, Counter::drop_status);
  }
  sign_of_primary(turn);
  const Op op = prepare.op;
  durable_checkpoint_ = std::max(durable_checkpoint_, prepare.durable_checkpoint);
  told_commit_ = std::max(told_commit_, prepare.commit);
  // What an earlier primary made says nothing of this one.
  if (op > named_from_ && prepare.checkpoint_op > named_.op)
    name_checkpoint(turn, prepare.checkpoint_op, prepare.checkpoint_id);
  if (op <= log_.floor()) return ignore(turn, Counter::drop_duplicate);
  if (!log_.has_room(op)) return ignore(turn, Counter::drop_gap);
  const LogEntry& entry = log_.at(op);
  if (entry.has(log_bit::identity) && entry.identity == prepare.identity) {
    accept_again(turn, message);
  } else if (op <= head_ && op >= linked_floor_ && entry.has(log_bit::identity)) {
    return fence(turn, FenceReason::contradiction);  // two identities of one op in one view
  } else if (op <= commit_min_) {
    return fence(turn, FenceReason::contradiction);
  } else if (op == head_ + 1 && !rules::continues(prepare, identity_at(head_))) {
    return fence(turn, FenceReason::contradiction);
  } else {
    extend(turn, message);
  }
  if (!mute()) learn_commit(turn, std::max(prepare.commit, rules::committed_by_head(op, config_.limits.pipeline_max)));
}

// The primary lost our ack, or we its bytes.
void Replica::accept_again(Turn& turn, const MessageRef& message) {
  const Prepare prepare = message.as<Prepare>();
  const LogEntry& entry = log_.at(prepare.op);
  if (entry.has(log_bit::stored)) {
    ack(turn, prepare.op);
    return ignore(turn, Counter::drop_duplicate);
  }
  if (entry.has(log_bit::appended)) return ignore(turn, Counter::drop_duplicate);
  if (keep(turn, message)) relink(turn);
}

void Replica::extend(Turn& turn, const MessageRef& message) {
  const Op op = message.as<Prepare>().op;
  if (!keep(turn, message)) return ignore(turn, Counter::drop_gap);
  if (op > head_ + 1) {
    turn.counters.hit(Mark::vsr_gap_in_prepares);
    linked_floor_ = op;
    arm(turn, repair, Duration(0));
  }
  head_ = std::max(head_, op);
  // Before the chain is walked: the head must stay within a pipeline of the commit.
  commit_max_ = std::max(commit_max_, rules::committed_by_head(head_, config_.limits.pipeline_max));
  relink(turn);
}

void Replica::sign_of_primary(Turn& turn) {
  last_primary_sign_ = turn.now;
  vote_cast_ = false;
  disarm(turn, vote);
  const Duration jitter = turn.prng.below(config_.tunables.primary_suspected_jitter);
  arm(turn, suspicion, config_.tunables.primary_suspected + jitter);
}

// Tells the primary what is durable here, joined into runs.
void Replica::ack(Turn& turn, Op op) {
  if (!is_backup() || mute() || op < linked_floor_ || op > head_) return;
  if (!rules::may_ack(log_.at(op), view_, stored_view_, stored_log_view_)) return;
  if (ack_to_ != Op(0) && op >= ack_from_ && op <= ack_to_) return;
  if (ack_to_ != Op(0) && op != ack_to_ + 1) flush_acks(turn);
  if (ack_to_ == Op(0)) ack_from_ = op;
  ack_to_ = op;
}

// Also what is known here to be committed: a primary that the last view's commits did not reach has to hear of it.
void Replica::ack_stored(Turn& turn) {
  for (Op op = std::max(linked_floor_, told_commit_ + 1); op <= head_; ++op) ack(turn, op);
}

void Replica::flush_acks(Turn& turn) {
  if (ack_to_ == Op(0)) return;
  const Op from = ack_from_;
  const Op to = std::exchange(ack_to_, Op(0));
  if (!is_backup() || to > head_ || from < linked_floor_) return;  // the view or the log moved on within the turn
  check(stored_log_view_ == view_);
  PrepareOk ok = header<PrepareOk>();
  ok.identity = identity_at(to);
  ok.op_from = from;
  ok.op = to;
  ok.commit_min = commit_min_;
  ok.checkpoint_op = checkpointer_.durable_op();
  ok.checkpoint_id = checkpointer_.durable_id();
  ok.head = head_;
  ok.free_permille = turn.wal.free_permille();
  ok.wants = std::exchange(wants_checkpoint_, false) ? want::checkpoint : u16{0};
  send_header(turn, primary_of(view_), ok);
}

void Replica::self_ack(Op op) {
  if (op <= commit_max_ || op > head_ || op < linked_floor_) return;
  if (!rules::may_ack(log_.at(op), view_, stored_view_, stored_log_view_)) return;
  rules::count_ack(pipeline_[op - (commit_max_ + 1)].acks, self_);
}

void Replica::on_prepare_ok(Turn& turn, ReplicaIndex from, const PrepareOk& ok) {
  if (!is_primary()) return ignore(turn, Counter::drop_status);
  if (ok.op > head_ || ok.op_from > ok.op) return ignore(turn, Counter::drop_field);
  learn_checkpoint(from, ok.checkpoint_op);
  if (ok.wants & want::checkpoint) {
    checkpoint_wanted_ = true;
    renewal_ = renewal_ || ok.checkpoint_op == head_;  // it has the newest one: a damaged one, then
  }
  if (ok.op <= commit_max_) return;
  if (identity_at(ok.op) != ok.identity) return fence(turn, FenceReason::contradiction);
  for (Op op = rules::acked_from(ok.op_from, commit_max_); op <= ok.op; ++op)
    rules::count_ack(pipeline_[op - (commit_max_ + 1)].acks, from);
}

void Replica::learn_checkpoint(ReplicaIndex from, Op durable) {
  if (durable <= peers_[from.raw()].checkpoint_op) return;
  peers_[from.raw()].checkpoint_op = durable;
  reckon_durable_checkpoint();
}

// ---------------------------------------------------------------- committing

void Replica::advance_commit(Turn& turn) {
  bool advanced = false;
  while (!pipeline_.empty() && rules::may_commit(pipeline_.front().acks, quorums_)) {
    if (!pipeline_.front().acks.has(self_)) turn.counters.hit(Mark::vsr_commit_before_own_disk);
    pipeline_.pop_front();
    ++commit_max_;
    turn.counters.add(Counter::ops_committed);
    advanced = true;
  }
  if (!advanced) return;
  resend_backoff_ = 0;
  if (pipeline_.empty()) disarm(turn, resend);
}

void Replica::learn_commit(Turn& turn, Op commit) {
  if (commit <= commit_max_) return;
  turn.counters.add(Counter::ops_committed, commit - commit_max_);
  commit_max_ = commit;
}

void Replica::on_entry(Turn& turn, NodeId node, const GroupEntry& entry) {
  const ReplicaIndex from = index_of(node);
  if (from == no_replica || from == self_) return ignore(turn, Counter::drop_not_member);
  if (entry.epoch != epoch_) return ignore(turn, Counter::drop_epoch);
  if (entry.kind == EntryKind::wake) return on_wake(turn, from, entry);
  if (mute()) return ignore(turn, Counter::drop_status);
  peers_[from.raw()].last_sign = turn.now;
  if (entry.kind == EntryKind::quiesce) return on_quiesce(turn, from, entry);
  if (entry.kind == EntryKind::view_ahead) {
    if (entry.view > view_) ask_for_view(turn, primary_of(entry.view));
    return;
  }
  if (entry.kind != EntryKind::commit) return ignore(turn, Counter::drop_field);
  on_commit(turn, from, entry);
}

bool Replica::on_no_news(Turn& turn, NodeId node, const GroupEntry& entry) {
  const bool none = entry.kind == EntryKind::commit && entry.view == view_ && entry.epoch == epoch_ &&
                    entry.op == head_ && entry.commit == head_ && entry.checkpoint_op == durable_checkpoint_ &&
                    checkpointer_.durable_op() <= durable_checkpoint_ && commit_max_ == head_ && commit_min_ == head_ &&
                    is_backup() && !mute() && !quiet_ && applied_identity_ == entry.identity;
  if (!none || node != node_of(primary_of(view_))) return false;
  peers_[primary_of(view_).raw()].last_sign = turn.now;
  sign_of_primary(turn);
  return true;
}

// What the primary of the view says of it. False: it isn't, or I am not its backup.
bool Replica::on_commit(Turn& turn, ReplicaIndex from, const GroupEntry& entry) {
  if (from != primary_of(entry.view)) return ignore(turn, Counter::drop_field), false;
  if (entry.view < view_) {
    tell_view(turn, from);
    return ignore(turn, Counter::drop_view_old), false;
  }
  if (entry.view > view_ || !is_backup()) {
    if (!installing_ || entry.view > view_) ask_for_view(turn, from);
    return false;
  }
  if (quiet_ && entry.op <= head_ && entry.commit <= commit_max_)  // nothing new: it doesn't know that I sleep
    return tell(turn, from, EntryKind::quiesce, quiesce_round_), false;
  wake_up(turn);
  sign_of_primary(turn);
  const Digest known = entry.commit <= head_ && entry.commit >= linked_floor_ ? identity_at(entry.commit) : Digest{};
  if (!known.is_zero() && known != entry.identity) return fence(turn, FenceReason::contradiction), false;
  learn_commit(turn, entry.commit);
  told_commit_ = std::max(told_commit_, entry.commit);
  durable_checkpoint_ = std::max(durable_checkpoint_, entry.checkpoint_op);
  if (entry.op > head_ || commit_max_ > head_) arm_repair_soon(turn);
  if (checkpointer_.durable_op() > entry.checkpoint_op) ack(turn, head_);  // the one that told of it may be lost
  return true;
}

// ---------------------------------------------------------------- applying

void Replica::apply_committed(Turn& turn) {
  if (loading()) return;
  while (commit_min_ < std::min(commit_max_, head_)) {
    const Op op = commit_min_ + 1;
    const LogEntry& entry = log_.at(op);
    if (op < linked_floor_ || !entry.has(log_bit::identity)) break;
    const MessageRef* body = bodies_.get(op, entry.identity);
    if (!body) {
      read_ahead(turn);
      break;
    }
    if (turn.applies_left == 0 || checkpointer_.behind(turn.checkpoints)) {
      arm(turn, resume, Duration(0));
      break;
    }
    --turn.applies_left;
    apply(turn, MessageRef(*body));
    if (mute()) return;
  }
}

// Reads the next ops to apply from the WAL, a few at a time.
void Replica::read_ahead(Turn& turn) {
  const Op next = commit_min_ + 1;
  if (loads_pending_ == 0) load_next_ = next;
  const Op last = std::min({commit_max_, head_, commit_min_ + std::min(32u, config_.limits.body_cache_ops_max / 2)});
  for (load_next_ = std::max(load_next_, next); load_next_ <= last; ++load_next_) {
    const LogEntry& entry = log_.at(load_next_);
    if (load_next_ < linked_floor_ || !entry.has(log_bit::stored) || entry.has(log_bit::lost)) return;
    if (bodies_.get(load_next_, entry.identity)) continue;
    if (!turn.wal.load(group(), load_next_, entry.identity, entry.place, purpose_apply, IoClass::repair, turn.out)) {
      arm(turn, resume, config_.tunables.marker_delay);
      return;
    }
    ++loads_pending_;
  }
}

void Replica::apply(Turn& turn, const MessageRef& message) {
  const Prepare prepare = message.as<Prepare>();
  check(prepare.op == commit_min_ + 1 && prepare.identity == identity_at(prepare.op));
  if (prepare.parent != applied_identity_) return fence(turn, FenceReason::contradiction);
  log_.set_header(prepare.op, prepare);  // a record that was known by identity only is now known in full
  PrepareBody requests(message);
  RequestView request;
  applying_ = &turn;
  applying_prepare_ = &prepare;
  while (requests.next(request)) apply_request(turn, prepare, message.body(), request);
  applying_ = nullptr;
  applying_prepare_ = nullptr;
  commit_min_ = prepare.op;
  applied_identity_ = prepare.identity;
  last_timestamp_ = std::max(last_timestamp_, prepare.timestamp);
  turn.counters.add(Counter::ops_applied);
  if (prepare.request_count > 0) checkpointer_.grow(message.size());
  if (prepare.operation == PrepareOperation::checkpoint) begin_checkpoint(turn, prepare);
  if (linked_floor_ < commit_min_) linked_floor_ = std::min(commit_min_, head_);
}

void Replica::apply_request(Turn& turn, const Prepare& prepare, Bytes body, const RequestView& request) {
  const RequestFrame& frame = request.frame;
  const SessionVerdict verdict = sessions_.judge(frame, prepare.timestamp);
  if (verdict != SessionVerdict::execute) return answer(turn, frame, verdict);
  if (frame.operation == operation_register) {
    const u64 evictions = sessions_.evictions();
    const auto session = sessions_.register_client(frame.client, prepare.op, prepare.timestamp);
    if (sessions_.evictions() != evictions) turn.counters.hit(Mark::session_evicted);
    return answer(turn, frame, session ? SessionVerdict::registered : SessionVerdict::full);
  }
  if (frame.operation == operation_unregister) {
    sessions_.unregister_client(frame.client);
    return answer(turn, frame, SessionVerdict::unknown_session);
  }
  static constexpr BodyKeeper::Ops keep = {
      [](void* self, Op op) { return static_cast<Replica*>(self)->retain_body(op); },
      [](void* self, Op op) { static_cast<Replica*>(self)->release_body(op); }};
  ReplyWriter writer(scratch_.reply.span(), scratch_.reply_parts);
  const ApplyCtx context{
      group(),
      prepare.op,
      prepare.timestamp,
      prepare.release,
      frame.client,
      frame.session,
      SectionTouch(this,
                   [](void* self, SectionId section) { static_cast<Replica*>(self)->touch_section(section.raw()); }),
      BodyKeeper(this, keep, prepare.op, body)};
  if (frame.operation != operation_keepalive) machine_.apply(context, request, writer);
  sessions_.executed(frame, prepare.op, prepare.timestamp, writer.status(), writer.body(), writer.parts());
  answer(turn, frame, SessionVerdict::resend);
}

// To the client, if it asked here.
void Replica::answer(Turn& turn, const RequestFrame& frame, SessionVerdict verdict) {
  InFlight::Slot* slot = in_flight_.find(frame.client);
  if (!slot || slot->request != frame.request) return;
  const Route route = slot->route;
  in_flight_.erase(slot);
  answer_verdict(turn, route, frame, verdict);
}

Reply Replica::reply_to(const RequestFrame& frame) const {
  Reply answer = header<Reply>();
  answer.client = frame.client;
  answer.session = frame.session;
  answer.request = frame.request;
  answer.request_checksum = frame.body_checksum;
  answer.hint_primary = config_.node;
  return answer;
}

// What the client's session retains for exactly this request, or why there is nothing.
void Replica::answer_verdict(Turn& turn, const Route& route, const RequestFrame& frame, SessionVerdict verdict) {
  Reply answer = reply_to(frame);
  answer.status = static_cast<u16>(status_of(verdict));
  if (verdict == SessionVerdict::registered) {
    const auto session = sessions_.session_of(frame.client);
    check(session.has_value());
    answer.session = *session;
    answer.op = Op(session->raw());
    return reply(turn, route, make_message(turn.slabs, answer));
  }
  if (verdict == SessionVerdict::full) turn.counters.hit(Mark::session_table_full);
  if (verdict != SessionVerdict::resend) {
    turn.counters.add(Counter::requests_refused);
    return reply(turn, route, make_message(turn.slabs, answer));
  }
  const auto retained = sessions_.retained(frame.client);
  check(retained.has_value() && retained->request == frame.request);
  if (retained->part_count > 0) return answer_with_bodies(turn, route, frame);
  const u32 size = static_cast<u32>(retained->body.size());
  MessageRef message = allocate_message(turn.slabs, size);
  if (!message) return turn.counters.add(Counter::drop_no_slab);  // the client will ask again
  answer.op = retained->op;
  answer.timestamp = retained->timestamp;
  answer.status = static_cast<u16>(retained->status);
  copy(body_of(message, size), retained->body);
  seal(message, answer, size);
  reply(turn, route, message);
}

void Replica::on_ping(Turn& turn, const Route& route, const ClientPing& ping) {
  ClientPong pong = header<ClientPong>();
  pong.nonce = ping.nonce;
  if (status_ == ReplicaStatus::normal && !mute())
    pong.hint_primary = node_of(primary_of(view_));
  else
    pong.view = View(0);
  reply(turn, route, make_message(turn.slabs, pong));
}

// ---------------------------------------------------------------- resending

// Prepares that a backup has not acked, oldest first; inherited ones under this view's stamp.
void Replica::resend_prepares(Turn& turn) {
  if (!is_primary()) return;
  bool on_disk = false;
  for (std::size_t i = 0; i < pipeline_.size(); ++i) {
    const Op op = commit_max_ + 1 + i;
    const MessageRef* body = bodies_.get(op, identity_at(op));
    on_disk = on_disk || !body;
    if (!body) continue;
    MessageRef message = body->header().view == view_ ? *body : restamp(turn, *body, view_, 0);
    if (!message) break;
    for (u8 peer = 0; peer < voters(); ++peer) {
      if (ReplicaIndex(peer) == self_ || pipeline_[i].acks.has(ReplicaIndex(peer))) continue;
      send(turn, ReplicaIndex(peer), message);
      turn.counters.add(Counter::prepares_resent);
    }
  }
  if (on_disk) send_to_others(turn, make_start_view(turn, Nonce{}));  // who has it acks again, who lacks it repairs
  if (pipeline_.empty() && queue_.empty()) return;
  resend_backoff_ = std::min(resend_backoff_ + 1, 4u);
  arm(turn, resend, config_.tunables.prepare_resend * (u64{1} << resend_backoff_));
}

// Requests that wait in vain (no clock, no room) get an honest refusal instead of silence.
void Replica::refuse_stale(Turn& turn) {
  while (!queue_.empty()) {
    if (judge(turn, queue_.front().route, queue_.front().request)) return;
    in_flight_.forget(queue_.front().request.as<Request>().client);
    queue_.pop_front();
  }
}

}  // namespace keelson
