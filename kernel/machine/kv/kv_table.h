// KvTable: the map of the kv machine: keys and values on pool memory, found by hash, iterated in one canonical order.
//
// Who uses it: KvMachine. Entries are chained per bucket, ordered by (hash, key), and a bucket is the top bits of the
// hash: walking the buckets gives the same order whatever the history. Growing moves two buckets per change, so no
// change is ever long. Memory: blocks within the state limit, entries within the entry limit, kept for reuse; a table
// of few entries takes little. Not here: operations, statuses, snapshots' bytes, how many sections there are (kv.h).
#pragma once

#include "keelson/base/checksum.h"
#include "keelson/machine/kv/block_pool.h"
#include "keelson/machine/kv/kv_codec.h"

namespace keelson {

class KvTable {
 public:
  // A key's value, borrowed until the table changes.
  struct Found {
    Op written;
    Bytes value;
    bool kept = false;  // `value` says where the bytes are
  };
  struct Item {
    u64 hash;
    Bytes key;
    Found found;
  };

  explicit KvTable(const KvLimits& limits);
  KvTable(const KvTable&) = delete;
  KvTable& operator=(const KvTable&) = delete;

  std::optional<Found> find(Bytes key) const;
  // Overwrites or inserts; the value's bytes are for the caller to fill. None, and no change: beyond the limits.
  std::optional<MutableBytes> put(Bytes key, u32 value_size, Op op, bool kept = false);
  // False: there was nothing.
  bool erase(Bytes key);
  void clear();  // of one section, too
  void set_section_bits(u32 bits);

  const KvLimits& limits() const { return limits_; }
  u64 size() const { return size_; }
  u64 bytes() const { return bytes_; }  // charged: a function of the content
  u64 block_chunk_count() const { return blocks_.chunk_count(); }
  u32 entry_slots() const { return entries_used_; }  // ever needed at once

  static u64 hash_of(Bytes key);
  static constexpr u32 top_bits(u64 hash, u32 bits) { return bits ? static_cast<u32>(hash >> (64 - bits)) : 0; }
  u32 section_bits() const { return section_bits_; }
  u32 section_of(u64 hash) const { return top_bits(hash, section_bits_); }
  // (hash, key) is the canonical order.
  static bool before(u64 hash_a, Bytes key_a, u64 hash_b, Bytes key_b);
  // All items of a section in canonical order; the table must not change meanwhile.
  template <class Visit>
  void for_each(u32 section, Visit visit) const;

 private:
  static constexpr u32 none = ~u32{0};
  struct Entry {
    u64 hash;
    Op written;
    u32 next;  // in the bucket's chain, or in the free list
    u32 key_block;
    u32 value_block;
    u32 value_size;
    u32 key_size;
    u32 kept;
  };
  static constexpr u32 entries_per_chunk = 256;
  static constexpr u32 entries_min = 4;
  static constexpr u32 bucket_bits_min = 2;
  static constexpr u32 bucket_bits_max = 28;

  static u64 charge(u32 key_size, u32 value_size) {
    return sizeof(Entry) + BlockPool::block_bytes(key_size) + BlockPool::block_bytes(value_size);
  }
  Entry& entry(u32 index) { return entries_[index / entries_per_chunk][index % entries_per_chunk]; }
  const Entry& entry(u32 index) const { return entries_[index / entries_per_chunk][index % entries_per_chunk]; }
  Bytes key_of(const Entry& e) const { return blocks_.at(e.key_size, e.key_block); }

  // The link where `key` is, or where it belongs.
  u32* locate(u64 hash, Bytes key);
  bool is_at(u32 index, u64 hash, Bytes key) const;
  u32& bucket(u64 hash);
  u32 first_of(u32 logical_bucket, u32 half) const;
  void insert(u32* link, u32 index, u64 hash, Bytes key);
  u32 take_entry();
  bool make_entry();
  void set_value_block(u32 index, u32 old_size, u32 new_size);
  void free_block(u32 size, u32 number);
  void grow_if_crowded();
  void widen();
  void migrate_one();

  KvLimits limits_;
  u32 section_bits_ = 0;
  BlockPool blocks_;  // owner of a block: entry * 2, + 1 for its value
  Vec<std::unique_ptr<Entry[]>> entries_;
  u32 first_entries_ = 0;  // that the first chunk holds: it grows to a whole one
  u32 entries_used_ = 0;   // of the chunks; below it a free list
  u32 free_entry_ = none;
  u64 size_ = 0;
  u64 bytes_ = 0;

  u32 bucket_bits_ = bucket_bits_min;  // at least section_bits_
  std::unique_ptr<u32[]> buckets_;
  std::unique_ptr<u32[]> wider_;  // twice as many, while growing: valid below 2 * migrated_
  u32 migrated_ = 0;              // buckets that moved to wider_
};

template <class Visit>
void KvTable::for_each(u32 section, Visit visit) const {
  const u32 per_section = bucket_bits_ - section_bits_;
  for (u32 b = section << per_section; b < (section + 1) << per_section; ++b)
    for (u32 half = 0; half < 2; ++half)
      for (u32 i = first_of(b, half); i != none; i = entry(i).next) {
        const Entry& e = entry(i);
        visit(Item{e.hash, key_of(e), {e.written, blocks_.at(e.value_size, e.value_block), e.kept != 0}});
      }
}

}  // namespace keelson
