// LogIndex: one group's log as facts about each op: identity, header fields, where its record lies, what is damaged.
//
// Who uses it: recovery builds it, the group's replica owns it. Entries lie in chunks of a pool shared by the groups
// of a shard, so an idle group costs one chunk and a busy one allocates nothing. Not here: bodies (vsr keeps the
// recent ones, the WAL the rest), views and quorums.
#pragma once

#include "keelson/base/limits.h"
#include "keelson/base/vec.h"
#include "keelson/wire/header.h"

namespace keelson {

// Where a record lies in the WAL: its first byte is `offset` bytes into the payload of `page`.
struct RecordPlace {
  PageNo page;
  u16 offset = 0;
  u32 size = 0;  // bytes of the record, header included; 0: not in the WAL
  constexpr bool exists() const { return size != 0; }
  bool operator==(const RecordPlace&) const = default;
};

namespace log_bit {
inline constexpr u16 identity = 1;   // identity known
inline constexpr u16 full = 2;       // every header field known
inline constexpr u16 stored = 4;     // record and index entry durable: may be acked
inline constexpr u16 lost = 8;       // was stored, its bytes are damaged: neither nack nor present
inline constexpr u16 suspect = 16;   // un-marked damage: probably never acked
inline constexpr u16 appended = 32;  // handed to the WAL, not yet stored
inline constexpr u16 received = 64;  // its bytes reached this replica since the op entered the log (present in memory)
inline constexpr u16 moving = 256;   // its record is being copied to the end of the log
inline constexpr u16 linked = 128;   // chain-checked: connected by parents to an installed head
}  // namespace log_bit

struct LogEntry {
  Digest identity;
  Digest parent;
  Digest checksum_body;
  Timestamp timestamp;
  Op commit;  // hint in the header
  RecordPlace place;
  u32 size = 0;  // of the message
  u32 request_count = 0;
  View view;  // stamp: log_view at append
  Release release;
  PrepareOperation operation = PrepareOperation::none;
  u16 bits = 0;

  constexpr bool has(u16 bit) const { return (bits & bit) == bit; }
  constexpr bool blank() const { return !has(log_bit::identity); }
};

// Chunks of entries, all memory taken at construction and untouched until needed.
class LogChunks {
 public:
  static constexpr u32 entries_per_chunk = 8;
  struct Chunk {
    LogEntry entries[entries_per_chunk];
    Chunk* next_free;
  };
  explicit LogChunks(u32 entries_max);
  ~LogChunks();
  LogChunks(const LogChunks&) = delete;
  LogChunks& operator=(const LogChunks&) = delete;
  Chunk* acquire();  // null when exhausted
  void release(Chunk* chunk);
  u32 available() const { return capacity_ - in_use_; }  // chunks

 private:
  Chunk* chunks_;
  u32 capacity_;
  u32 untouched_ = 0;
  u32 in_use_ = 0;
  Chunk* free_list_ = nullptr;
};

// Covers ops (floor, floor + journal_ops_max]. Reading beyond what was set gives blank entries. Of the floor itself it
// keeps the header, as far as that is known: the op above names it as its parent. A floor of 0 is the begin of the log.
class LogIndex {
 public:
  LogIndex(LogChunks& chunks, u64 journal_ops_max);
  LogIndex(LogIndex&&) noexcept;
  LogIndex& operator=(LogIndex&&) = delete;
  ~LogIndex();

  const LogEntry& at(Op op) const;  // blank where nothing was set, or outside the range
  bool has_room(Op op) const;       // within the range, and its chunk exists or can be had
  LogEntry& touch(Op op);           // creates a blank one; has_room(op) must hold
  void truncate_above(Op head);     // forgets every op above
  // Forgets every op below `floor`, which has this identity, and its record. Some op up to it may be blank.
  void prune(Op floor, const Digest& identity);
  void begin_above(Op floor, const Digest& identity);  // an empty one, whose first op is floor + 1
  Op floor() const { return floor_; }
  Op top() const { return top_; }  // highest op that may be non-blank

  // A header that says all the index knows of an op: full, stub or blank form (entry_flags), sealed by the caller.
  Prepare header_of(Op op, ClusterId cluster, GroupId group, Epoch epoch) const;
  void set_header(Op op,
                  const Prepare& prepare);  // identity and full; keeps place and stored bits of the same identity

 private:
  std::size_t slot_of(Op op) const;  // of its chunk in the directory
  void drop_chunks_to(std::size_t first);
  void grow_directory(std::size_t size);

  LogChunks* chunks_;
  u64 ops_max_;
  Vec<LogChunks::Chunk*> directory_;
  std::size_t first_chunk_ = 0;  // that of directory_[0]
  Op floor_;
  LogEntry at_floor_;
  Op top_;
};

}  // namespace keelson
