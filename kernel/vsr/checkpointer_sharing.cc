// Checkpoints between replicas: receiving one section by section, and keeping those that peers are fetching.
#include <algorithm>

#include "keelson/vsr/checkpointer.h"
#include "keelson/vsr/rules.h"

namespace keelson {

// ---------------------------------------------------------------- receiving

u32 Checkpointer::receive(const CheckpointTable& manifest, CheckpointZone& zone) {
  check(may_receive() && manifest.facts.op > durable_op());
  const auto count = static_cast<u32>(manifest.sections.size());
  // What came for another one, by the numbers of that one.
  CheckpointTable former = std::exchange(next_, CheckpointTable{});
  Vec<Piece> came = std::exchange(pieces_, Vec<Piece>());
  if (!receiving_) came.clear();
  next_.facts = manifest.facts;
  next_.set_sections(count);
  set_pieces(count);
  pending_count_ = pending_blobs_ = 0;
  for (u32 i = 0; i < count; ++i) {
    SavedSection& section = next_.sections[i];
    const SavedSection& wanted = manifest.sections[i];
    section.size = wanted.size;
    section.digest = wanted.digest;
    section.born = wanted.born;
    const u32 there = counterpart(i, next_.facts, former.facts);
    const bool received = there < came.size() && came[there] == Piece::fresh;
    const bool keep = received && rules::keeps_received(former.sections[there], wanted);
    if (keep) section.runs = std::exchange(former.sections[there].runs, Vec<BlockRun>());
    const u32 held = in_durable(i);
    const bool own = held < durable_.sections.size() && rules::keeps_own(durable_.sections[held], wanted);
    pieces_[i] = keep || (!own && wanted.size == 0) ? Piece::fresh : own ? Piece::kept : Piece::pending;
    pending_count_ += pieces_[i] == Piece::pending;
  }
  for (u32 i = 0; i < came.size(); ++i)
    if (came[i] == Piece::fresh) free_section(former.sections[i], zone);
  phase_ = Phase::saving;
  receiving_ = true;
  starved_ = false;
  return count - pending_count_;
}

bool Checkpointer::take_section(u32 section, Bytes bytes, CheckpointZone& zone) {
  SavedSection& saved = next_.sections[section];
  check(lacks(section) && bytes.size() == saved.size);
  if ((bytes.size() + zone.buffer_bytes() - 1) / zone.buffer_bytes() > zone.staged_max() - zone.staged()) return false;
  pieces_[section] = Piece::fresh;
  --pending_count_;
  while (!bytes.empty() && !starved_) {
    const auto buffer = zone.open();
    const std::size_t n = std::min<std::size_t>(bytes.size(), zone.buffer_bytes());
    if (buffer) copy(zone.bytes(*buffer), bytes.first(n));
    starved_ = !buffer || !zone.put(*buffer, static_cast<u32>(n), group_, saved.runs, unstored_);
    bytes = bytes.subspan(n);
  }
  return true;
}

void Checkpointer::stop_receiving() {
  if (receiving_) phase_ = Phase::abandoning;
}

// ---------------------------------------------------------------- serving

bool Checkpointer::Pin::holds(Instant now) const {
  return rules::keeps_forgotten(named) || rules::is_pinned(reads, until, now);
}

const CheckpointTable* Checkpointer::find(const Digest& id) const {
  if (durable_op() > Op(0) && rules::is_asked(durable_id_, id)) return &durable_;
  for (const Pinned& pinned : pinned_)
    if (rules::is_asked(pinned.id, id)) return &pinned.table;
  return nullptr;
}

Checkpointer::Held Checkpointer::held(const Digest& id) {
  if (durable_op() > Op(0) && rules::is_asked(durable_id_, id)) return {&durable_, &pin_};
  for (Pinned& pinned : pinned_)
    if (rules::is_asked(pinned.id, id)) return {&pinned.table, &pinned.pin};
  return {};
}

Checkpointer::Held Checkpointer::held(u64 serial) {
  if (pin_.serial == serial) return {&durable_, &pin_};
  for (Pinned& pinned : pinned_)
    if (pinned.pin.serial == serial) return {&pinned.table, &pinned.pin};
  return {};
}

// There has to be a place for the durable one to go to when the next one replaces it.
bool Checkpointer::pin(const Digest& id, Instant until) {
  Pin* known = held(id).pin;
  if (!known || (known == &pin_ && pinned_.size() >= pinned_max)) return false;
  known->until = std::max(known->until, until);
  return true;
}

u64 Checkpointer::begin_read(const Digest& id) {
  Pin* known = held(id).pin;
  check(known != nullptr);
  ++known->reads;
  return known->serial;
}

const CheckpointTable& Checkpointer::read_from(u64 reading) {
  const Held of = held(reading);
  check(of.table != nullptr && of.pin->reads > 0);
  return *of.table;
}

void Checkpointer::end_read(u64 reading) {
  Pin* known = held(reading).pin;
  check(known != nullptr && known->reads > 0);
  --known->reads;
}

void Checkpointer::release_pins(Instant now, CheckpointZone& zone) {
  for (std::size_t i = pinned_.size(); i-- > 0;) {
    if (pinned_[i].pin.holds(now)) continue;
    Pinned former = std::move(pinned_[i]);
    pinned_.erase_at(i);
    free_table(former.table, zone);
    free_place(former.place, zone);
  }
  if (pinned_.empty()) pinned_ = {};
}

Op Checkpointer::oldest_pinned(Instant now) const {
  Op oldest = durable_op() > Op(0) && pin_.holds(now) ? durable_op() : Op(0);
  for (const Pinned& pinned : pinned_)
    if (pinned.pin.holds(now) && (oldest == Op(0) || pinned.table.facts.op < oldest)) oldest = pinned.table.facts.op;
  return oldest;
}

// A section that did not change lies in the same blocks in several checkpoints: with all of its runs, or with none.
bool Checkpointer::is_shared(u32 section, const CheckpointTable& of) const {
  const auto shares = [&](const CheckpointTable& table) {
    const u32 there = counterpart(section, of.facts, table.facts);
    return there < table.sections.size() && !table.sections[there].runs.empty() &&
           table.sections[there].runs[0] == of.sections[section].runs[0];
  };
  if (shares(durable_)) return true;
  return std::any_of(std::begin(pinned_), std::end(pinned_),
                     [&](const Pinned& pinned) { return shares(pinned.table); });
}

// Of a table that is neither durable nor kept any more: what no other one needs.
void Checkpointer::free_table(CheckpointTable& table, CheckpointZone& zone) {
  for (u32 i = 0; i < table.sections.size(); ++i) {
    SavedSection& section = table.sections[i];
    if (section.runs.empty()) continue;
    if (is_shared(i, table))
      section.runs.clear();
    else
      free_section(section, zone);
  }
}

void Checkpointer::free_section(SavedSection& section, CheckpointZone& zone) {
  for (const BlockRun& run : section.runs) zone.blocks().free(run);
  section.runs.clear();
}

// This replica doesn't start from it any more; a peer, or another start, may still want it.
void Checkpointer::retire(CheckpointTable& table, const Digest& id, const Pin& pin, const TablePlace& place,
                          Instant now, CheckpointZone& zone) {
  if (!pin.holds(now)) {
    free_table(table, zone);
    return free_place(place, zone);
  }
  if (pinned_.capacity() == 0) pinned_ = Vec<Pinned>(aside_max);
  pinned_.push_back({std::exchange(table, CheckpointTable{}), id, pin, place});
}

void Checkpointer::free_place(const TablePlace& place, CheckpointZone& zone) {
  for (const BlockRun& run : place.copies)
    if (!run.empty()) zone.blocks().free(run);
}

}  // namespace keelson
