// BodyIndex: which prepares of a group have bytes that somebody retains, and which blob of the checkpoints holds them.
//
// Who uses it: the group's replica. It is replicated state: a function of the ops applied, saved and loaded as
// sections, one for each blob. An op that is newer than the newest checkpoint op is in no blob yet; at each checkpoint
// op those that are still wanted are put into blobs, in order, and what is left of blobs that are mostly unwanted goes
// with them. A blob never changes; it ends when nothing in it is wanted. Liveness is by op: of a prepare with 256
// requests one retained body keeps all. Memory: 64 bytes per op. Not here: reading and writing blobs
// (replica_bodies.cc).
#pragma once

#include "keelson/base/limits.h"
#include "keelson/base/status.h"
#include "keelson/machine/stream.h"

namespace keelson {

class BodyIndex {
 public:
  static constexpr u32 no_blob = ~u32{0};

  // A place in the blobs of a checkpoint.
  struct Place {
    u32 blob = no_blob;
    u32 offset = 0;
    Op born;  // of the blob: a number is used again
  };
  struct Entry {
    Op op;
    Digest identity;
    u32 size = 0;    // of the prepare, its header included
    u32 wanted = 0;  // retained so often; with 0 it stays as long as its blob
    Place place;
    Place former;  // this replica's own: where a durable checkpoint may still have it
  };
  struct Blob {
    Op born;  // 0: no blob has this number
    u32 bytes = 0;
    u32 bytes_wanted = 0;
    Vec<Op> ops;  // in the order of their offsets, which is that of the ops
  };

  explicit BodyIndex(const Limits& limits);

  // Of the op being applied: a function of the ops before it, so equal on every replica. False: the group retains as
  // much as it may.
  [[nodiscard]] bool retain(Op op, const Digest& identity, u32 size);
  // One more of one that is retained. False: it isn't.
  bool share(Op op);
  bool release(Op op);
  const Entry* find(Op op) const;
  u64 bytes_wanted() const { return bytes_wanted_; }
  // Of a machine's state together with what is retained of how many; O(ops retained).
  Digest digest_with(const Digest& machine) const;
  u64 size() const { return entries_.size(); }

  // At a checkpoint op, on every replica, whether it makes this checkpoint or not. `durable(place)`: this replica's
  // durable checkpoint has that blob. O(ops retained).
  // True: some moved from one blob to another.
  template <class Durable>
  bool settle(Op checkpoint, Durable durable) {
    if (!choose()) return false;
    bool moved = false;
    for (Entry& entry : entries_) {
      if (!moves(entry) || entry.place.blob == no_blob) continue;
      moved = true;
      if (durable(entry.place)) entry.former = entry.place;
    }
    repack(checkpoint);
    return moved;
  }

  // Told before a blob's section changes, and after their number did.
  void set_touch(SectionTouch touch) { touch_ = touch; }

  std::span<const Blob> blobs() const { return blobs_.span(); }
  // As a machine's sections; `identity` and size of an op are in its blob's.
  void save_section(u32 blob, ByteSink& sink) const;
  void reset();
  [[nodiscard]] Status begin_load(u32 blobs);
  [[nodiscard]] Status load_section(u32 blob, ByteSource& source);
  [[nodiscard]] Status finish_load();

 private:
  Entry* find_mutable(Op op);
  bool is_sparse(const Blob& blob) const;
  bool choose();
  bool moves(const Entry& entry) const;
  void repack(Op checkpoint);
  u32 free_number();

  const u32 blob_bytes_max_;
  const u64 retained_bytes_max_;
  Vec<Entry> entries_;  // by op
  Vec<Blob> blobs_;
  Vec<u8> chosen_;  // while settling: 1 per blob that ends
  u64 bytes_wanted_ = 0;
  SectionTouch touch_;
};

}  // namespace keelson
