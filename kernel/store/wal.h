// Wal: one shard's log on disk. Records of a turn become one batch: WAL pages, index pages, one flush for all groups.
//
// Who uses it: replicas append and load, the shard seals once per step and passes completions on, recovery says where
// to continue. It knows groups and ops, not what views mean. A record is stored when all Writes of its batch are done
// (strict ones: when a later stored index page says so); only then may anything depend on it. Segments form a ring: the
// oldest one is given back once nothing in it is needed. Not here: reading the log at start (recovery.h), what pages
// look like (page.h), what is needed (vsr/replica_reclaim.cc).
#pragma once

#include "keelson/base/counters.h"
#include "keelson/store/io_ids.h"
#include "keelson/store/wal_batch.h"
#include "keelson/wire/bag.h"

namespace keelson {

struct StoredRecord {
  GroupId group;
  Command command = Command::prepare;
  Op op;
  Digest identity;
  u64 state_seq = 0;
  RecordPlace place;
};

struct LoadedRecord {
  GroupId group;
  Op op;
  Digest identity;
  RecordPlace place;
  u64 purpose = 0;
  bool ok = false;  // false: the bytes are damaged
  MessageRef message;
};

struct WalConfig {
  ClusterId cluster;
  ShardId shard;
  Limits limits;
  Tunables tunables;
};

// Where the log ends, as recovery found it. A new data file: incarnation of the superblock, next_batch 1, all else
// zero.
struct WalStart {
  Incarnation incarnation;
  PageNo next_page;         // first page that no earlier incarnation may have touched
  u32 next_index_page = 0;  // the same among the index pages of next_page's segment
  BatchNo next_batch;       // above every batch that was found; from 1
  BatchNo durable_batch;    // the marker until this incarnation has one of its own; below next_batch
  GroupBloom prev_groups;   // groups of batch next_batch - 1; of_all() where that isn't known
  u64 first_segment = 0;    // the oldest that is not free
};

// Segments that prepares leave alone: a log that takes no more of them still has to survive restarts (each writes
// states, and may skip the rest of a segment) and view changes, and needs room to move what keeps its oldest segment
// from being freed.
constexpr u32 wal_reserved_segments(const Limits& limits) {
  return limits.wal_segments < 16 ? 1 : limits.wal_segments / 16;
}

class Wal {
 public:
  Wal(const WalConfig& config, const WalStart& start, Slabs& slabs, IoIds& ids, Counters& counters);
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;
  ~Wal();

  // Admission, for records of `bytes` in all: the open batch, and the segments behind it. False may be true again after
  // the next completion, or when a segment is freed. Of the reserved segments a prepare takes none, a copy and a
  // checkpoint half of them, a group_state all but one: that one is for the group_state without which no segment can be
  // freed.
  bool has_room(u32 records, u64 bytes, Command command = Command::prepare, bool to_free = false) const;
  // Joins the open batch. After has_room it cannot fail. The record must not change any more.
  void append(const RecordMeta& meta, MessageRef record);
  // From now on records count as stored only when they are marked, and the heads say so, for a start that finds damage
  // behind the last mark. Not wanted any more, it ends when the superblock names a batch whose head doesn't say so.
  void want_strict(bool wanted);
  bool is_strict() const { return strict_; }
  // The superblock has to name marked() for that.
  bool wants_superblock() const;
  void on_superblock(BatchNo durable) { sealed_ = durable; }
  // Once per step: emits the open batch, or leaves it open to collect more while too many are under way.
  void seal_batch(Instant now, EffectBag& out);

  // False: not an id of the WAL. Appends what became stored by it, up to wal_batches_in_flight_max *
  // wal_batch_records_max records, and what was read. A failed Write poisons: nothing is stored or written afterwards.
  bool on_completion(Instant now, const Completion& completion, Vec<StoredRecord>& stored, Vec<LoadedRecord>& loaded,
                     EffectBag& out);

  // Reads a stored record back and proves that it is the prepare (group, op, identity); the answer comes with
  // on_completion and repeats `purpose`. False: no read slot or slab is free, nothing was emitted; try later.
  bool load(GroupId group, Op op, Digest identity, RecordPlace place, u64 purpose, IoClass io_class, EffectBag& out);

  // When a marker that no batch carried is due: the seal_batch of that step writes it.
  Instant deadline() const { return marker_due_ ? Instant::never() : marker_at_; }
  void on_deadline(Instant now, EffectBag& out);

  bool poisoned() const { return poisoned_; }
  // Of the segments, what is left for new requests.
  u16 free_permille() const;
  // Little is: as much as the reserve.
  bool low() const;
  // Nothing is: only as much again as the reserve, for prepares that other nodes admitted, and the reserve itself.
  bool full() const;

  // --- the ring
  u64 first_segment() const { return first_segment_; }
  u64 open_segment() const { return segment_of(limits_, next_page_); }  // where the next batch begins, or behind it
  // Every batch that lies before it is stored: nothing is written there until it is freed.
  u64 settled_segment() const;
  u64 segments_used() const { return open_segment() - first_segment_ + 1; }
  // What a start must know to begin with `segment`: every batch up to this one lies before it.
  BatchNo last_batch_before(u64 segment) const;
  BatchNo marked() const { return marked_; }      // the highest marker that is stored
  BatchNo reported() const { return reported_; }  // the highest batch of which a record was reported as stored; or 0
  void close_before(u64 segment);                 // nothing before it is read any more
  bool reads_before(PageNo page) const;           // a Read of such a page is under way: it can't be freed yet
  // Everything before `segment` may be written over. Durable in the superblock by then, or a start would look for it.
  void free_before(u64 segment);
  // From recovery: where batches begin, in order.
  void found_batch(u64 segment, BatchNo batch);

 private:
  struct ReadSlot {
    IoId id;
    bool busy = false;
    GroupId group;
    Op op;
    Digest identity;
    RecordPlace place;
    u64 purpose = 0;
    MessageRef message;  // where the record goes; reserved before the read, so that want of memory is never damage
  };

  // wal.cc
  WalBatch& slot(BatchNo batch) { return batches_[batch.raw() % batches_.size()]; }
  WalBatch& open() { return slot(next_batch_); }
  const WalBatch& open() const { return batches_[next_batch_.raw() % batches_.size()]; }
  u64 under_way() const { return next_batch_ - first_batch_; }
  u64 segments_end() const { return first_segment_ + limits_.wal_segments; }
  u64 end_for_requests() const { return segments_end() - u64{2} * wal_reserved_segments(limits_); }
  bool find_spot(u32 pages, u32 index_pages, u64 segments_end, u32 index_spare, WalSpot& spot) const;
  bool may_seal(u32 writes, bool marker) const;
  bool marker_wanted() const { return durable_records_ > carried_; }
  void report(const WalBatch& batch, const WalBatch::Record& record, Vec<StoredRecord>& stored);
  void seal_marker(EffectBag& out);
  void seal_open(EffectBag& out);
  bool says_strict_behind();
  void relax();
  void arm_marker(Instant now);
  bool on_write(const Completion& completion, Vec<StoredRecord>& stored);
  void poison();
  void batch_done(WalBatch& batch, Vec<StoredRecord>& stored);
  void advance_durable();
  void report_marked(Vec<StoredRecord>& stored);
  void settle();
  // wal_read.cc
  bool on_read(const Completion& completion, Vec<LoadedRecord>& loaded);
  bool proven(ReadSlot& slot);
  MutableBytes pages_of_slot(const ReadSlot& slot);

  const WalConfig config_;
  const Limits& limits_;
  const u64 seed_;
  const Incarnation incarnation_;
  Slabs& slabs_;
  IoIds& ids_;
  Counters& counters_;

  // Batches [first_batch_, next_batch_) are under way or wait for their mark, next_batch_ is open; each in the slot of
  // its number. One slot more than batches may be under way is kept for a lone marker, or waiting ones would never end.
  Vec<WalBatch> batches_;
  BatchNo first_batch_;
  BatchNo next_batch_;
  PageNo next_page_;
  u32 next_index_page_;
  // By segment, in its slot of the ring.
  struct Begin {
    u64 segment = 0;
    BatchNo batch;  // the first that lies in it; 0: none
  };
  Vec<Begin> begins_;
  u64 first_segment_;
  PageNo readable_from_;
  u32 batches_writing_ = 0;
  u32 writes_writing_ = 0;
  GroupBloom prev_groups_;  // of next_batch_ - 1
  Vec<GroupId> prev_list_;  // the same, of a batch that this life wrote
  bool knows_prev_ = false;

  BatchNo durable_;          // this batch and all before it are stored
  BatchNo next_durable_;     // the first one that isn't known to be stored
  BatchNo durable_records_;  // the newest of them with records
  BatchNo reported_;
  BatchNo durable_strict_;  // the newest of them with strict records
  BatchNo carried_;         // highest marker in an index page that was emitted
  BatchNo marked_;          // highest marker in an index page that is stored
  bool strict_wanted_;
  bool strict_;           // every record is; for some time after it isn't wanted any more
  BatchNo relaxed_from_;  // the first batch since then whose head doesn't say so; 0: none
  BatchNo sealed_;        // the superblock names it, or a later one
  Instant marker_at_ = Instant::never();
  bool marker_due_ = false;
  bool poisoned_ = false;

  Vec<ReadSlot> reads_;
  PageBuffer read_pages_;  // record_pages_max each
};

}  // namespace keelson
