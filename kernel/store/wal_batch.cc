#include "keelson/store/wal_batch.h"

#include <algorithm>

#include "keelson/store/room_filter.h"

namespace keelson {
namespace {

// What a group_state admits stands in both places: what is left of it may be the entry alone.
u8 flags_of(const RecordMeta& meta) {
  u32 flags = meta.strict ? index_flag::strict : 0;
  if (meta.state_flags & state_flag::amnesiac) flags |= index_flag::amnesiac;
  if (meta.state_flags & state_flag::unsure) flags |= index_flag::unsure;
  if (meta.copied) flags |= index_flag::copied;
  return static_cast<u8>(flags);
}

alignas(page_bytes) constexpr std::byte zeros[page_bytes]{};

// Stamp, the records that touch a page with a padding each, zeros to its end.
constexpr u32 page_parts_max = 2 + 2 * (payload_bytes / header_size + 2);
static_assert(page_parts_max < write_parts_max);

// A Write is closed when another page might not fit it, so all but the last hold at least this many parts.
constexpr u32 closed_write_parts_min = write_parts_max - page_parts_max + 1;

constexpr u64 parts_max(u64 records, u64 pages) { return 2 * records + 2 * pages + 1; }
constexpr u32 runs_max(u64 records, u64 pages) {
  return static_cast<u32>(parts_max(records, pages) / closed_write_parts_min) + 1;
}
constexpr u64 padding_max(u64 records) { return records * (record_alignment - 1); }

}  // namespace

WalBatch::WalBatch(const Limits& limits)
    : records(limits.wal_batch_records_max),
      pending(runs_max(limits.wal_batch_records_max, limits.wal_batch_pages_max) + 1),
      records_max_(limits.wal_batch_records_max),
      pages_max_(limits.wal_batch_pages_max),
      stamps_(limits.wal_batch_pages_max),
      parts_(parts_max(limits.wal_batch_records_max, limits.wal_batch_pages_max)),
      runs_(runs_max(limits.wal_batch_records_max, limits.wal_batch_pages_max)),
      index_(index_pages_for(limits.wal_batch_records_max)) {}

bool WalBatch::fits(u32 more_records, u64 more_bytes) const {
  return records.size() + more_records <= records_max_ && pages_with(more_records, more_bytes) <= pages_max_;
}

u32 WalBatch::pages_with(u32 more_records, u64 more_bytes) const {
  const u64 pages = pages_for(payload_ + more_bytes + padding_max(more_records));
  return static_cast<u32>(std::min<u64>(pages, ~u32{0}));
}

u32 WalBatch::writes_max() const {
  const u32 index = 1;
  return records.empty() ? index : runs_max(records.size(), pages()) + index;
}

void WalBatch::append(const RecordMeta& meta, MessageRef record) {
  check(!sealed && record.size() >= header_size && fits(1, record.size()));
  payload_ += round_up<u64>(record.size(), record_alignment);
  (meta.strict ? has_strict : has_lax) = true;
  records.push_back({meta, std::move(record), {}});
}

void WalBatch::seal(const BatchHead& head, const WalSpot& spot, const Limits& limits, u64 seed, IoIds& ids,
                    Vec<Write>& out) {
  check(!sealed && pending.empty());
  sealed = true;
  no = head.batch;
  carried = head.durable_batch;
  lay_out(head, spot, seed);
  write_index(head, spot, seed);
  emit(spot, limits, ids, out);
}

// Records flow across pages; each begins where the one before, padded, has ended.
void WalBatch::lay_out(const BatchHead& head, const WalSpot& spot, u64 seed) {
  std::size_t at = payload_bytes;
  const auto put = [&](const std::byte* from, std::size_t size) {
    while (size > 0) {
      if (at == payload_bytes) {
        begin_page(head, spot);
        at = 0;
      }
      const std::size_t n = std::min<std::size_t>(size, payload_bytes - at);
      parts_.push_back({from, n});
      from += n;
      size -= n;
      at += n;
      stamps_.back().used = static_cast<u16>(at);
    }
  };
  for (auto& record : records) {
    if (at == payload_bytes) {
      begin_page(head, spot);
      at = 0;
    }
    PageStamp& stamp = stamps_.back();
    if (stamp.first_record == no_record) stamp.first_record = static_cast<u16>(at);
    record.place = {stamp.page_no, static_cast<u16>(at), record.message.size()};
    put(record.message.data(), record.place.size);
    put(zeros, round_up(record.place.size, record_alignment) - record.place.size);
  }
  if (at < payload_bytes) parts_.push_back({zeros, payload_bytes - at});
  check(stamps_.size() == pages());
  for (auto& stamp : stamps_) write_stamp(stamp, seed, reinterpret_cast<std::byte*>(&stamp));
}

void WalBatch::begin_page(const BatchHead& head, const WalSpot& spot) {
  if (runs_.empty() || parts_.size() - runs_.back().first_part + page_parts_max > write_parts_max)
    runs_.push_back({static_cast<u32>(stamps_.size()), static_cast<u32>(parts_.size())});
  stamps_.push_back({spot.page + stamps_.size(), head.batch, head.incarnation, no_record, 0, 0});
  parts_.push_back(bytes_of(stamps_.back()));
}

void WalBatch::write_index(const BatchHead& head, const WalSpot& spot, u64 seed) {
  IndexHead page{.batch_no = head.batch,
                 .durable_batch = head.durable_batch,
                 .incarnation = head.incarnation,
                 .pages = static_cast<u8>(index_pages()),
                 .first_page = spot.page,
                 .page_count = pages(),
                 .flags = head.strict_behind ? head_flag::strict_behind : 0,
                 .prev_groups = head.prev_groups};
  IndexEntry entries[entries_per_index_page];
  for (; page.page_of < page.pages; ++page.page_of) {
    const std::size_t first = std::size_t{page.page_of} * entries_per_index_page;
    const std::size_t count = std::min<std::size_t>(entries_per_index_page, records.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Record& record = records[first + i];
      const RecordMeta& meta = record.meta;
      entries[i] = {meta.group,          meta.op,       meta.identity,  record.place.page,
                    record.place.offset, meta.command,  flags_of(meta), record.place.size,
                    meta.view,           meta.log_view, meta.epoch,     0};
    }
    write_index_page(page, {entries, count}, seed, index_.page(page.page_of));
    if (head.knows_prev) write_room(head.prev_list, index_.page(page.page_of));
  }
  index_part_ = index_.span(0, page.pages);
}

void WalBatch::emit(const WalSpot& spot, const Limits& limits, IoIds& ids, Vec<Write>& out) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const std::size_t end = i + 1 < runs_.size() ? runs_[i + 1].first_part : parts_.size();
    const auto parts = parts_.span().subspan(runs_[i].first_part, end - runs_[i].first_part);
    const IoId id = ids.next();
    pending.push_back({id, false});
    out.push_back({id, Zone::wal, wal_offset(limits, spot.page + runs_[i].first_page), parts, IoClass::wal});
  }
  const IoId id = ids.next();
  pending.push_back({id, true});
  out.push_back({id,
                 Zone::index,
                 index_offset(limits, segment_of(limits, spot.page), spot.index_page),
                 {&index_part_, 1},
                 IoClass::wal});
}

void WalBatch::drop_messages() {
  for (auto& record : records) record.message = {};
}

void WalBatch::clear() {
  check(pending.empty());
  records.clear();
  stamps_.clear();
  parts_.clear();
  runs_.clear();
  payload_ = 0;
  has_strict = has_lax = sealed = stored = reported = false;
}

GroupBloom WalBatch::groups() const {
  GroupBloom bloom;
  for (const auto& record : records) bloom.add(record.meta.group);
  return bloom;
}

void WalBatch::list_groups(Vec<GroupId>& to) const {
  to.clear();
  for (const auto& record : records)
    if (to.empty() || to.back() != record.meta.group) to.push_back(record.meta.group);
}

}  // namespace keelson
