// What recovery has seen in a log, before it judges: batches, records, promises, damage.
//
// Who uses it: recovery_segment fills it in, segment by segment; recovery_batches finds out what was durable and what
// is missing; recovery_group makes a group's log of it. Lists grow with what the disk holds, never beyond what a zone
// of this size can say. Not here: bytes.
#pragma once

#include <algorithm>

#include "keelson/store/classify.h"
#include "keelson/store/room_filter.h"
#include "keelson/store/rules.h"

namespace keelson {

// One batch, from its index pages or, where there are none, from the stamps of its WAL pages.
struct BatchFact {
  BatchNo no;
  Incarnation incarnation;
  u64 first_slot = 0;      // its first index page, counted over all segments; where has_head
  u32 pages_expected = 0;  // index pages; 0: none was seen
  u32 pages_ok = 0;
  PageNo first_page;  // WAL pages
  u32 page_count = 0;
  BatchNo durable_batch;  // its marker
  GroupBloom prev_groups;
  RoomState room = RoomState::absent;  // of its last index page
  GroupBloom groups;                   // of the entries that were seen
  bool strict_behind = false;          // its head says that all records behind it are strict
  u64 slots_before = 0;                // end of the last index page, of a batch before it, whose place is known
  u64 slots_behind = 0;                // begin of the next one behind it
  RecordState rest = RecordState::ok;  // of what neither an entry nor an intact record accounts for

  bool has_head() const { return pages_expected > 0; }
  bool indexed() const { return has_head() && pages_ok == pages_expected; }
  u64 slots_end() const { return first_slot + pages_expected; }
  PageNo pages_end() const { return first_page + page_count; }
};

// A prepare, or a group_state of which only the entry is left.
struct FoundRecord {
  u32 group = 0;  // index among the groups
  Command command = Command::prepare;
  EntryState entry = EntryState::ok;
  RecordState record = RecordState::ok;
  bool strict = false;
  bool amnesiac = false;  // of a group_state, as its entry says
  bool unsure = false;
  bool copied = false;
  bool live = false;  // record ok: store_rules::is_live
  BatchNo batch;
  RecordPlace place;
  Epoch epoch;
  View view;  // stamp of a prepare
  View log_view;
  Op op;
  Digest identity;
  // Of an intact record.
  Digest parent;
  Digest checksum_body;
  Timestamp timestamp;
  Op commit;
  Release release;
  u32 request_count = 0;
  PrepareOperation operation = PrepareOperation::none;
  RecordFate fate = RecordFate::drop;  // once the marks are known
};

// The newest intact group_state of a group.
struct FoundState {
  bool exists = false;
  EntryState entry = EntryState::ok;
  BatchNo batch;      // of its newest copy
  BatchNo made_in;    // where it was promised; 0: only copies by later starts are left
  RecordPlace place;  // of its newest copy
  GroupState state;
  Vec<Prepare> suffix;  // from its head downward
};

// The newest intact group_checkpoint of a group.
struct FoundCheckpoint {
  bool exists = false;
  EntryState entry = EntryState::ok;
  BatchNo batch;
  RecordPlace place;
  GroupCheckpoint record;
};

struct LogFacts {
  u32 segment_pages = 0;
  // Where the live log begins: what lies before it is gone, and everything up to freed_batch with it.
  PageNo wal_begin;
  u64 slots_begin = 0;  // index pages, counted over all segments
  BatchNo freed_batch;
  Vec<BatchFact> batches;
  Vec<FoundRecord> records;
  Vec<FoundState> states;            // by group
  Vec<FoundCheckpoint> checkpoints;  // by group
  // Of batches before which one is missing, or has lost some of its index; only so many, each takes a page of memory.
  static constexpr std::size_t rooms_max = 256;
  Vec<RoomFilter> rooms;
  BatchNo indexed_to;  // newest batch so far of which all index pages were seen
  Vec<u64> bad_slots;  // index pages that were written and can't be read, counted over all segments; ascending
  Vec<u64> bad_pages;  // the same of WAL pages that no batch accounts for
  BatchNo highest;     // batch of which any trace was seen
  PageNo wal_end;      // first page that shows no trace, nor does any after it
  u64 slots_end = 0;   // the same of index pages

  // For tools: every intact group_state, not only the newest one of each group, where that is wanted.
  bool list_states = false;
  Vec<FoundRecord> whole_states;
};

inline bool behind(const RecordPlace& place, const RecordPlace& other) {
  return place.page > other.page || (place.page == other.page && place.offset > other.offset);
}

inline store_rules::Promise promise_of(const FoundRecord& entry) {
  return {entry.epoch, entry.view, entry.log_view, entry.op};
}
inline store_rules::Promise promise_of(const GroupState& state) {
  return {state.epoch, state.view, state.log_view, state.head};
}
// Whether an entry of a promise that was kept once, whose record is gone, is newer than all that is left whole.
inline bool supersedes(const FoundRecord& entry, const FoundState& newest) {
  return entry.fate != RecordFate::drop &&
         (!newest.exists || store_rules::is_newer_promise(promise_of(entry), entry.copied,
                                                          behind(entry.place, newest.place), promise_of(newest.state)));
}

// Whether a sorted list has an element in [from, end).
inline bool any_in(const Vec<u64>& sorted, u64 from, u64 end) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), from);
  return at != sorted.end() && *at < end;
}

}  // namespace keelson
