#include "keelson/store/recovery_batches.h"

#include "keelson/store/rules.h"

namespace keelson {
namespace {

constexpr RecordState worse(RecordState a, RecordState b) {
  if (a == RecordState::bad || b == RecordState::bad) return RecordState::bad;
  return a == RecordState::old || b == RecordState::old ? RecordState::old : RecordState::ok;
}

}  // namespace

BatchHistory::BatchHistory(LogFacts& facts, const Superblock& superblock, Counters& counters)
    : facts_(facts), last_life_(superblock.incarnation), counters_(counters) {
  sort_batches();
  place_batches();
  for (const BatchFact& batch : facts_.batches) raise(batch.incarnation, BatchNo());
  for (const BatchFact& batch : facts_.batches) attribute(batch.durable_batch);
  for (const BatchNo durable : superblock.former_durable) attribute(durable);
  attribute(superblock.durable_batch);
  highest_ = highest_marker_;
  if (!facts_.batches.empty()) highest_ = std::max(highest_, facts_.batches.back().no);
  find_losses();
}

// A batch lies in one segment. Where two claim its number, one of them was misdirected: the one with an index is kept.
void BatchHistory::sort_batches() {
  auto& batches = facts_.batches;
  std::sort(batches.begin(), batches.end(), [](const BatchFact& a, const BatchFact& b) {
    if (a.no != b.no) return a.no < b.no;
    if (a.has_head() != b.has_head()) return a.has_head();
    return a.first_page < b.first_page;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batches.size(); ++i)
    if (kept == 0 || batches[kept - 1].no != batches[i].no) batches[kept++] = batches[i];
  batches.resize(kept);
}

void BatchHistory::place_batches() {
  u64 before = facts_.slots_begin;
  for (BatchFact& batch : facts_.batches) {
    batch.slots_before = before;
    if (batch.has_head()) before = batch.slots_end();
  }
  u64 behind = facts_.slots_end;
  for (std::size_t i = facts_.batches.size(); i > 0; --i) {
    BatchFact& batch = facts_.batches[i - 1];
    batch.slots_behind = behind;
    if (batch.has_head()) behind = batch.first_slot;
  }
}

void BatchHistory::raise(Incarnation incarnation, BatchNo marker) {
  const auto at = std::lower_bound(durable_.begin(), durable_.end(), incarnation,
                                   [](const Durable& durable, Incarnation i) { return durable.incarnation < i; });
  if (at != durable_.end() && at->incarnation == incarnation) {
    at->batch = std::max(at->batch, marker);
    return;
  }
  const auto index = static_cast<std::size_t>(at - durable_.begin());
  push_growing(durable_, Durable{incarnation, marker});
  std::rotate(durable_.begin() + index, durable_.end() - 1, durable_.end());
}

// A marker speaks for the incarnation of the batch that it names. Where that batch left no trace it may be of either
// neighbour's: believing in durability too much costs availability, too little costs acknowledged ops.
void BatchHistory::attribute(BatchNo marker) {
  if (marker == BatchNo()) return;
  highest_marker_ = std::max(highest_marker_, marker);
  const auto& batches = facts_.batches;
  const auto above =
      std::partition_point(batches.begin(), batches.end(), [&](const BatchFact& batch) { return batch.no < marker; });
  if (above != batches.end()) raise(above->incarnation, marker);
  if (above != batches.begin() && (above == batches.end() || above->no != marker))
    raise((above - 1)->incarnation, marker);
}

BatchNo BatchHistory::durable_of(Incarnation incarnation) const {
  const auto at = std::partition_point(durable_.begin(), durable_.end(),
                                       [&](const Durable& durable) { return durable.incarnation < incarnation; });
  check(at != durable_.end() && at->incarnation == incarnation);
  return at->batch;
}

BatchMark BatchHistory::mark(BatchNo batch, const BatchFact& of) const {
  return store_rules::mark_of(batch, durable_of(of.incarnation));
}

const BatchFact* BatchHistory::find(BatchNo no) const {
  const auto& batches = facts_.batches;
  const auto at =
      std::partition_point(batches.begin(), batches.end(), [&](const BatchFact& batch) { return batch.no < no; });
  return at != batches.end() && at->no == no ? at : nullptr;
}

BatchMark BatchHistory::mark_of(BatchNo batch) const {
  const BatchFact* fact = find(batch);
  check(fact != nullptr);
  return mark(batch, *fact);
}

GroupBloom BatchHistory::groups_of(BatchNo batch) const {
  const BatchFact* fact = find(batch);
  return fact && fact->indexed() ? fact->groups : GroupBloom::of_all();
}

// ---------------------------------------------------------------- what is missing

// Whether nothing that this life wrote behind its last mark had been acked without one.
bool BatchHistory::is_strict_behind(Incarnation life) const {
  const BatchNo durable = durable_of(life);
  return std::any_of(facts_.batches.begin(), facts_.batches.end(), [&](const BatchFact& batch) {
    return batch.incarnation == life && batch.strict_behind && store_rules::speaks_for_tail(batch.no, durable);
  });
}

// The same of every life that may have written there: the neighbours', and none between them.
bool BatchHistory::is_strict_in(const Gap& gap) const {
  if (!gap.before) return false;
  const Incarnation first = gap.before->incarnation;
  const Incarnation last = gap.after ? gap.after->incarnation : last_life_;
  if (last == first) return is_strict_behind(first);
  if (!gap.after || last != first + 1) return false;
  const bool tail_only = gap.after->no == gap.before->no + 1;  // its numbers were given out again
  return is_strict_behind(first) && (tail_only || is_strict_behind(last));
}

void BatchHistory::find_losses() {
  for (std::size_t i = 0; i <= facts_.batches.size(); ++i) {
    judge_gap(gap_after(i));
    if (i < facts_.batches.size() && !facts_.batches[i].indexed()) judge_batch(i);
  }
}

BatchHistory::Gap BatchHistory::gap_after(std::size_t i) const {
  const auto& batches = facts_.batches;
  Gap gap{nullptr, nullptr, facts_.slots_begin, facts_.slots_end};
  if (i > 0) {
    gap.before = &batches[i - 1];
    gap.slots_from = gap.before->has_head() ? gap.before->slots_end() : gap.before->slots_before;
  }
  if (i < batches.size()) {
    gap.after = &batches[i];
    gap.slots_end = gap.after->has_head() ? gap.after->first_slot : gap.after->slots_behind;
  }
  return gap;
}

EntryState BatchHistory::entries_in(const Gap& gap) const {
  return any_in(facts_.bad_slots, gap.slots_from, gap.slots_end) ? EntryState::bad : EntryState::old;
}

// ok: there is no room for a record between the two.
RecordState BatchHistory::records_in(const Gap& gap) const {
  const PageNo from = gap.before ? gap.before->pages_end() : facts_.wal_begin;
  const PageNo end = gap.after ? gap.after->first_page : facts_.wal_end;
  if (end <= from) return RecordState::ok;
  return any_in(facts_.bad_pages, from.raw(), end.raw()) ? RecordState::bad : RecordState::old;
}

// What a batch known by its stamps alone may have lost to the pages next to it. Batches follow each other without a
// gap, but for the end of a segment and of the log.
RecordState BatchHistory::cut_off(const Gap& gap) const {
  const RecordState record = records_in(gap);
  if (record != RecordState::old) return record;
  const bool inside =
      gap.before && gap.after &&
      (gap.before->pages_end().raw() - 1) / facts_.segment_pages == gap.after->first_page.raw() / facts_.segment_pages;
  return inside ? RecordState::old : RecordState::ok;
}

// Part of the index of batch i is missing, and perhaps something that only it named.
void BatchHistory::judge_batch(std::size_t i) {
  const BatchFact& batch = facts_.batches[i];
  RecordState record = batch.rest;
  EntryState entry = EntryState::old;
  if (batch.has_head()) {
    if (any_in(facts_.bad_slots, batch.first_slot, batch.slots_end())) entry = EntryState::bad;
  } else {
    entry = entries_in(gap_after(i));
    record = worse(record, worse(cut_off(gap_after(i)), cut_off(gap_after(i + 1))));
  }
  if (record == RecordState::ok) return;
  const BatchFact* next = i + 1 < facts_.batches.size() ? &facts_.batches[i + 1] : nullptr;
  add({batch.no, RecoveryRow::lost_unknown, reach_of(next, batch.no)}, mark(batch.no, batch), entry, record,
      is_strict_behind(batch.incarnation));
}

void BatchHistory::judge_gap(const Gap& gap) {
  const BatchNo before = gap.before ? gap.before->no : facts_.freed_batch;
  BatchNo last = gap.after ? gap.after->no - 1 : std::max(highest_marker_, before);
  const EntryState entry = entries_in(gap);
  const RecordState record = records_in(gap);
  if (last > before) {  // batches that left no trace of their number
    if (record == RecordState::ok) return;
    const BatchNo first = before + 1;
    const bool marked = (gap.before && mark(first, *gap.before) == BatchMark::marked) ||
                        (gap.after && mark(first, *gap.after) == BatchMark::marked) ||
                        (!gap.after && first <= highest_marker_);
    add({last, RecoveryRow::lost_unknown, reach_of(gap.after, first)}, marked ? BatchMark::marked : BatchMark::unmarked,
        entry, record, is_strict_in(gap));
    return;
  }
  // No number is missing: a torn tail whose numbers were given out again, unless it is part of a neighbour.
  const bool neighbours = (gap.before && !gap.before->has_head()) || (gap.after && !gap.after->has_head());
  if (neighbours || (entry != EntryState::bad && record != RecordState::bad)) return;
  add({before, RecoveryRow::lost_unknown, {}}, BatchMark::unmarked, entry,
      record == RecordState::ok ? RecordState::old : record, is_strict_in(gap));
}

// Of what is missing from `first` on, before `next`.
LossReach BatchHistory::reach_of(const BatchFact* next, BatchNo first) const {
  if (!next || !next->has_head() || !store_rules::describes(next->no, first)) return {};
  LossReach reach{next->prev_groups, nullptr};
  for (const RoomFilter& room : facts_.rooms)
    if (room.slot() + 1 == next->slots_end()) reach.room = &room;
  return reach;
}

// Nothing that was acked is in a strict tail: what is missing of it is torn.
void BatchHistory::add(const Loss& loss, BatchMark mark, EntryState entry, RecordState record, bool strict) {
  const RecoveryRow row = row_of(mark, entry, record);
  counters_.hit(keelson::mark_of(row));
  if (row == RecoveryRow::tail_unknown && strict) return counters_.hit(Mark::recovery_row_8_strict);
  if (row == RecoveryRow::lost_unknown || row == RecoveryRow::tail_unknown)
    push_growing(losses_, Loss{loss.batch, row, loss.reach});
}

}  // namespace keelson
