#include "keelson/vsr/checkpointer.h"

#include <algorithm>

#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

constexpr u64 saved_per_step_max = 256 * 1024;  // bytes, beside what touches save

}  // namespace

// A section on its way into the zone, one buffer at a time.
struct Checkpointer::Output {
  CheckpointZone& zone;
  GroupId group;
  SavedSection& section;
  DigestStream digest;
  std::optional<u32> buffer;
  u32 used = 0;
  bool starved = false;

  void put(Bytes bytes) {
    digest.add(bytes);
    section.size += bytes.size();
    while (!bytes.empty() && !starved) {
      if (!buffer && !open()) return;
      const std::size_t n = std::min<std::size_t>(bytes.size(), zone.buffer_bytes() - used);
      copy(zone.bytes(*buffer).subspan(used), bytes.first(n));
      bytes = bytes.subspan(n);
      used += static_cast<u32>(n);
      if (used == zone.buffer_bytes()) close();
    }
  }
  bool open() {
    buffer = zone.open();
    used = 0;
    starved = starved || !buffer;
    return buffer.has_value();
  }
  void close() {
    if (buffer && !zone.put(*buffer, used, group, section.runs)) starved = true;
    buffer.reset();
  }
};

void Checkpointer::set_pieces(u32 count) {
  if (pieces_.capacity() < count || pieces_.capacity() / 8 > count) {
    Vec<Piece> other(count);
    for (std::size_t i = 0; i < pieces_.size() && i < count; ++i) other.push_back(pieces_[i]);
    pieces_ = std::move(other);
  }
  pieces_.resize(count);
}

void Checkpointer::set_clean(u32 count) {
  if (dirty_.capacity() != count) dirty_ = Vec<u8>(count);
  dirty_.clear();
  dirty_.resize(count);
}

void Checkpointer::start_from(CheckpointTable table, const GroupCheckpoint& record) {
  check(phase_ == Phase::idle);
  durable_ = std::move(table);
  durable_id_ = record.checkpoint_id;
  for (u32 i = 0; i < 2; ++i)
    durable_table_[i] = {record.table_block[i], static_cast<u32>(blocks_for(record.table_bytes))};
  set_clean(static_cast<u32>(durable_.sections.size()));
}

void Checkpointer::forget(CheckpointZone& zone, Instant now) {
  check(phase_ == Phase::idle);
  for (BlockRun& run : durable_table_)
    if (!run.empty()) zone.blocks().free(std::exchange(run, BlockRun{}));
  CheckpointTable old = std::move(durable_);
  durable_ = {};
  retire(old, std::exchange(durable_id_, Digest{}), std::exchange(pin_, next_pin()), now, zone);
  distrust_state();
}

void Checkpointer::recut(Counters& counters) {
  distrust_state();
  if (phase_ == Phase::saving && !receiving_ && pending_count_ > 0) give_up(counters);
}

void Checkpointer::begin(const CheckpointFacts& facts) {
  check(phase_ == Phase::idle && facts.op > durable_op());
  phase_ = Phase::saving;
  starved_ = false;
  next_.facts = facts;
  const u32 count = facts.machine_sections + facts.session_sections;
  next_.set_sections(count);
  set_pieces(count);
  const bool all = dirty_.empty() || rules::cuts_anew(durable_.facts, facts);
  check(all || dirty_.size() == count);
  pending_count_ = 0;
  next_pending_ = 0;
  for (u32 i = 0; i < count; ++i) {
    pieces_[i] = all || dirty_[i] ? Piece::pending : Piece::kept;
    pending_count_ += pieces_[i] == Piece::pending;
    if (pieces_[i] == Piece::pending) continue;
    next_.sections[i].size = durable_.sections[i].size;
    next_.sections[i].digest = durable_.sections[i].digest;
  }
  set_clean(count);
}

// Something is pending only while the state is cut as next_ is.
void Checkpointer::touch(u32 section, CheckpointZone& zone, Counters& counters) {
  if (phase_ == Phase::saving && !receiving_ && pending_count_ > 0 && pieces_[section] == Piece::pending) {
    counters.hit(Mark::checkpoint_section_saved_by_touch);
    save(section, zone, counters);
  }
  if (!dirty_.empty()) dirty_[section] = 1;
}

void Checkpointer::save(u32 section, CheckpointZone& zone, Counters& counters) {
  SavedSection& saved = next_.sections[section];
  saved.size = 0;
  saved.runs.clear();
  if (saved.runs.capacity() == 0) saved.runs = Vec<BlockRun>(1);  // most need no more
  pieces_[section] = Piece::fresh;
  --pending_count_;
  Output output{zone, group_, saved, DigestStream(), std::nullopt, 0, false};
  ByteSink sink(&output, [](void* self, Bytes bytes) { static_cast<Output*>(self)->put(bytes); });
  save_(self_, section, sink);
  output.close();
  saved.digest = output.digest.finish();
  unstored_ += static_cast<u32>(saved.runs.size());
  counters.add(Counter::checkpoint_sections_saved);
  starved_ = starved_ || output.starved;
}

bool Checkpointer::behind(const CheckpointZone& zone) const {
  return phase_ == Phase::saving && !receiving_ && pending_count_ > 0 && zone.staged() * 2 > zone.staged_max();
}

bool Checkpointer::advance(CheckpointZone& zone, Counters& counters) {
  if (phase_ == Phase::saving && !starved_ && !receiving_) {
    u64 saved = 0;
    while (pending_count_ > 0 && saved < saved_per_step_max && zone.staged() * 4 <= zone.staged_max() && !starved_) {
      while (pieces_[next_pending_] != Piece::pending) ++next_pending_;
      save(next_pending_, zone, counters);
      saved += next_.sections[next_pending_].size;
    }
  }
  if (starved_ && phase_ != Phase::abandoning) give_up(counters);
  if (phase_ == Phase::abandoning && unstored_ == 0) end_abandoned(zone);
  if (phase_ == Phase::saving && rules::are_sections_stored(pending_count_, unstored_)) {
    phase_ = Phase::table;
    if (!write_table(zone)) {
      give_up(counters);
      return false;
    }
  }
  if (phase_ != Phase::table || !rules::is_table_stored(unstored_)) return false;
  phase_ = Phase::record;
  return true;
}

// Places of clean sections are taken over only now: until here a section may still have become dirty, but not pending.
bool Checkpointer::write_table(CheckpointZone& zone) {
  for (u32 i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i] == Piece::fresh) continue;
    auto& runs = next_.sections[i].runs;
    runs.clear();
    for (const BlockRun& run : durable_.sections[i].runs) push_growing(runs, run);
  }
  const u64 bytes = next_.encoded_bytes();
  if (bytes > zone.buffer_bytes()) return false;
  next_id_ = next_.id();
  table_bytes_ = static_cast<u32>(bytes);
  for (BlockRun& run : next_table_) run = {};
  for (BlockRun& run : next_table_) {
    const auto buffer = zone.open();
    if (!buffer) return false;
    const MutableBytes to = zone.bytes(*buffer).first(bytes);
    next_.encode(to);
    table_digest_ = digest_of(to);
    if (!zone.put_in_a_row(*buffer, table_bytes_, group_, run)) return false;
    ++unstored_;
  }
  return true;
}

void Checkpointer::fill(GroupCheckpoint& record) const {
  check(phase_ == Phase::record);
  record.op = next_.facts.op;
  record.identity = next_.facts.identity;
  record.checkpoint_id = next_id_;
  record.table_digest = table_digest_;
  record.table_bytes = table_bytes_;
  for (u32 i = 0; i < 2; ++i) record.table_block[i] = next_table_[i].first;
}

void Checkpointer::recorded(CheckpointZone& zone, Counters& counters, Instant now) {
  check(phase_ == Phase::record);
  for (u32 i = 0; i < 2; ++i) {
    if (!durable_table_[i].empty()) zone.blocks().free(durable_table_[i]);
    durable_table_[i] = std::exchange(next_table_[i], BlockRun{});
  }
  std::swap(durable_, next_);
  const Digest old_id = std::exchange(durable_id_, next_id_);
  retire(next_, old_id, std::exchange(pin_, next_pin()), now, zone);
  phase_ = Phase::idle;
  if (receiving_) set_clean(static_cast<u32>(durable_.sections.size()));
  receiving_ = false;
  counters.add(Counter::checkpoints_done);
}

void Checkpointer::give_up(Counters& counters) {
  phase_ = Phase::abandoning;
  counters.add(Counter::checkpoints_abandoned);
  counters.hit(Mark::checkpoint_abandoned);
}

void Checkpointer::end_abandoned(CheckpointZone& zone) {
  for (u32 i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i] == Piece::fresh) free_section(next_.sections[i], zone);
    if (!receiving_ && !dirty_.empty() && pieces_[i] != Piece::kept) dirty_[i] = 1;
  }
  for (BlockRun& run : next_table_)
    if (!run.empty()) zone.blocks().free(std::exchange(run, BlockRun{}));
  receiving_ = false;
  phase_ = Phase::idle;
}

}  // namespace keelson
