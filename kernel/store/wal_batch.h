// WalBatch: one group commit in memory: its records, and the stamps, gather lists and index pages that put them on
// disk.
//
// Who uses it: the WAL, which reuses a few of them: all memory is taken at construction, and a batch's Writes point
// into it until they are done. Record bytes are not copied. Not here: when a batch is sealed, what its completion
// means.
#pragma once

#include "keelson/store/io_ids.h"
#include "keelson/store/page.h"
#include "keelson/store/page_buffer.h"
#include "keelson/wire/effect.h"
#include "keelson/wire/message.h"

namespace keelson {

// What the index repeats of a record.
struct RecordMeta {
  GroupId group;
  Command command = Command::prepare;
  Epoch epoch;
  View view;
  View log_view;
  Op op;                // of a group_state: its head
  Digest identity;      // of a group_state: its head's
  u64 state_seq = 0;    // of a group_state
  bool strict = false;  // stored only when marked
  u32 state_flags = 0;  // of a group_state
  bool copied = false;  // by a start: it says nothing of when the record was made
};

// Parts of one Write; a driver hands them to one gather call.
inline constexpr u32 write_parts_max = 1024;

// Where a batch goes.
struct WalSpot {
  PageNo page;
  u32 index_page = 0;  // among those of the page's segment
};

// What all pages of a batch repeat.
struct BatchHead {
  BatchNo batch;
  BatchNo durable_batch;
  Incarnation incarnation;
  bool strict_behind = false;
  GroupBloom prev_groups;
  bool knows_prev = false;             // whose records the batch before has:
  std::span<const GroupId> prev_list;  // (some more than once)
};

class WalBatch {
 public:
  struct Record {
    RecordMeta meta;
    MessageRef message;  // until the batch is stored
    RecordPlace place;   // from seal on
  };
  struct PendingWrite {
    IoId id;
    bool index = false;
  };

  explicit WalBatch(const Limits& limits);

  // While open.
  bool fits(u32 more_records, u64 more_bytes) const;
  void append(const RecordMeta& meta, MessageRef record);
  u32 pages_with(u32 more_records, u64 more_bytes) const;
  u32 pages() const { return static_cast<u32>(pages_for(payload_)); }
  u32 index_pages() const { return index_pages_for(static_cast<u32>(records.size())); }
  // At most; what seal() makes of it may be fewer.
  u32 writes_max() const;

  // Lays the records out and appends the Writes.
  void seal(const BatchHead& head, const WalSpot& spot, const Limits& limits, u64 seed, IoIds& ids, Vec<Write>& out);
  void drop_messages();
  void clear();
  GroupBloom groups() const;
  void list_groups(Vec<GroupId>& to) const;  // may name one more than once

  Vec<Record> records;
  Vec<PendingWrite> pending;  // Writes not yet done
  BatchNo no;                 // from seal on
  BatchNo carried;            // its marker
  bool has_strict = false;
  bool has_lax = false;  // records that aren't
  bool sealed = false;
  bool stored = false;
  bool reported = false;  // its strict records were

 private:
  void lay_out(const BatchHead& head, const WalSpot& spot, u64 seed);
  void begin_page(const BatchHead& head, const WalSpot& spot);
  void write_index(const BatchHead& head, const WalSpot& spot, u64 seed);
  void emit(const WalSpot& spot, const Limits& limits, IoIds& ids, Vec<Write>& out);

  struct Run {           // one Write's share of the WAL pages
    u32 first_page = 0;  // within the batch
    u32 first_part = 0;
  };
  u32 records_max_;
  u32 pages_max_;
  u64 payload_ = 0;  // bytes of records, padding included
  Vec<PageStamp> stamps_;
  Vec<Bytes> parts_;
  Vec<Run> runs_;
  PageBuffer index_;
  Bytes index_part_;
};

}  // namespace keelson
