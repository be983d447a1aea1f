// SegmentAnalysis: from the pages of one segment to facts. Which batches left their traces, which records are whole.
//
// Who uses it: recovery, for each segment in order. Index pages say where records lie; where one is missing, the pages'
// stamps lead to records that nothing names. Any bytes are legal input. Not here: whether damage means that something
// was lost (recovery_batches.h).
#pragma once

#include "keelson/base/counters.h"
#include "keelson/store/recovery_facts.h"
#include "keelson/store/recovery_scan.h"
#include "keelson/store/superblock.h"

namespace keelson {

// Whose log it is.
struct LogOwner {
  ClusterId cluster;
  NodeId node;
  ShardId shard;
  std::span<const GroupId> groups;  // sorted; records of others are passed over
};

class SegmentAnalysis {
 public:
  // The scratch is the caller's, as it is needed for each segment.
  struct Scratch {
    explicit Scratch(const Limits& limits)
        : stamps(limits.wal_segment_pages),
          owners(limits.wal_segment_pages),
          index(limits.index_pages_per_segment),
          entries(std::size_t{255} * entries_per_index_page),
          record(limits.message_size_max) {
      record.resize(limits.message_size_max);
    }
    Vec<StampReading> stamps;  // by WAL page
    Vec<u32> owners;           // by WAL page: index of the batch, or none
    Vec<IndexReading> index;   // by index page
    Vec<IndexEntry> entries;   // of one batch, in order of place
    Vec<std::byte> record;
  };

  SegmentAnalysis(const LogOwner& owner, const Superblock& last_life, const Limits& limits, SegmentImage& image,
                  Scratch& scratch, LogFacts& facts);
  // False: the segment was never written.
  bool run();
  bool any_whole() const { return whole_; }  // page that was written here
  bool is_open() const { return open_; }     // log_reach.h: a page is blank that a segment left behind has written

 private:
  static constexpr u32 no_batch = ~u32{0};
  struct Cursor {
    u32 page = 0;    // within the segment
    u32 offset = 0;  // of its payload
  };

  // recovery_segment.cc: pages and batches
  bool is_outlived(Incarnation author, BatchNo no) const;
  void read_index();
  void drop_misplaced();
  void add_index_page(u32 slot);
  void take_room(u32 slot);
  bool continues_batch(const BatchFact& batch, u32 slot) const;
  void read_stamps();
  void assign_pages();
  void add_unindexed(u32 page);
  void note_damage();
  u64 slot_no(u32 slot) const { return image_.segment * limits_.index_pages_per_segment + slot; }
  u32 page_of(PageNo page) const { return page_in_segment(limits_, page); }
  PageNo page_no(u32 page) const { return first_page_of(limits_, image_.segment) + page; }

  // recovery_records.cc: records
  void read_batch(BatchFact& batch);
  void collect_entries(BatchFact& batch);
  void judge(const BatchFact& batch, const IndexEntry& entry);
  void walk(BatchFact& batch);
  bool walk_record(BatchFact& batch, Cursor& at);
  void skip(Cursor& at, const RecordPlace& place) const;
  const IndexEntry* known_at(const Cursor& at) const;  // first entry at or behind it
  RecordState gather(const RecordPlace& place);
  MutableBytes record_bytes(const RecordPlace& place) { return scratch_.record.span().first(place.size); }
  void add_found(const BatchFact& batch, const RecordPlace& place);
  void keep_state(const BatchFact& batch, u32 group, const RecordPlace& place, EntryState entry);
  void keep_checkpoint(const BatchFact& batch, u32 group, const RecordPlace& place, EntryState entry);
  u32 group_index(GroupId group) const;  // groups.size(): not one of ours

  const LogOwner& owner_;
  const Superblock& last_life_;
  const Limits& limits_;
  const u64 seed_;
  SegmentImage& image_;
  Scratch& scratch_;
  LogFacts& facts_;
  const u32 first_batch_;  // facts_.batches from here on are of this segment
  bool touched_ = false;
  bool whole_ = false;
  bool open_ = false;
};

}  // namespace keelson
