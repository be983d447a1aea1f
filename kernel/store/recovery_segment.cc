// Which batches left their traces in a segment, and which of its pages nothing accounts for.
#include "keelson/store/recovery_segment.h"

#include "keelson/store/log_reach.h"
#include "keelson/store/rules.h"

namespace keelson {
namespace {

// No log gets this far; what comes behind it can be counted on to have a number.
constexpr BatchNo batch_max{u64{1} << 62};
constexpr bool numbered(BatchNo batch) { return batch > BatchNo() && batch < batch_max; }

bool says_strict(const IndexHead& head) { return (head.flags & head_flag::strict_behind) != 0; }

// Only a page that is zero to its end was never written: sectors of a torn one may land in any order.
bool never_written(const std::byte* page) {
  static constexpr std::byte zeros[page_bytes]{};
  return std::memcmp(page, zeros, page_bytes) == 0;
}

}  // namespace

SegmentAnalysis::SegmentAnalysis(const LogOwner& owner, const Superblock& last_life, const Limits& limits,
                                 SegmentImage& image, Scratch& scratch, LogFacts& facts)
    : owner_(owner),
      last_life_(last_life),
      limits_(limits),
      seed_(page_seed(owner.cluster, owner.shard)),
      image_(image),
      scratch_(scratch),
      facts_(facts),
      first_batch_(static_cast<u32>(facts.batches.size())) {}

bool SegmentAnalysis::run() {
  read_index();
  read_stamps();
  if (!touched_) return false;
  drop_misplaced();
  for (u32 slot = 0; slot < limits_.index_pages_per_segment; ++slot)
    if (scratch_.index[slot].state == PageState::ok) add_index_page(slot);
  assign_pages();
  for (std::size_t i = first_batch_; i < facts_.batches.size(); ++i) read_batch(facts_.batches[i]);
  note_damage();
  return true;
}

void SegmentAnalysis::read_index() {
  scratch_.index.clear();
  for (u32 slot = 0; slot < limits_.index_pages_per_segment; ++slot) {
    const std::byte* page = image_.index.page(slot);
    IndexReading& reading = scratch_.index.push_back(read_index_page(page, seed_, limits_));
    if (reading.state == PageState::blank && !never_written(page)) reading.state = PageState::bad;
    const IndexHead& head = reading.head;
    if (reading.state == PageState::ok &&
        earlier_lap(segment_of(limits_, head.first_page), image_.segment, limits_.wal_segments))
      reading.state = PageState::blank;  // its segment was freed; nothing was written here since
    open_ = open_ || (reading.state == PageState::blank && slot < batches_before_leaving(limits_));
    if (reading.state == PageState::blank) continue;
    touched_ = true;
    if (reading.state == PageState::bad) continue;
    const bool elsewhere = segment_of(limits_, head.first_page) != image_.segment;  // a lone marker names one, too
    const bool fits = head.page_of <= slot && slot - head.page_of + u32{head.pages} <= limits_.index_pages_per_segment;
    if (elsewhere || !fits || is_outlived(head.incarnation, head.batch_no) || !numbered(head.batch_no))
      reading.state = PageState::bad;
  }
}

bool SegmentAnalysis::is_outlived(Incarnation author, BatchNo no) const {
  const LifeBegin begin = last_life_.begin_after(author);
  return store_rules::is_outlived(author, no, begin.life, begin.first);
}

// Batches are numbered in the order of their slots. A whole page that breaks this order was written to a wrong place.
void SegmentAnalysis::drop_misplaced() {
  BatchNo before = facts_.highest;
  for (u32 slot = 0; slot < scratch_.index.size(); ++slot) {
    IndexReading& reading = scratch_.index[slot];
    if (reading.state != PageState::ok) continue;
    const BatchNo no = reading.head.batch_no;
    u32 next = slot + 1;
    while (next < scratch_.index.size() && scratch_.index[next].state != PageState::ok) ++next;
    bool misplaced = no < before;
    if (next < scratch_.index.size()) {
      const BatchNo after = scratch_.index[next].head.batch_no;
      misplaced = no > after || (no < before && before <= after);
    }
    if (misplaced) {
      reading.state = PageState::bad;
      continue;
    }
    before = no;
    whole_ = true;
  }
}

bool SegmentAnalysis::continues_batch(const BatchFact& batch, u32 slot) const {
  const IndexHead& head = scratch_.index[slot].head;
  return batch.incarnation == head.incarnation && batch.first_page == head.first_page &&
         batch.strict_behind == says_strict(head) && batch.page_count == head.page_count &&
         batch.pages_expected == head.pages && batch.first_slot + head.page_of == slot_no(slot);
}

void SegmentAnalysis::add_index_page(u32 slot) {
  const IndexHead& head = scratch_.index[slot].head;
  const bool any_before = facts_.batches.size() > first_batch_;
  if (any_before && facts_.batches.back().no == head.batch_no) {
    if (!continues_batch(facts_.batches.back(), slot)) {
      scratch_.index[slot].state = PageState::bad;
      return;
    }
    ++facts_.batches.back().pages_ok;
    take_room(slot);
    return;
  }
  BatchFact batch;
  batch.no = head.batch_no;
  batch.incarnation = head.incarnation;
  batch.first_slot = slot_no(slot) - head.page_of;
  batch.pages_expected = head.pages;
  batch.pages_ok = 1;
  batch.first_page = head.first_page;
  batch.page_count = head.page_count;
  batch.durable_batch = head.durable_batch;
  batch.prev_groups = head.prev_groups;
  batch.strict_behind = says_strict(head);
  const BatchFact* last = any_before ? &facts_.batches.back() : nullptr;
  if (last && (batch.first_slot < last->slots_end() || batch.first_page < last->pages_end())) {
    scratch_.index[slot].state = PageState::bad;
    return;
  }
  push_growing(facts_.batches, batch);
  facts_.highest = std::max(facts_.highest, batch.no);
  take_room(slot);
}

// Only a batch's last index page has any. It is kept where the batch before may have lost what only this tells of.
void SegmentAnalysis::take_room(u32 slot) {
  BatchFact& batch = facts_.batches.back();
  const bool whole_before = facts_.indexed_to + 1 == batch.no;
  if (batch.indexed()) facts_.indexed_to = batch.no;
  const IndexHead& head = scratch_.index[slot].head;
  if (head.page_of + 1 != head.pages) return;
  const std::byte* page = image_.index.page(slot);
  batch.room = read_room(page);
  if (whole_before || batch.room != RoomState::ok || facts_.rooms.size() == LogFacts::rooms_max) return;
  push_growing(facts_.rooms, RoomFilter(page)).set_slot(slot_no(slot));
}

void SegmentAnalysis::read_stamps() {
  scratch_.stamps.clear();
  for (u32 i = 0; i < limits_.wal_segment_pages; ++i) {
    std::byte* page = image_.wal.page(i);
    StampReading& reading = scratch_.stamps.push_back(read_stamp(page, seed_));
    if (reading.state == PageState::blank && !never_written(page)) {
      std::fill_n(page, stamp_bytes, std::byte{0xff});  // for gather_record, which looks at the stamp only
      reading.state = PageState::bad;
    }
    if (reading.state == PageState::ok &&
        earlier_lap(reading.stamp.page_no.raw(), page_no(i).raw(), ring_pages(limits_)))
      reading.state = PageState::blank;
    if (reading.state == PageState::ok && is_outlived(reading.stamp.incarnation, reading.stamp.batch_no)) {
      std::fill_n(page, stamp_bytes, std::byte{0xff});
      reading.state = PageState::bad;
    }
    const bool here = store_rules::is_here(reading.stamp.page_no, page_no(i)) && numbered(reading.stamp.batch_no);
    if (reading.state == PageState::ok && !here) reading.state = PageState::bad;
    touched_ = touched_ || reading.state != PageState::blank;
    whole_ = whole_ || reading.state == PageState::ok;
  }
}

// By the index where there is one, else by their stamps.
void SegmentAnalysis::assign_pages() {
  scratch_.owners.clear();
  while (!scratch_.owners.full()) scratch_.owners.push_back(no_batch);
  for (std::size_t i = first_batch_; i < facts_.batches.size(); ++i) {
    const BatchFact& batch = facts_.batches[i];
    for (u32 k = 0; k < batch.page_count; ++k) scratch_.owners[page_of(batch.first_page) + k] = static_cast<u32>(i);
  }
  const auto unindexed_from = static_cast<u32>(facts_.batches.size());
  for (u32 page = 0; page < limits_.wal_segment_pages; ++page)
    if (scratch_.stamps[page].state == PageState::ok && scratch_.owners[page] == no_batch) add_unindexed(page);
  for (std::size_t i = unindexed_from; i < facts_.batches.size(); ++i)
    facts_.highest = std::max(facts_.highest, facts_.batches[i].no);
}

void SegmentAnalysis::add_unindexed(u32 page) {
  const PageStamp& stamp = scratch_.stamps[page].stamp;
  const auto count = static_cast<u32>(facts_.batches.size());
  for (u32 i = first_batch_; i < count; ++i) {
    BatchFact& batch = facts_.batches[i];
    if (batch.no != stamp.batch_no) continue;
    const u32 from = page_of(batch.first_page);
    bool contiguous = !batch.has_head();
    for (u32 k = from; k < page && contiguous; ++k)
      contiguous = scratch_.owners[k] == no_batch || scratch_.owners[k] == i;
    if (!contiguous) {
      scratch_.stamps[page].state = PageState::bad;  // its batch lies elsewhere
      return;
    }
    for (u32 k = from; k <= page; ++k) scratch_.owners[k] = i;
    batch.page_count = page - from + 1;
    return;
  }
  BatchFact batch;
  batch.no = stamp.batch_no;
  batch.incarnation = stamp.incarnation;
  batch.first_page = page_no(page);
  batch.page_count = 1;
  scratch_.owners[page] = count;
  push_growing(facts_.batches, batch);
}

void SegmentAnalysis::note_damage() {
  for (u32 slot = 0; slot < scratch_.index.size(); ++slot) {
    if (scratch_.index[slot].state == PageState::blank) continue;
    if (scratch_.index[slot].state == PageState::bad) push_growing(facts_.bad_slots, slot_no(slot));
    facts_.slots_end = slot_no(slot) + 1;
  }
  for (u32 page = 0; page < scratch_.stamps.size(); ++page) {
    const bool bad = scratch_.stamps[page].state == PageState::bad;
    if (bad && scratch_.owners[page] == no_batch) push_growing(facts_.bad_pages, page_no(page).raw());
    if (scratch_.stamps[page].state != PageState::blank || scratch_.owners[page] != no_batch)
      facts_.wal_end = page_no(page) + 1;
  }
  for (std::size_t i = first_batch_; i < facts_.batches.size(); ++i)
    if (facts_.batches[i].has_head()) facts_.slots_end = std::max(facts_.slots_end, facts_.batches[i].slots_end());
}

}  // namespace keelson
