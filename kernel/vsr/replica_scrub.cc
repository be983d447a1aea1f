// Scrub: what this group has on disk is read again and proven, a few reads at a time: the records of its log, then the
// sections and tables of its checkpoint.
#include <algorithm>

#include "keelson/vsr/replica.h"

namespace keelson {
namespace {

constexpr u32 records_per_unit = 4;
constexpr u32 looked_max = 1024;  // log entries of one unit
constexpr u32 attempts_max = 3;   // to read a section, before its bytes count as damaged

}  // namespace

// One unit. True: there is nothing left to read; the next call begins anew.
bool Replica::scrub(Turn& turn) {
  if (mute() || loading()) {
    if (scrub_ && scrub_->pending > 0) return false;
    scrub_.reset();
    return true;
  }
  if (!scrub_) {
    scrub_ = std::make_unique<Scrub>();
    scrub_->checkpoint = checkpointer_.durable_id();
  }
  if (scrub_->pending > 0 || scrub_records(turn) || scrub_checkpoint(turn)) return false;
  scrub_.reset();
  return true;
}

bool Replica::scrub_records(Turn& turn) {
  Op& op = scrub_->op;
  op = std::max(op, log_.floor());
  for (u32 looked = 0; op < head_ && looked < looked_max && scrub_->pending < records_per_unit; ++looked) {
    const LogEntry& entry = log_.at(op + 1);
    if (entry.has(log_bit::stored) && !entry.has(log_bit::lost)) {
      if (!turn.wal.load(group(), op + 1, entry.identity, entry.place, purpose_scrub, IoClass::scrub, turn.out))
        return true;
      ++scrub_->pending;
    }
    op = op + 1;
  }
  return op < head_ || scrub_->pending > 0;
}

void Replica::note_lost(Turn& turn, Op op) {
  turn.counters.add(Counter::scrub_damaged_records);
  turn.counters.hit(Mark::scrub_record);
  miss_record(turn, op);
}

// A record below what is applied concerns nobody here: peers may ask for it, and a start would.
void Replica::miss_record(Turn& turn, Op op) {
  const MessageRef* body = bodies_.get(op, identity_at(op));
  if (body && keep(turn, MessageRef(*body))) return;
  if (op > commit_min_) return;
  if (voters() == 1) return want_checkpoint(turn);
  if (lost_op_ == Op(0) || op < lost_op_) lost_op_ = op;
  arm_repair_soon(turn);
}

// The lowest applied op whose record is lost, and isn't on its way to the disk again.
void Replica::advance_lost() {
  if (lost_op_ == Op(0)) return;
  Op op = std::max(lost_op_, log_.floor() + 1);
  for (u32 looked = 0; op <= commit_min_ && looked < looked_max; ++looked, op = op + 1) {
    const LogEntry& entry = log_.at(op);
    if (entry.has(log_bit::lost) && !entry.has(log_bit::appended)) break;
  }
  lost_op_ = op <= commit_min_ ? op : Op(0);
}

// ---------------------------------------------------------------- the checkpoint

// Should a newer one become durable meanwhile, that one was written just now.
bool Replica::scrub_checkpoint(Turn& turn) {
  Scrub& s = *scrub_;
  const auto sections = static_cast<u32>(checkpointer_.durable().sections.size());
  if (checkpointer_.durable_op() == Op(0) || checkpointer_.durable_id() != s.checkpoint) return false;
  for (; s.item < sections + 2; ++s.item) {
    if (s.left == 0) begin_item();
    if (s.left == 0) continue;
    const BlockRun run = run_of_item();
    const u32 blocks = std::min(run.count - s.of_run, turn.checkpoints.buffer_bytes() / page_bytes);
    if (checkpointer_.may_read_durable() &&
        turn.checkpoints.read_for_peer({run.first + s.of_run, blocks}, group(), scrub_tag(), turn.out)) {
      s.pending = 1;
      s.asked = blocks;
      s.reading = checkpointer_.begin_read(checkpointer_.durable_id());
    }
    return true;
  }
  return false;
}

void Replica::begin_item() {
  Scrub& s = *scrub_;
  const auto& sections = checkpointer_.durable().sections;
  s.left = s.item < sections.size() ? sections[s.item].size : checkpointer_.table_bytes();
  s.run = s.of_run = 0;
  s.digest = DigestStream();
}

// Behind the sections come the two copies of the table.
BlockRun Replica::run_of_item() const {
  const auto& sections = checkpointer_.durable().sections;
  if (scrub_->item < sections.size()) return sections[scrub_->item].runs[scrub_->run];
  return checkpointer_.table_run(static_cast<u32>(scrub_->item - sections.size()));
}

void Replica::on_scrubbed(Turn& turn, const CheckpointZone::Done& done) {
  check(scrub_ != nullptr && scrub_->pending == 1);
  Scrub& s = *scrub_;
  s.pending = 0;
  checkpointer_.end_read(s.reading);
  if (mute() || checkpointer_.durable_id() != s.checkpoint) return turn.checkpoints.release(done.buffer);
  const u64 count = std::min<u64>(s.left, u64{s.asked} * page_bytes);
  if (done.ok) s.digest.add(turn.checkpoints.bytes(done.buffer).first(count));
  turn.checkpoints.release(done.buffer);
  if (done.ok && s.left > count) {
    s.left -= count;
    s.of_run += s.asked;
    if (s.of_run < run_of_item().count) return;
    ++s.run;
    s.of_run = 0;
    return;
  }
  s.left = 0;
  const auto& sections = checkpointer_.durable().sections;
  const bool of_section = s.item < sections.size();
  const Digest& wanted = of_section ? sections[s.item].digest : checkpointer_.table_digest();
  const bool whole = done.ok && s.digest.finish() == wanted;
  if (!whole && ++s.attempts < attempts_max) return;
  if (!whole) {
    turn.counters.add(Counter::scrub_damaged_sections);
    turn.counters.hit(Mark::scrub_section);
    if (of_section) checkpointer_.distrust_section(s.item);
    renew_checkpoint(turn);
  }
  s.attempts = 0;
  ++s.item;
}

// Though there may be nothing new to save.
void Replica::renew_checkpoint(Turn& turn) {
  renewal_ = true;
  want_checkpoint(turn);
}

}  // namespace keelson
