// The log of one replica: which op is known, readable and chained to which.
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {

Digest Replica::identity_at(Op op) const { return op == Op(0) ? root_identity_ : log_.at(op).identity; }

bool Replica::readable(Op op) const {
  if (op == Op(0)) return true;
  const LogEntry& entry = log_.at(op);
  if (entry.blank()) return false;
  return bodies_.get(op, entry.identity) || (entry.has(log_bit::stored) && !entry.has(log_bit::lost));
}

// No state to apply the log to: it begins above what this replica can start from.
bool Replica::stateless() const { return commit_min_ < log_.floor(); }

bool Replica::log_complete() const { return !stateless() && linked_floor_ <= commit_min_ + 1; }

// Walks the chain of parents down from what is known to belong to this log. What contradicts it is of a dead view and
// leaves the log; only its place in the chain stays, as an identity to ask for.
void Replica::relink(Turn& turn) {
  const Op before = linked_floor_;
  const Op lowest = std::max(commit_min_, log_.floor()) + 1;
  while (linked_floor_ > lowest) {
    const LogEntry& entry = log_.at(linked_floor_);
    if (!entry.has(log_bit::full)) break;
    const Digest parent = entry.parent;
    const Op below = linked_floor_ - 1;
    if (identity_at(below) != parent) {
      if (!log_.has_room(below)) break;
      LogEntry& wanted = log_.touch(below);
      const u16 uncertain = wanted.bits & (log_bit::lost | log_bit::suspect);
      const bool was_blank = wanted.blank();
      if (!was_blank) turn.counters.hit(Mark::vsr_prepare_from_dead_view_dropped);
      wanted = LogEntry{};
      wanted.identity = parent;
      wanted.bits = static_cast<u16>(log_bit::identity | (was_blank ? uncertain : 0));
      bodies_.drop(below);
    }
    linked_floor_ = below;
  }
  if (linked_floor_ == lowest && linked_floor_ <= head_) {
    const LogEntry& entry = log_.at(linked_floor_);
    const Digest below = stateless() ? identity_at(log_.floor()) : applied_identity_;
    if (entry.has(log_bit::full) && !below.is_zero() && entry.parent != below)
      return fence(turn, FenceReason::contradiction);
  }
  if (linked_floor_ != before && is_backup()) ack_stored(turn);
}

// A prepare becomes part of the log and goes to the WAL, stamped with the view whose log this is. False: no room now.
bool Replica::keep(Turn& turn, const MessageRef& prepare) {
  const Prepare header = prepare.as<Prepare>();
  if (!log_.has_room(header.op) || !turn.wal.has_room(1, prepare.size())) {
    turn.counters.hit(Mark::wal_journal_full);
    return false;
  }
  MessageRef stamped = prepare;
  if (rules::needs_stamp(header.view, log_view_, header.flags)) {
    stamped = restamp(turn, prepare, log_view_, 0);
    if (!stamped) {
      turn.counters.add(Counter::drop_no_slab);
      return false;
    }
  }
  adopt(header);
  LogEntry& entry = log_.touch(header.op);
  entry.view = log_view_;
  entry.bits |= log_bit::appended;
  bodies_.put(header.op, header.identity, stamped);
  turn.wal.append(RecordMeta{group(), Command::prepare, epoch_, log_view_, log_view_, header.op, header.identity, 0,
                             rules::needs_mark(Command::prepare, voters())},
                  std::move(stamped));
  return true;
}

// The log takes over a header; bytes and durability stay only if they are of the same identity.
void Replica::adopt(const Prepare& header) {
  if (header.op <= log_.floor()) return;
  LogEntry& entry = log_.touch(header.op);
  if (entry.identity != header.identity) {
    const u16 uncertain = entry.blank() ? entry.bits & (log_bit::lost | log_bit::suspect) : 0;
    entry = LogEntry{};
    entry.bits = uncertain;
    bodies_.drop(header.op);
  }
  if (header.entry_flags & entry_flag::blank) return;
  entry.identity = header.identity;
  entry.bits |= log_bit::identity;
  if (header.entry_flags & entry_flag::stub) return;
  log_.set_header(header.op, header);
  last_timestamp_ = std::max(last_timestamp_, header.timestamp);
}

void Replica::truncate(Op head) {
  check(head >= commit_min_);
  for (Op op = head + 1; op <= head_; ++op) bodies_.drop(op);
  log_.truncate_above(head);
}

// What a quorum and this replica have in checkpoints is dropped, one checkpoint later while there is room for it.
void Replica::prune(Turn& turn) {
  if (stateless()) return;
  const bool room = log_.has_room(head_ + config_.limits.checkpoint_ops);
  Op to = std::min(commit_min_, rules::prunable(checkpointer_.durable_op(), durable_checkpoint_,
                                                room ? config_.limits.checkpoint_ops : 0));
  // Whoever fetches a checkpoint goes on with the log above it.
  const Op pinned = checkpointer_.oldest_pinned(turn.now);
  if (pinned > Op(0) && head_ - pinned < config_.limits.journal_ops_max / 2) to = std::min(to, pinned);
  prune_to(turn, to);
}

// Only what a quorum has in checkpoints.
void Replica::prune_to(Turn& turn, Op to) {
  to = std::min(to, head_);
  while (to > log_.floor() && !log_.at(to).has(log_bit::identity)) to = to - 1;
  if (to <= log_.floor() || loading()) return;
  turn.counters.add(Counter::ops_pruned, to - log_.floor());
  turn.counters.hit(Mark::log_pruned);
  for (Op op = log_.floor() + 1; op <= to; ++op) bodies_.drop(op);
  const bool sure = to <= commit_min_ || to >= linked_floor_;
  log_.prune(to, sure ? log_.at(to).identity : Digest{});
  linked_floor_ = std::max(linked_floor_, std::min(to + 1, head_));
}

u32 Replica::suffix_count() const {
  const Op bottom = std::min(commit_max_, head_);
  check(head_ - bottom <= config_.limits.pipeline_max);
  return static_cast<u32>(head_ - bottom) + 1;
}

Prepare Replica::suffix_header(Op op) const {
  if (op == Op(0)) return root_of(config_);
  Prepare header = log_.header_of(op, config_.cluster, group(), epoch_);
  const LogEntry& entry = log_.at(op);
  if (entry.has(log_bit::lost)) header.entry_flags |= entry_flag::lost;
  if (entry.has(log_bit::suspect)) header.entry_flags |= entry_flag::suspect;
  return header;
}

// What the next group_state and do_view_change say of the log: frozen, until a view is installed.
void Replica::build_suffix() {
  suffix_.clear();
  suffix_head_ = head_;
  const u32 count = suffix_count();
  if (count > suffix_.capacity()) suffix_ = Vec<Prepare>(std::bit_ceil(count));
  for (u32 i = 0; i < count; ++i) suffix_.push_back(suffix_header(head_ - i));
}

// When memory for messages is scarce: what is applied and stored can be read again.
void Replica::drop_applied_bodies() {
  const u64 kept = config_.limits.body_cache_ops_max;
  Op op = std::max({bodies_dropped_to_, log_.floor(), commit_min_.minus_saturating(kept)});
  for (; op < commit_min_ && log_.at(op + 1).has(log_bit::stored); ++op) bodies_.drop(op + 1);
  bodies_dropped_to_ = op;
}

void Replica::write_entry(std::byte* to, const Prepare& entry) {
  store(to, entry);
  seal_bytes(to, entry.checksum_body, entry.size);
}

}  // namespace keelson
