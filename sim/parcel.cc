#include "keelson/sim/parcel.h"

#include <bit>

namespace keelson::sim {
namespace {

constexpr u64 smallest_block = 512;

constexpr u64 block_bytes(std::size_t size_class) { return smallest_block << size_class; }

std::size_t class_of(u64 bytes) {
  const u64 blocks = (bytes + smallest_block - 1) / smallest_block;
  return blocks <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(blocks - 1));
}

// Small blocks are carved from larger pieces, so that neighbours in time are neighbours in memory.
constexpr u64 carved_bytes = 64 * 1024;

}  // namespace

Parcel* Parcels::copy(Bytes bytes) {
  const u64 needed = sizeof(Parcel) + bytes.size();
  const std::size_t size_class = class_of(needed);
  check(size_class < class_count);
  if (!free_[size_class]) {
    const u64 block = block_bytes(size_class);
    const u64 count = block < carved_bytes ? carved_bytes / block : 1;
    blocks_.push_back(std::unique_ptr<std::byte[]>(new std::byte[block * count]));
    bytes_held_ += block * count;
    std::byte* memory = blocks_.back().get();
    for (u64 i = count; i-- > 0;) {
      auto* fresh = ::new (static_cast<void*>(memory + i * block)) Parcel{};
      fresh->size_class = static_cast<u8>(size_class);
      fresh->next_free = free_[size_class];
      free_[size_class] = fresh;
    }
  }
  Parcel* parcel = free_[size_class];
  free_[size_class] = parcel->next_free;
  parcel->references = 1;
  parcel->size = static_cast<u32>(bytes.size());
  parcel->body_proven = false;
  parcel->tampered = false;
  keelson::copy({parcel->data(), parcel->size}, bytes);
  ++in_use_;
  return parcel;
}

}  // namespace keelson::sim
