// Pages of the WAL and of its index, as they lie on the disk; writing them and reading them, damaged or not.
//
// Who uses it: the WAL writes them, recovery and loads read them. All pure functions of bytes. A check is seeded with
// cluster and shard, so that a page of another data file is as bad as a torn one. Not here: where a page lies
// (layout.h), what its damage means (classify.h). The tables are docs/storage.md; the static_asserts say the same.
#pragma once

#include "keelson/store/layout.h"

namespace keelson {

// Seed of every page check of one shard's data.
u64 page_seed(ClusterId cluster, ShardId shard);

// First bytes of each WAL page. The payload behind it has no check of its own: its records do.
inline constexpr u16 no_record = 0xffff;
struct PageStamp {
  PageNo page_no;
  BatchNo batch_no;
  Incarnation incarnation;
  u16 first_record = no_record;  // payload offset of the first record that starts here
  u16 used = 0;                  // payload bytes that belong to records, padding included
  u64 check = 0;                 // XXH3-64 of the 24 bytes before
};
static_assert(sizeof(PageStamp) == stamp_bytes && offsetof(PageStamp, check) == 24);
static_assert(offsetof(PageStamp, incarnation) == 16 && offsetof(PageStamp, used) == 22);

// Which groups a batch holds records of: may say yes too often, never no wrongly.
struct GroupBloom {
  u64 bits[2] = {};
  void add(GroupId group);
  bool may_contain(GroupId group) const;
  static constexpr GroupBloom of_all() { return {{~u64{0}, ~u64{0}}}; }
  constexpr bool operator==(const GroupBloom&) const = default;
};

struct IndexHead {
  BatchNo batch_no;
  BatchNo durable_batch;  // the marker: this batch and all before it (of its incarnation) were stored
  Incarnation incarnation;
  u16 count = 0;      // entries on this page; 0 with page_count 0: a lone marker
  u8 page_of = 0;     // this page among the batch's index pages
  u8 pages = 0;       // the batch's index pages; they follow each other
  PageNo first_page;  // the batch's WAL pages; of a lone marker, where the next batch may begin
  u32 page_count = 0;
  u32 flags = 0;
  GroupBloom prev_groups;  // of batch_no - 1; all, where that isn't known
  u64 check = 0;           // over the head before it and the used entries
};
static_assert(sizeof(IndexHead) == 64 && offsetof(IndexHead, check) == 56 && offsetof(IndexHead, first_page) == 24);
static_assert(offsetof(IndexHead, prev_groups) == 40);

namespace head_flag {
inline constexpr u32 strict_behind = 1;  // all records of this life behind this batch are; until that is taken back
}  // namespace head_flag

namespace index_flag {
inline constexpr u8 strict = 1;    // counted as stored only when marked: un-marked damage to it lost no promise
inline constexpr u8 amnesiac = 2;  // of a group_state: its state_flags
inline constexpr u8 unsure = 4;
inline constexpr u8 copied = 8;  // of a group_state: by a start that found it un-marked
}  // namespace index_flag

// One record, a second time, apart from it.
struct IndexEntry {
  GroupId group;
  Op op;            // of a group_state: its head
  Digest identity;  // of a group_state: its head's
  PageNo page_no;
  u16 offset = 0;  // RecordPlace
  Command command = Command::prepare;
  u8 flags = 0;
  u32 size = 0;
  View view;
  View log_view;
  Epoch epoch;
  u32 zero = 0;

  constexpr RecordPlace place() const { return {page_no, offset, size}; }
};
static_assert(sizeof(IndexEntry) == 64 && offsetof(IndexEntry, page_no) == 32 && offsetof(IndexEntry, size) == 44);
static_assert(offsetof(IndexEntry, epoch) == 56);

inline constexpr u32 entries_per_index_page = (page_bytes - sizeof(IndexHead)) / sizeof(IndexEntry);
static_assert(entries_per_index_page == 63);
// Index pages of a batch of `records`; a lone marker takes one as well.
constexpr u32 index_pages_for(u32 records) {
  return records == 0 ? 1 : (records + entries_per_index_page - 1) / entries_per_index_page;
}

// What a page turned out to be. blank: zeros, as format left it.
enum class PageState : u8 { ok, blank, bad };

// Sets the check and stores the stamp.
void write_stamp(PageStamp stamp, u64 seed, std::byte* to);
struct StampReading {
  PageState state = PageState::bad;
  PageStamp stamp;  // where ok
};
StampReading read_stamp(const std::byte* page, u64 seed);

// Writes head and entries, count and check set, zeros behind them. At most entries_per_index_page entries.
void write_index_page(IndexHead head, std::span<const IndexEntry> entries, u64 seed, std::byte* page);
struct IndexReading {
  PageState state = PageState::bad;
  IndexHead head;  // where ok
};
// ok: check and structure hold, and every entry's place lies among the batch's pages.
IndexReading read_index_page(const std::byte* page, u64 seed, const Limits& limits);
inline IndexEntry index_entry(const std::byte* page, u32 i) {
  return load<IndexEntry>(page + sizeof(IndexHead) + std::size_t{i} * sizeof(IndexEntry));
}

// What the pages under a record hold. ok: all of one batch; its bytes are still to be validated. old: a page that this
// batch never wrote (zeros, or of another batch) and none that is bad.
enum class RecordPages : u8 { ok, old, bad };
// Copies the record at `place` out of `pages`, which begin with place.page. `to` has place.size bytes.
RecordPages gather_record(Bytes pages, const RecordPlace& place, u64 seed, const Limits& limits, MutableBytes to);

}  // namespace keelson
