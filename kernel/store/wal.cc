#include "keelson/store/wal.h"

#include <algorithm>

#include "keelson/store/rules.h"

namespace keelson {
namespace {

StoredRecord stored_record(const WalBatch::Record& record) {
  const RecordMeta& meta = record.meta;
  return {meta.group, meta.command, meta.op, meta.identity, meta.state_seq, record.place};
}

}  // namespace

Wal::Wal(const WalConfig& config, const WalStart& start, Slabs& slabs, IoIds& ids, Counters& counters)
    : config_(config),
      limits_(config_.limits),
      seed_(page_seed(config.cluster, config.shard)),
      incarnation_(start.incarnation),
      slabs_(slabs),
      ids_(ids),
      counters_(counters),
      batches_(std::size_t{limits_.wal_batches_in_flight_max} + 2),
      first_batch_(start.next_batch),
      next_batch_(start.next_batch),
      next_page_(start.next_page),
      next_index_page_(start.next_index_page),
      begins_(limits_.wal_segments),
      first_segment_(start.first_segment),
      prev_groups_(start.prev_groups),
      prev_list_(limits_.wal_batch_records_max),
      durable_(start.durable_batch),
      next_durable_(start.next_batch),
      durable_records_(start.durable_batch),
      durable_strict_(start.durable_batch),
      carried_(start.durable_batch),
      marked_(start.durable_batch),
      strict_wanted_(config_.tunables.strict_ack),
      strict_(strict_wanted_),
      reads_(limits_.reads_in_flight_max),
      read_pages_(std::size_t{limits_.reads_in_flight_max} * record_pages_max(limits_)) {
  check(consistent(limits_) && start.durable_batch < start.next_batch);
  check(start.next_index_page <= limits_.index_pages_per_segment);
  while (!batches_.full()) batches_.emplace_back(limits_);
  check(batches_[0].pending.capacity() <= limits_.writes_in_flight_max);
  reads_.resize(limits_.reads_in_flight_max);
  begins_.resize(limits_.wal_segments);
  check(start.first_segment <= open_segment());
}

Wal::~Wal() = default;

// Where a batch may begin: behind the one before, else in the next segment. `index_spare` index pages of the very last
// segment are left alone.
bool Wal::find_spot(u32 pages, u32 index_pages, u64 segments_end, u32 index_spare, WalSpot& spot) const {
  const u64 segment = segment_of(limits_, next_page_);
  const auto index_fits = [&](u64 in, u32 used) {
    const u32 spare = in + 1 == this->segments_end() ? index_spare : 0;
    return used + index_pages + spare <= limits_.index_pages_per_segment;
  };
  if (segment < segments_end && page_in_segment(limits_, next_page_) + pages <= limits_.wal_segment_pages &&
      index_fits(segment, next_index_page_)) {
    spot = {next_page_, next_index_page_};
    return true;
  }
  if (segment + 1 >= segments_end || !index_fits(segment + 1, 0)) return false;
  spot = {first_page_of(limits_, segment + 1), 0};
  return true;
}

// Whatever is admitted will need marks: at the very end an index page is kept for each batch that may wait for one.
// Since markers may leave before the open batch, that also keeps its own place.
bool Wal::has_room(u32 records, u64 bytes, Command command, bool to_free) const {
  if (poisoned_ || !open().fits(records, bytes)) return false;
  const u32 index_pages = index_pages_for(static_cast<u32>(open().records.size()) + records);
  const u64 reserve = wal_reserved_segments(limits_);
  u64 reserved = command == Command::prepare ? reserve : reserve / 2;
  if (command == Command::group_state) reserved = to_free || reserve < 2 ? 0 : 1;
  WalSpot spot;
  return find_spot(open().pages_with(records, bytes), index_pages, segments_end() - reserved,
                   limits_.wal_batches_in_flight_max + 1, spot);
}

void Wal::append(const RecordMeta& meta, MessageRef record) {
  check(has_room(1, record.size(), Command::group_state, true));
  RecordMeta own = meta;
  own.strict = meta.strict || strict_;
  open().append(own, std::move(record));
}

// Whether slot and Writes for one more batch are free. A lone marker may take the slot that is kept for it.
bool Wal::may_seal(u32 writes, bool marker) const {
  return batches_writing_ < limits_.wal_batches_in_flight_max &&
         under_way() < u64{limits_.wal_batches_in_flight_max} + (marker ? 1 : 0) &&
         writes_writing_ + writes <= limits_.writes_in_flight_max;
}

void Wal::seal_batch(Instant now, EffectBag& out) {
  if (poisoned_) return;
  relax();
  const bool waited_for = durable_strict_ > carried_;
  if (!open().records.empty() && may_seal(open().writes_max(), false))
    seal_open(out);
  else if (waited_for || (marker_due_ && open().records.empty()))
    seal_marker(out);
  arm_marker(now);
}

// A batch without records. If the open one has some, it waits for a slot: it gets the next number, this goes first.
void Wal::seal_marker(EffectBag& out) {
  WalSpot spot;
  if (!may_seal(1, true) || !find_spot(0, 1, segments_end(), 0, spot)) return;
  if (!open().records.empty()) std::swap(slot(next_batch_), slot(next_batch_ + 1));
  check(open().records.empty() && !open().sealed);
  seal_open(out);
  counters_.hit(Mark::wal_lone_marker);
}

void Wal::seal_open(EffectBag& out) {
  WalBatch& batch = open();
  WalSpot spot;
  const bool found = find_spot(batch.pages(), batch.index_pages(), segments_end(), 0, spot);
  check(found);  // has_room saw to it
  if (segment_of(limits_, spot.page) != segment_of(limits_, next_page_)) counters_.hit(Mark::wal_segment_full);
  const BatchNo marker = store_rules::marker_for(durable_, next_batch_);
  const bool strict_behind = says_strict_behind();
  if (!strict_behind && relaxed_from_ == BatchNo()) relaxed_from_ = next_batch_;
  batch.seal({next_batch_, marker, incarnation_, strict_behind, prev_groups_, knows_prev_, prev_list_.span()}, spot,
             limits_, seed_, ids_, out.writes);
  found_batch(segment_of(limits_, spot.page), next_batch_);
  carried_ = marker;
  prev_groups_ = batch.groups();
  batch.list_groups(prev_list_);
  knows_prev_ = true;
  next_page_ = spot.page + batch.pages();
  next_index_page_ = spot.index_page + batch.index_pages();
  if (segment_of(limits_, next_page_) != segment_of(limits_, spot.page)) {
    next_index_page_ = 0;
    counters_.hit(Mark::wal_segment_full);
  }
  ++batches_writing_;
  writes_writing_ += static_cast<u32>(batch.pending.size());
  counters_.add(batch.records.empty() ? Counter::wal_markers : Counter::wal_batches);
  counters_.add(Counter::wal_pages, batch.pages());
  ++next_batch_;
  check(!open().sealed);
}

// ---------------------------------------------------------------- strict

void Wal::want_strict(bool wanted) {
  wanted = wanted || config_.tunables.strict_ack;
  if (wanted == strict_wanted_) return;
  strict_wanted_ = wanted;
  relaxed_from_ = BatchNo();
  strict_ = strict_ || wanted;
}

// Records that were taken before may still wait behind a lone marker.
bool Wal::says_strict_behind() { return strict_wanted_ && !slot(next_batch_ + 1).has_lax; }

bool Wal::wants_superblock() const {
  return strict_ && !strict_wanted_ && relaxed_from_ != BatchNo() && marked_ >= relaxed_from_ &&
         sealed_ < relaxed_from_;
}

void Wal::relax() {
  if (strict_ && !strict_wanted_ && store_rules::may_relax(sealed_, relaxed_from_)) strict_ = false;
}

void Wal::arm_marker(Instant now) {
  if (!marker_wanted()) {
    marker_at_ = Instant::never();
    marker_due_ = false;
  } else if (marker_at_ == Instant::never() && !marker_due_) {
    marker_at_ = now + config_.tunables.marker_delay;
  }
}

void Wal::on_deadline(Instant now, EffectBag&) {
  if (now < deadline()) return;
  marker_at_ = Instant::never();
  marker_due_ = marker_wanted();
}

bool Wal::on_completion(Instant, const Completion& completion, Vec<StoredRecord>& stored, Vec<LoadedRecord>& loaded,
                        EffectBag&) {
  return completion.kind == IoKind::write ? on_write(completion, stored) : on_read(completion, loaded);
}

bool Wal::on_write(const Completion& completion, Vec<StoredRecord>& stored) {
  for (BatchNo b = first_batch_; b < next_batch_; ++b) {
    WalBatch& batch = slot(b);
    const auto at = std::find_if(batch.pending.begin(), batch.pending.end(),
                                 [&](const WalBatch::PendingWrite& write) { return write.id == completion.id; });
    if (at == batch.pending.end()) continue;
    const bool index = at->index;
    batch.pending.erase_at(static_cast<std::size_t>(at - batch.pending.begin()));
    --writes_writing_;
    if (!store_rules::is_written(Zone::wal, completion.status)) poison();
    if (index && !poisoned_) marked_ = std::max(marked_, batch.carried);
    const auto records_pending = std::count_if(batch.pending.begin(), batch.pending.end(),
                                               [](const WalBatch::PendingWrite& write) { return !write.index; });
    if (!batch.stored && store_rules::is_batch_stored(batch.pending.size(), static_cast<std::size_t>(records_pending)))
      batch_done(batch, stored);
    if (!poisoned_) {
      report_marked(stored);
      settle();
    }
    return true;
  }
  return false;
}

// What is under way keeps its memory until the driver is done with it.
void Wal::poison() {
  poisoned_ = true;
  open().clear();
  marker_at_ = Instant::never();
  marker_due_ = false;
}

void Wal::batch_done(WalBatch& batch, Vec<StoredRecord>& stored) {
  --batches_writing_;
  batch.drop_messages();
  if (poisoned_) return;
  if (batch.no != next_durable_) counters_.hit(Mark::wal_batch_completed_out_of_order);
  batch.stored = true;
  for (const auto& record : batch.records)
    if (!record.meta.strict) report(batch, record, stored);
  advance_durable();
}

void Wal::report(const WalBatch& batch, const WalBatch::Record& record, Vec<StoredRecord>& stored) {
  stored.push_back(stored_record(record));
  reported_ = std::max(reported_, batch.no);
}

void Wal::advance_durable() {
  for (; next_durable_ < next_batch_ && slot(next_durable_).stored; ++next_durable_) {
    durable_ = next_durable_;
    const WalBatch& batch = slot(durable_);
    if (!batch.records.empty()) durable_records_ = durable_;
    if (batch.has_strict) durable_strict_ = durable_;
  }
}

void Wal::report_marked(Vec<StoredRecord>& stored) {
  for (BatchNo b = first_batch_; b < next_batch_ && b <= marked_; ++b) {
    WalBatch& batch = slot(b);
    if (!batch.has_strict || batch.reported) continue;
    check(batch.stored);
    for (const auto& record : batch.records)
      if (record.meta.strict) report(batch, record, stored);
    batch.reported = true;
  }
}

void Wal::settle() {
  while (first_batch_ < next_batch_) {
    WalBatch& batch = slot(first_batch_);
    if (!batch.stored || !batch.pending.empty() || (batch.has_strict && !batch.reported)) return;
    batch.clear();
    ++first_batch_;
  }
}

bool Wal::low() const { return open_segment() + wal_reserved_segments(limits_) >= end_for_requests(); }

bool Wal::full() const { return open_segment() >= end_for_requests(); }

u16 Wal::free_permille() const {
  if (full()) return 0;
  const u64 requests = end_for_requests() - first_segment_;
  const u64 pages = (limits_.wal_segment_pages - page_in_segment(limits_, next_page_)) * u64{1000};
  const u64 index_pages = (limits_.index_pages_per_segment - next_index_page_) * u64{1000};
  const u64 here = std::min(pages / limits_.wal_segment_pages, index_pages / limits_.index_pages_per_segment);
  return static_cast<u16>(((end_for_requests() - 1 - open_segment()) * 1000 + here) / requests);
}

// ---------------------------------------------------------------- the ring

void Wal::found_batch(u64 segment, BatchNo batch) {
  Begin& begin = begins_[segment % limits_.wal_segments];
  if (begin.segment != segment || begin.batch == BatchNo()) begin = {segment, batch};
}

BatchNo Wal::last_batch_before(u64 segment) const {
  for (u64 s = segment; s <= open_segment(); ++s) {
    const Begin& begin = begins_[s % limits_.wal_segments];
    if (begin.segment == s && begin.batch != BatchNo()) return begin.batch - 1;
  }
  return next_batch_ - 1;
}

u64 Wal::settled_segment() const {
  u64 segment = open_segment();
  while (segment > first_segment_ && last_batch_before(segment) >= first_batch_) --segment;
  return segment;
}

void Wal::close_before(u64 segment) { readable_from_ = std::max(readable_from_, first_page_of(limits_, segment)); }

bool Wal::reads_before(PageNo page) const {
  return std::any_of(reads_.begin(), reads_.end(),
                     [page](const ReadSlot& slot) { return slot.busy && slot.place.page < page; });
}

void Wal::free_before(u64 segment) {
  check(segment > first_segment_ && segment <= open_segment());
  check(!reads_before(first_page_of(limits_, segment)));
  counters_.add(Counter::wal_segments_freed, segment - first_segment_);
  counters_.hit(Mark::wal_freed);
  if (segment / limits_.wal_segments > first_segment_ / limits_.wal_segments) counters_.hit(Mark::wal_wrapped);
  first_segment_ = segment;
}

}  // namespace keelson
