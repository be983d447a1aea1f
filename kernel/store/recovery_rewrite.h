// LogRewriter: writes again, before anything relies on it, what a crash left whole but without protection.
//
// Who uses it: recovery, behind the superblock of the new incarnation and before replicas start. A torn tail stays
// un-marked for ever, so damage to what was kept of it would later read as "never acked": of a record without an entry,
// and of one that counts only when marked, there must be another copy. Not here: which records those are (recovery.cc).
#pragma once

#include "keelson/store/wal.h"

namespace keelson {

class LogRewriter {
 public:
  LogRewriter(ClusterId cluster, ShardId shard, NodeId self, const Limits& limits, Slabs& slabs, IoIds& ids);

  void add(const RecordPlace& place);
  bool empty() const { return places_.empty(); }
  std::span<const RecordPlace> places() const { return places_.span(); }
  void start(Instant now, Wal& wal, EffectBag& out);
  // False: not an id of this or of the WAL.
  bool on_completion(Instant now, const Completion& completion, Wal& wal, EffectBag& out);
  // What could not be written again: nobody may rely on it.
  std::span<const RecordPlace> failed() const { return failed_.span(); }
  // All that could be written again is stored, and marked.
  bool done() const { return next_ == places_.size() && !waiting_ && read_ == IoId() && unmarked_ == 0; }

 private:
  void pump(Instant now, Wal& wal, EffectBag& out);
  void read_next(EffectBag& out);
  bool take();
  RecordMeta meta_of(const MessageRef& message) const;

  const ClusterId cluster_;
  const u64 seed_;
  const NodeId self_;
  const Limits limits_;
  Slabs& slabs_;
  IoIds& ids_;
  Vec<RecordPlace> places_;
  Vec<RecordPlace> failed_;
  std::size_t next_ = 0;  // of places_, to be read
  u32 tries_ = 0;         // of the place before it
  PageBuffer pages_;
  IoId read_;                 // 0: none in flight
  MessageRef waiting_;        // read, not yet appended
  u32 unmarked_ = 0;          // appended, not yet known to be marked
  Vec<StoredRecord> stored_;  // scratch
  Vec<LoadedRecord> loaded_;
};

}  // namespace keelson
