// Repair: what the log lacks is asked for by identity, headers downward from what is certain, then bodies. The head is
// never moved by a repair message, only by a prepare or start_view of the current view.
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

constexpr u32 look_ahead = 64;  // ops above commit_min that one round looks at
constexpr u32 prepares_per_ask = 16;

}  // namespace

bool Replica::needs_repair() const {
  if (voters() == 1) return false;
  if (lost_op_ != Op(0) || !log_complete() || (is_backup() && commit_max_ > head_)) return true;
  const Op last = std::min(head_, commit_min_ + look_ahead);
  for (Op op = commit_min_ + 1; op <= last; ++op)
    if (lacks_bytes(op)) return true;
  for (Op op = std::max(last, commit_max_) + 1; op <= head_; ++op)
    if (lacks_bytes(op)) return true;
  return false;
}

bool Replica::lacks_bytes(Op op) const { return !readable(op) && !log_.at(op).has(log_bit::appended); }

// Every byte from what is applied to the head, chained.
bool Replica::holds_log() {
  if (!log_complete()) return false;
  held_to_ = std::max(held_to_, commit_min_);
  while (held_to_ < head_ && readable(held_to_ + 1)) ++held_to_;
  return rules::holds_all(held_to_, head_);
}

void Replica::arm_repair_soon(Turn& turn) {
  turn.timers.arm_if_sooner(timers_[repair], turn.now + config_.tunables.repair_pace);
}

void Replica::repair_elsewhere(Turn& turn) {
  if (voters() > 1) turn.timers.arm_if_sooner(timers_[repair], turn.now + config_.tunables.repair_pace / 4);
}

void Replica::repair_now(Turn& turn) {
  if ((status_ != ReplicaStatus::normal && !completing_) || !needs_repair()) return;
  if (is_backup() && commit_max_ > head_) ask_for_view(turn, primary_of(view_));
  const ReplicaIndex whom = next_other();
  ask_for_headers(turn, whom);
  ask_for_prepares(turn, whom);
  arm(turn, repair, config_.tunables.repair_pace);
}

// From the lowest op that is chained to the head, downward.
bool Replica::ask_for_headers(Turn& turn, ReplicaIndex whom) {
  const Op lowest = std::max(commit_min_, log_.floor()) + 1;
  if (linked_floor_ <= lowest) return false;
  turn.counters.hit(Mark::vsr_header_repair);
  GetHeaders ask = header<GetHeaders>();
  ask.op_min = lowest;
  ask.op_max = linked_floor_;
  send_header(turn, whom, ask);
  return true;
}

// First what isn't committed: however far behind this replica is, the primary may need its ack.
bool Replica::ask_for_prepares(Turn& turn, ReplicaIndex whom) {
  OpIdentity wanted[prepares_per_ask];
  u32 count = 0;
  const u32 count_max = std::min(config_.limits.repair_in_flight_max, prepares_per_ask);
  const auto want = [&](Op from, Op last) {
    for (Op op = from; op <= last && count < count_max; ++op)
      if (log_.at(op).has(log_bit::identity) && lacks_bytes(op)) wanted[count++] = OpIdentity{op, identity_at(op)};
  };
  const Op last = std::min(head_, commit_min_ + std::min(look_ahead, config_.limits.body_cache_ops_max));
  want(std::max({last, commit_max_, linked_floor_.minus_saturating(1)}) + 1, head_);
  want(std::max(commit_min_ + 1, linked_floor_), last);
  if (lost_op_ != Op(0)) want(lost_op_, std::min(commit_min_, lost_op_ + look_ahead));
  if (count == 0) return false;
  const u32 body_size = count * static_cast<u32>(sizeof(OpIdentity));
  MessageRef message = allocate_message(turn.slabs, body_size);
  if (!message) return turn.counters.add(Counter::drop_no_slab), false;
  copy(body_of(message, body_size), std::as_bytes(std::span(wanted, count)));
  GetPrepares ask = header<GetPrepares>();
  ask.count = count;
  seal(message, ask, body_size);
  send(turn, whom, std::move(message));
  turn.counters.add(Counter::repairs_requested, count);
  return true;
}

void Replica::on_repair_prepare(Turn& turn, const MessageRef& message) {
  if (take_body(turn, message)) return;
  const Prepare prepare = message.as<Prepare>();
  const Op op = prepare.op;
  const bool applied = op <= commit_min_;
  if (op > head_ || op <= log_.floor() || (applied && !log_.at(op).has(log_bit::lost)))
    return ignore(turn, Counter::drop_not_asked);
  if (!rules::accepts_repair(log_.at(op), prepare)) return ignore(turn, Counter::drop_not_asked);
  if (readable(op) || log_.at(op).has(log_bit::appended)) return ignore(turn, Counter::drop_duplicate);
  if (!keep(turn, message)) return ignore(turn, Counter::drop_gap);
  turn.counters.add(Counter::repairs_done);
  turn.counters.hit(applied ? Mark::scrub_repairs_applied_op : Mark::vsr_body_repair);
  relink(turn);
  if (!mute() && needs_repair()) arm_repair_soon(turn);
}

// ---------------------------------------------------------------- serving

void Replica::on_get_headers(Turn& turn, ReplicaIndex from, const GetHeaders& ask) {
  const Op highest = std::min(ask.op_max, head_);
  const u32 count_max = std::min(config_.limits.message_size_max / header_size - 1, 32u);
  Op lowest = std::max(ask.op_min, highest.minus_saturating(count_max - 1));
  lowest = std::max(lowest, log_.floor() + 1);
  u32 count = 0;
  for (Op op = highest; op >= lowest && log_.at(op).has(log_bit::full); op = op - 1) ++count;
  MessageRef message = allocate_message(turn.slabs, count * header_size);
  if (!message) return turn.counters.add(Counter::drop_no_slab);
  for (u32 i = 0; i < count; ++i) {
    Prepare entry = suffix_header(highest - i);
    entry.entry_flags = 0;
    write_entry(message.mutable_data() + header_size * (i + 1), entry);
  }
  Headers answer = header<Headers>();
  answer.floor = log_.floor();
  seal(message, answer, count * header_size);
  send(turn, from, std::move(message));
}

// Accepted only where they connect up to the head: what connects only downward could replace something acked.
void Replica::on_headers(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  peers_[from.raw()].floor = std::max(peers_[from.raw()].floor, message.as<Headers>().floor);
  const u32 count = static_cast<u32>(message.body().size()) / header_size;
  for (u32 i = 0; i < count; ++i) {
    const Prepare entry = as<Prepare>(message.data() + header_size * (i + 1));
    if (entry.op != linked_floor_ || entry.op <= commit_min_ || entry.op > head_) continue;
    if (identity_at(entry.op) != entry.identity || entry.entry_flags != 0) continue;
    adopt(entry);
    relink(turn);
    if (mute()) return;
  }
  if (completing_ && forfeit(turn)) return;
  if (needs_repair()) arm_repair_soon(turn);
}

void Replica::on_get_prepares(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  const u32 count = std::min(message.as<GetPrepares>().count, prepares_per_ask);
  for (u32 i = 0; i < count; ++i) {
    const auto wanted = load<OpIdentity>(message.data() + header_size + i * sizeof(OpIdentity));
    const LogEntry& entry = log_.at(wanted.op);
    if (wanted.op > log_.floor() && rules::may_serve(entry, wanted.identity)) {
      if (const MessageRef* body = bodies_.get(wanted.op, wanted.identity)) {
        serve(turn, from, *body);
        continue;
      }
      if (entry.has(log_bit::stored) && !entry.has(log_bit::lost)) {
        // At the limit of reads the asker hears nothing and asks again.
        static_cast<void>(
            turn.wal.load(group(), wanted.op, wanted.identity, entry.place, from.raw(), IoClass::repair, turn.out));
        continue;
      }
    }
    if (give_from_blob(turn, from, wanted)) continue;
    refuse_op(turn, from, wanted.op,
              wanted.op <= log_.floor()  ? Unavailability::pruned
              : entry.has(log_bit::lost) ? Unavailability::damaged
                                         : Unavailability::unknown);
  }
}

void Replica::refuse_op(Turn& turn, ReplicaIndex to, Op op, Unavailability why) {
  Unavailable answer = header<Unavailable>();
  answer.what = why;
  answer.floor = log_.floor();
  answer.op = op;
  send_header(turn, to, answer);
}

// Somebody could not help: ask the next one, soon.
void Replica::on_unavailable(Turn& turn, ReplicaIndex from, const Unavailable& answer) {
  peers_[from.raw()].floor = std::max(peers_[from.raw()].floor, answer.floor);
  if (!answer.checkpoint_id.is_zero()) {
    if (!sync_) return;
    if (answer.what != Unavailability::damaged) return sync_->on_unknown(from, answer.checkpoint_id);
    return sync_->on_damaged(turn.now, from, answer.checkpoint_id, answer.section);
  }
  if (answer.op != Op(0)) on_body_unavailable(from, answer.op);
  if (completing_ && forfeit(turn)) return;
  if (answer.op != Op(0) && answer.op == lost_op_ && is_pruned_everywhere(lost_op_)) want_checkpoint(turn);
  repair_elsewhere(turn);
}

void Replica::serve(Turn& turn, ReplicaIndex to, const MessageRef& prepare) {
  turn.counters.add(Counter::repairs_served);
  send(turn, to, restamp(turn, prepare, prepare.header().view, flag::repair));
}

// The same entry under another author and stamp: neither is part of its identity.
MessageRef Replica::restamp(Turn& turn, const MessageRef& prepare, View view, u8 flags) const {
  MessageRef stamped = copy_message(turn.slabs, prepare.bytes());
  if (!stamped) return stamped;
  Prepare h = prepare.as<Prepare>();
  h.view = view;
  h.flags = flags;
  h.node = config_.node;
  h.replica = self_;
  h.incarnation = config_.incarnation;
  h.from_shard = config_.shard;
  seal_header(stamped, h, h.size - header_size);
  return stamped;
}

ReplicaIndex Replica::next_other() {
  check(voters() > 1);
  do rotation_ = (rotation_ + 1) % voters();
  while (ReplicaIndex(static_cast<u8>(rotation_)) == self_);
  return ReplicaIndex(static_cast<u8>(rotation_));
}

}  // namespace keelson
