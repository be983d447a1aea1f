#include "keelson/machine/kv/block_pool.h"

#include <algorithm>
#include <utility>

namespace keelson {
namespace {

constexpr u32 chunk_bytes_min = 16 * 1024;
constexpr u32 small_bytes_min = 128;  // of blocks in a first chunk

}  // namespace

BlockPool::BlockPool(u32 size_max)
    : size_max_(size_max),
      chunk_bits_(static_cast<u32>(std::countr_zero(std::max(chunk_bytes_min, block_bytes(size_max))))) {
  check(size_max > 0 && tier_of(size_max) < tier_count_max);
}

std::byte* BlockPool::block(const Tier& in, u32 tier, u32 number) const {
  check(number < in.count);
  const u32 within = number & ((1u << chunk_shift(tier)) - 1);
  return in.chunks[number >> chunk_shift(tier)].get() + (std::size_t{within} << block_bits(tier));
}

std::byte* BlockPool::owner(const Tier& in, u32 tier, u32 number) const {
  check(number < in.count);
  const u32 within = number & ((1u << chunk_shift(tier)) - 1);
  return in.chunks[number >> chunk_shift(tier)].get() + owners_at(in, tier) + within * sizeof(u32);
}

std::size_t BlockPool::owners_at(const Tier& in, u32 tier) const {
  return in.small > 0 ? std::size_t{in.small} << block_bits(tier) : std::size_t{1} << chunk_bits_;
}

u32 BlockPool::room(const Tier& in, u32 tier) const {
  return in.small > 0 ? in.small : static_cast<u32>(in.chunks.size()) << chunk_shift(tier);
}

// By one whole chunk, or the first one to twice what it was.
void BlockPool::grow(Tier& in, u32 tier) {
  const u32 wanted = in.small > 0 ? in.small * 2 : std::max(1u, small_bytes_min >> block_bits(tier));
  const bool whole = wanted >= 1u << chunk_shift(tier) || (in.small == 0 && !in.chunks.empty()) || !spare_.empty();
  Chunk chunk =
      whole ? take_chunk() : Chunk(new std::byte[(std::size_t{wanted} << block_bits(tier)) + wanted * sizeof(u32)]);
  const u32 before = std::exchange(in.small, whole ? 0 : wanted);
  if (before > 0) {
    const std::size_t bytes = std::size_t{before} << block_bits(tier);
    std::memcpy(chunk.get(), in.chunks[0].get(), bytes);
    std::memcpy(chunk.get() + owners_at(in, tier), in.chunks[0].get() + bytes, before * sizeof(u32));
    in.chunks.clear();
  }
  push_growing(in.chunks, std::move(chunk));
}

BlockPool::Chunk BlockPool::take_chunk() {
  if (!spare_.empty()) {
    Chunk chunk = std::move(spare_.back());
    spare_.pop_back();
    return chunk;
  }
  ++chunk_count_;
  return Chunk(new std::byte[(std::size_t{1} << chunk_bits_) + (sizeof(u32) << chunk_shift(0))]);
}

void BlockPool::know_tier(u32 tier) {
  Vec<Tier> more(tier + 1);
  for (Tier& in : tiers_) more.push_back(std::move(in));
  more.resize(more.capacity());
  tiers_ = std::move(more);
}

u32 BlockPool::allocate(u32 size, u32 owner_of_block) {
  check(size > 0 && size <= size_max_);
  const u32 tier = tier_of(size);
  if (tiers_.size() <= tier) know_tier(tier);
  Tier& in = tiers_[tier];
  if (in.count == room(in, tier)) grow(in, tier);
  const u32 number = in.count++;
  store(owner(in, tier, number), owner_of_block);
  return number;
}

std::optional<u32> BlockPool::free(u32 size, u32 number) {
  const u32 tier = tier_of(size);
  Tier& in = tiers_[tier];
  check(number < in.count);
  const u32 last = in.count - 1;
  std::optional<u32> moved;
  if (number != last) {
    std::memcpy(block(in, tier, number), block(in, tier, last), block_bytes(size));
    moved = load<u32>(owner(in, tier, last));
    store(owner(in, tier, number), *moved);
  }
  in.count = last;
  if (in.small == 0 && last == (in.chunks.size() - 1) << chunk_shift(tier)) {
    push_growing(spare_, std::move(in.chunks.back()));
    in.chunks.pop_back();
  }
  return moved;
}

MutableBytes BlockPool::at(u32 size, u32 number) {
  if (size == 0) return {};
  const u32 tier = tier_of(size);
  return {block(tiers_[tier], tier, number), size};
}

Bytes BlockPool::at(u32 size, u32 number) const {
  if (size == 0) return {};
  const u32 tier = tier_of(size);
  return {block(tiers_[tier], tier, number), size};
}

void BlockPool::clear() {
  for (Tier& in : tiers_) {
    in.count = 0;
    if (in.small > 0) continue;
    for (Chunk& chunk : in.chunks) push_growing(spare_, std::move(chunk));
    in.chunks.clear();
  }
}

}  // namespace keelson
