#include "keelson/store/page.h"

#include <algorithm>

#include "keelson/base/checksum.h"
#include "keelson/store/rules.h"

namespace keelson {
namespace {

// Both seeds of the format; a change makes every older page bad.
constexpr u64 page_seed_seed = 0x4b4c5041474553;
constexpr u64 bloom_seed = 0x4b4c424c4f4f4d;

u64 stamp_check(const std::byte* stamp, u64 seed) { return check64_of({stamp, offsetof(PageStamp, check)}, seed); }

// Entries are chained to the head by the seed.
u64 index_check(const std::byte* page, u32 count, u64 seed) {
  const u64 head = check64_of({page, offsetof(IndexHead, check)}, seed);
  return check64_of({page + sizeof(IndexHead), count * sizeof(IndexEntry)}, head);
}

bool entry_ok(const IndexEntry& entry, const IndexHead& head, const Limits& limits) {
  const RecordPlace place = entry.place();
  return place_ok(limits, place) && place.page >= head.first_page &&
         place.page - head.first_page + u64{pages_of(place)} <= head.page_count &&
         (entry.command != Command::group_state || entry.log_view <= entry.view);
}

bool head_ok(const IndexHead& head, const Limits& limits) {
  return (head.flags & ~head_flag::strict_behind) == 0 && head.batch_no.raw() > 0 &&
         head.durable_batch < head.batch_no && head.pages > 0 && head.page_of < head.pages &&
         head.pages <= limits.index_pages_per_segment && (head.count == 0) == (head.page_count == 0) &&
         page_in_segment(limits, head.first_page) + u64{head.page_count} <= limits.wal_segment_pages;
}

}  // namespace

u64 page_seed(ClusterId cluster, ShardId shard) { return check64_of(bytes_of(cluster), page_seed_seed + shard.raw()); }

void GroupBloom::add(GroupId group) {
  const u64 hash = check64_of(bytes_of(group), bloom_seed);
  for (u32 i = 0; i < 3; ++i) {
    const u64 bit = hash >> (7 * i) & 127;
    bits[bit / 64] |= u64{1} << bit % 64;
  }
}

bool GroupBloom::may_contain(GroupId group) const {
  GroupBloom one;
  one.add(group);
  return (bits[0] & one.bits[0]) == one.bits[0] && (bits[1] & one.bits[1]) == one.bits[1];
}

void write_stamp(PageStamp stamp, u64 seed, std::byte* to) {
  store(to, stamp);
  stamp.check = stamp_check(to, seed);
  store(to, stamp);
}

StampReading read_stamp(const std::byte* page, u64 seed) {
  if (all_zero({page, stamp_bytes})) return {PageState::blank, {}};
  const auto stamp = load<PageStamp>(page);
  const bool ok = stamp.check == stamp_check(page, seed) && stamp.used <= payload_bytes &&
                  (stamp.first_record == no_record || stamp.first_record < stamp.used);
  return ok ? StampReading{PageState::ok, stamp} : StampReading{};
}

void write_index_page(IndexHead head, std::span<const IndexEntry> entries, u64 seed, std::byte* page) {
  check(entries.size() <= entries_per_index_page);
  head.count = static_cast<u16>(entries.size());
  store(page, head);
  std::byte* to = page + sizeof(IndexHead);
  for (const auto& entry : entries) {
    store(to, entry);
    to += sizeof(IndexEntry);
  }
  std::fill(to, page + page_bytes, std::byte{0});
  head.check = index_check(page, head.count, seed);
  store(page, head);
}

IndexReading read_index_page(const std::byte* page, u64 seed, const Limits& limits) {
  if (all_zero({page, sizeof(IndexHead)})) return {PageState::blank, {}};
  const auto head = load<IndexHead>(page);
  if (head.count > entries_per_index_page || head.check != index_check(page, head.count, seed)) return {};
  if (!head_ok(head, limits)) return {};
  for (u32 i = 0; i < head.count; ++i)
    if (!entry_ok(index_entry(page, i), head, limits)) return {};
  return {PageState::ok, head};
}

RecordPages gather_record(Bytes pages, const RecordPlace& place, u64 seed, const Limits& limits, MutableBytes to) {
  const u32 count = pages_of(place);
  check(place_ok(limits, place) && to.size() == place.size && pages.size() >= std::size_t{count} * page_bytes);
  RecordPages result = RecordPages::ok;
  BatchNo batch;
  std::size_t done = 0;
  for (u32 i = 0; i < count; ++i) {
    const std::byte* page = pages.data() + std::size_t{i} * page_bytes;
    const StampReading read = read_stamp(page, seed);
    if (read.state == PageState::bad) return RecordPages::bad;
    const std::size_t from = i == 0 ? place.offset : 0;
    const std::size_t size = std::min<std::size_t>(payload_bytes - from, place.size - done);
    const PageNo expected = place.page + i;
    if (read.state == PageState::blank) {
      result = RecordPages::old;
    } else if (!store_rules::is_here(read.stamp.page_no, expected)) {
      if (!earlier_lap(read.stamp.page_no.raw(), expected.raw(), ring_pages(limits)))
        return RecordPages::bad;  // misdirected
      result = RecordPages::old;
    } else {
      if (i == 0) batch = read.stamp.batch_no;
      if (read.stamp.batch_no != batch || read.stamp.used < from + size) result = RecordPages::old;
    }
    copy(to.subspan(done), {page + stamp_bytes + from, size});
    done += size;
  }
  return result;
}

}  // namespace keelson
