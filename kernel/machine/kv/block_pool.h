// BlockPool: byte strings in blocks of powers of two, packed so that memory never exceeds what is in use.
//
// Who uses it: KvTable, for keys and values. Each tier (one block size) is dense: freeing a block moves the tier's last
// one into the hole and says whose it was. So a tier has at most one chunk that isn't full, chunks wander between
// tiers, and a steady state allocates nothing. A tier's first chunk starts small and doubles until it is a whole one: a
// pool that holds little is little. Not here: who refers to a block (the owner is a number that comes back).
#pragma once

#include <bit>
#include <memory>
#include <optional>

#include "keelson/base/bytes.h"
#include "keelson/base/vec.h"

namespace keelson {

class BlockPool {
 public:
  static constexpr u32 block_bits_min = 5;
  static constexpr u32 block_bytes_min = 1 << block_bits_min;

  explicit BlockPool(u32 size_max);

  // What a string of `size` bytes occupies; nothing for an empty one.
  static constexpr u32 block_bytes(u32 size) {
    return size == 0 ? 0 : size < block_bytes_min ? block_bytes_min : std::bit_ceil(size);
  }
  static constexpr bool same_block(u32 size_a, u32 size_b) { return block_bytes(size_a) == block_bytes(size_b); }

  // A block for `size` bytes, 1 <= size <= size_max. Blocks are named by (size, number).
  u32 allocate(u32 size, u32 owner);
  // The owner of the block that moved: that block now has `number`.
  std::optional<u32> free(u32 size, u32 number);
  MutableBytes at(u32 size, u32 number);
  Bytes at(u32 size, u32 number) const;
  void clear();
  u64 chunk_count() const { return chunk_count_; }  // allocated and kept until the end

 private:
  // Blocks first, then one owner per block.
  using Chunk = std::unique_ptr<std::byte[]>;
  struct Tier {
    Vec<Chunk> chunks;
    u32 count = 0;
    u32 small = 0;  // blocks in the first and only chunk, while that isn't a whole one; 0: all are
  };
  static constexpr u32 tier_count_max = 20;

  static u32 tier_of(u32 size) { return static_cast<u32>(std::bit_width((size - 1) >> block_bits_min)); }
  // Sizes are powers of two, so that finding a block is shifts.
  u32 chunk_shift(u32 tier) const { return chunk_bits_ - block_bits(tier); }  // log2 of the blocks in a chunk
  static constexpr u32 block_bits(u32 tier) { return block_bits_min + tier; }
  std::byte* block(const Tier& in, u32 tier, u32 number) const;
  std::byte* owner(const Tier& in, u32 tier, u32 number) const;
  void know_tier(u32 tier);
  std::size_t owners_at(const Tier& in, u32 tier) const;
  u32 room(const Tier& in, u32 tier) const;
  void grow(Tier& in, u32 tier);
  Chunk take_chunk();

  u32 size_max_;
  u32 chunk_bits_;
  Vec<Tier> tiers_;  // up to the largest that was ever used
  Vec<Chunk> spare_;
  u64 chunk_count_ = 0;
};

}  // namespace keelson
