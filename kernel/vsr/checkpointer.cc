#include "keelson/vsr/checkpointer.h"

#include <algorithm>

#include "keelson/vsr/body_rules.h"
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
  u32& unstored;  // pieces
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
    if (buffer && !zone.put(*buffer, used, group, section.runs, unstored)) starved = true;
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
  record_seq_ = record.record_seq;
  durable_place_.digest = record.table_digest;
  durable_place_.bytes = record.table_bytes;
  for (u32 i = 0; i < 2; ++i)
    durable_place_.copies[i] = {record.table_block[i], static_cast<u32>(blocks_for(record.table_bytes))};
  set_clean(static_cast<u32>(durable_.facts.state_sections()));
  count_blocks();
}

void Checkpointer::count_blocks() {
  durable_blocks_ = durable_op() == Op(0) ? 0 : 2 * blocks_for(durable_place_.bytes);
  for (const SavedSection& section : durable_.sections)
    for (const BlockRun& run : section.runs) durable_blocks_ += run.count;
}

void Checkpointer::tell_need(CheckpointZone& zone) {
  const CheckpointZone::Need need{durable_blocks_, blocks_for(grown_)};
  if (need == told_) return;
  zone.change_need(told_, need);
  told_ = need;
}

void Checkpointer::forget(CheckpointZone& zone, Instant now) {
  check(phase_ == Phase::idle);
  CheckpointTable old = std::exchange(durable_, CheckpointTable{});
  Pin pin = std::exchange(pin_, next_pin());
  pin.named = true;
  retire(old, std::exchange(durable_id_, Digest{}), pin, {}, now, zone);
  damaged_blobs_ = {};
  grown_ = 0;  // and all of the log is applied again
  count_blocks();
  distrust_state();
}

void Checkpointer::recut(Counters& counters) {
  distrust_state();
  if (phase_ == Phase::saving && !receiving_ && pending_count_ > 0) give_up(counters);
}

void Checkpointer::set_blobs(u32 before, u32 now) {
  if (dirty_.empty() || before == now) return;
  const auto fixed = static_cast<u32>(dirty_.size()) - before;
  Vec<u8> other(fixed + now);
  for (u32 i = 0; i < fixed + std::min(before, now); ++i) other.push_back(dirty_[i]);
  while (!other.full()) other.push_back(1);
  dirty_ = std::move(other);
}

void Checkpointer::begin_sections(const CheckpointFacts& facts) {
  check(phase_ == Phase::idle && facts.op > durable_op());
  phase_ = Phase::saving;
  starved_ = false;
  grown_before_ = grown_;
  next_.facts = facts;
  const auto count = static_cast<u32>(facts.state_sections());
  next_.set_sections(static_cast<u32>(facts.sections()));
  set_pieces(static_cast<u32>(facts.sections()));
  const bool all = dirty_.empty() || rules::cuts_anew(durable_.facts, facts);
  check(all || dirty_.size() == count);
  pending_count_ = 0;
  next_pending_ = 0;
  pending_blobs_ = 0;
  for (u32 i = 0; i < count; ++i) {
    next_.sections[i].born = Op(0);
    const u32 before = in_durable(i);
    pieces_[i] = all || dirty_[i] || before == no_section ? Piece::pending : Piece::kept;
    pending_count_ += pieces_[i] == Piece::pending;
    if (pieces_[i] == Piece::pending) continue;
    next_.sections[i].size = durable_.sections[before].size;
    next_.sections[i].digest = durable_.sections[before].digest;
  }
  set_clean(count);
}

// A blob never changes: it is where it was, or it is to be made.
void Checkpointer::begin_blob(u32 section, Op born) {
  SavedSection& blob = next_.sections[section];
  blob.size = 0;
  blob.digest = Digest{};
  blob.born = born;
  blob.runs.clear();
  const u32 number = section - static_cast<u32>(next_.facts.state_sections());
  const SavedSection* before = durable_blob(number, born);
  const bool damaged = number < damaged_blobs_.size() && damaged_blobs_[number] != 0;
  pieces_[section] = born == Op(0) ? Piece::fresh : before && !damaged ? Piece::kept : Piece::pending;
  pending_blobs_ += pieces_[section] == Piece::pending;
  if (pieces_[section] != Piece::kept) return;
  blob.size = before->size;
  blob.digest = before->digest;
}

const SavedSection* Checkpointer::durable_blob(u32 number, Op born) const {
  if (durable_op() == Op(0) || number >= durable_.facts.blobs) return nullptr;
  const SavedSection& blob = durable_.sections[durable_.facts.state_sections() + number];
  return body_rules::is_blob(blob.born, born) ? &blob : nullptr;
}

std::optional<u32> Checkpointer::next_blob() const {
  if (!is_saving() || starved_ || pending_blobs_ == 0) return std::nullopt;
  const auto state = static_cast<u32>(next_.facts.state_sections());
  u32 number = 0;
  while (pieces_[state + number] != Piece::pending) ++number;
  return number;
}

bool Checkpointer::has_room_for_blob(const CheckpointZone& zone, u32 bytes) const {
  return zone.staged() + bytes / zone.buffer_bytes() + 2 <= zone.staged_max() / 2 + 2;
}

void Checkpointer::put_blob(Bytes bytes, CheckpointZone& zone) {
  if (!blob_output_) blob_output_ = std::make_unique<BlobOutput>();
  SavedSection& blob = next_.sections[next_.facts.state_sections() + *next_blob()];
  BlobOutput& output = *blob_output_;
  Output to{zone, group_, blob, unstored_, output.digest, output.buffer, output.used, false};
  to.put(bytes);
  output = {to.digest, to.buffer, to.used};
  starved_ = starved_ || to.starved;
}

void Checkpointer::end_blob(CheckpointZone& zone, Counters& counters) {
  const u32 section = static_cast<u32>(next_.facts.state_sections()) + *next_blob();
  SavedSection& blob = next_.sections[section];
  BlobOutput& output = *blob_output_;
  Output to{zone, group_, blob, unstored_, output.digest, output.buffer, output.used, false};
  to.close();
  starved_ = starved_ || to.starved;
  blob.digest = to.digest.finish();
  blob_output_.reset();
  pieces_[section] = Piece::fresh;
  --pending_blobs_;
  counters.add(Counter::blobs_saved);
}

void Checkpointer::distrust_section(u32 section) {
  if (section < dirty_.size()) dirty_[section] = 1;
  const u64 state = durable_.facts.state_sections();
  if (section < state || section >= durable_.facts.sections()) return;
  if (damaged_blobs_.size() != durable_.facts.blobs) {
    damaged_blobs_ = Vec<u8>(durable_.facts.blobs);
    damaged_blobs_.resize(durable_.facts.blobs);
  }
  damaged_blobs_[section - state] = 1;
}

// Something is pending only while the state is cut as next_ is.
void Checkpointer::touch(u32 section, CheckpointZone& zone, Counters& counters) {
  if (is_saving() && pending_count_ > 0 && section < next_.facts.state_sections() &&
      pieces_[section] == Piece::pending) {
    counters.hit(Mark::checkpoint_section_saved_by_touch);
    save(section, zone, counters);
  }
  if (section < dirty_.size()) dirty_[section] = 1;
}

void Checkpointer::save(u32 section, CheckpointZone& zone, Counters& counters) {
  SavedSection& saved = next_.sections[section];
  saved.size = 0;
  saved.runs.clear();
  if (saved.runs.capacity() == 0) saved.runs = Vec<BlockRun>(1);  // most need no more
  pieces_[section] = Piece::fresh;
  --pending_count_;
  Output output{zone, group_, saved, unstored_, DigestStream(), std::nullopt, 0, false};
  ByteSink sink(&output, [](void* self, Bytes bytes) { static_cast<Output*>(self)->put(bytes); });
  save_(self_, section, sink);
  output.close();
  saved.digest = output.digest.finish();
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
  if (phase_ == Phase::saving && zone.has_room_for_table() &&
      rules::are_sections_stored(pending_count_ + pending_blobs_, unstored_)) {
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
    for (const BlockRun& run : durable_.sections[in_durable(i)].runs) push_growing(runs, run);
  }
  next_place_ = {};
  const u64 bytes = next_.encoded_bytes();
  if (bytes > zone.table_bytes_max()) return false;
  next_id_ = next_.id();
  next_place_.bytes = static_cast<u32>(bytes);
  return write_copy(zone, next_place_.copies[0]) && write_copy(zone, next_place_.copies[1]);
}

// In blocks in a row: the record in the log knows the first one.
bool Checkpointer::write_copy(CheckpointZone& zone, BlockRun& run) {
  const auto blocks = static_cast<u32>(blocks_for(next_place_.bytes));
  run = zone.blocks().allocate(blocks, blocks);
  DigestStream digest;
  for (u32 at = 0; at < next_place_.bytes; at += zone.buffer_bytes()) {
    const auto buffer = run.empty() ? std::nullopt : zone.open();
    if (!buffer) return false;
    const MutableBytes part = zone.bytes(*buffer).first(std::min(next_place_.bytes - at, zone.buffer_bytes()));
    next_.encode(at, part);
    digest.add(part);
    const auto size = static_cast<u32>(part.size());
    zone.put_at(*buffer, size, group_, {run.first + at / page_bytes, static_cast<u32>(blocks_for(size))});
    ++unstored_;
  }
  next_place_.digest = digest.finish();
  return true;
}

void Checkpointer::fill(GroupCheckpoint& record) {
  check(phase_ == Phase::record);
  fill(record, next_.facts, next_id_, next_place_);
}

void Checkpointer::fill_durable(GroupCheckpoint& record) { fill(record, durable_.facts, durable_id_, durable_place_); }

void Checkpointer::fill(GroupCheckpoint& record, const CheckpointFacts& facts, const Digest& id,
                        const TablePlace& place) {
  record.op = facts.op;
  record.identity = facts.identity;
  record.checkpoint_id = id;
  record.table_digest = place.digest;
  record.table_bytes = place.bytes;
  record.record_seq = ++record_seq_;
  for (u32 i = 0; i < 2; ++i) record.table_block[i] = place.copies[i].first;
}

void Checkpointer::recorded(CheckpointZone& zone, Counters& counters, Instant now) {
  check(phase_ == Phase::record);
  TablePlace old_place = std::exchange(durable_place_, std::exchange(next_place_, TablePlace{}));
  std::swap(durable_, next_);
  const Digest old_id = std::exchange(durable_id_, next_id_);
  for (Pinned& former : pinned_)
    if (std::exchange(former.pin.named, false)) former.place = std::exchange(old_place, TablePlace{});
  retire(next_, old_id, std::exchange(pin_, next_pin()), old_place, now, zone);
  release_pins(now, zone);
  phase_ = Phase::idle;
  if (receiving_) set_clean(static_cast<u32>(durable_.facts.state_sections()));
  grown_ = receiving_ ? 0 : grown_ - grown_before_;
  count_blocks();
  receiving_ = false;
  damaged_blobs_ = {};
  counters.add(Counter::checkpoints_done);
  counters.hit(Mark::checkpoint_durable);
}

void Checkpointer::give_up(Counters& counters) {
  phase_ = Phase::abandoning;
  counters.add(Counter::checkpoints_abandoned);
  counters.hit(Mark::checkpoint_abandoned);
}

void Checkpointer::end_abandoned(CheckpointZone& zone) {
  const u64 state = next_.facts.state_sections();
  if (blob_output_ && blob_output_->buffer) zone.discard(*blob_output_->buffer);
  blob_output_.reset();
  for (u32 i = 0; i < pieces_.size(); ++i) {
    const bool begun = i >= state && pieces_[i] == Piece::pending;  // a blob: some of it may be written
    if (pieces_[i] == Piece::fresh || begun) free_section(next_.sections[i], zone);
    if (!receiving_ && i < std::min<u64>(state, dirty_.size()) && pieces_[i] != Piece::kept) dirty_[i] = 1;
  }
  pending_blobs_ = 0;
  for (BlockRun& run : next_place_.copies)
    if (!run.empty()) zone.blocks().free(std::exchange(run, BlockRun{}));
  receiving_ = false;
  phase_ = Phase::idle;
}

}  // namespace keelson
