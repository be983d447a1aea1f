// Slabs: reference-counted blocks of four sizes, all memory taken at construction.
//
// Who uses it: messages (wire/message.h) lie in slabs; the pool belongs to a driver, one per shard, and outlives the
// shard. Counts are not atomic: a slab never leaves its shard's thread. Not here: what the bytes mean.
#pragma once

#include <array>
#include <memory>

#include "keelson/base/bytes.h"
#include "keelson/base/limits.h"

namespace keelson {

class Slabs;

// Sits outside the block, so that blocks stay aligned to their size class.
struct Slab {
  std::byte* data;
  u32 size;  // bytes of the block
  u32 references;
  Slabs* pool;
  Slab* next_free;
};

class Slabs {
 public:
  explicit Slabs(const Limits& limits);
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;
  ~Slabs();

  // The smallest free slab that holds `bytes`; null when every class that could is exhausted. The count is 1.
  Slab* acquire(u32 bytes);
  void release(Slab* slab);  // the last reference is gone
  u32 in_use() const { return in_use_; }
  // Of some class more than an eighth is in use: who keeps slabs for comfort gives them back. Thousands of groups that
  // keep a few each would otherwise make all of them resident, and each new message a cold one.
  bool scarce() const;
  // Slabs of every class that could hold `bytes` and are free: for admission.
  u32 available(u32 bytes) const;

 private:
  static constexpr u32 class_count = 4;
  // Blocks are handed out from `untouched` on first, so memory that was never needed is never resident.
  struct Class {
    u32 block_bytes = 0;
    u32 capacity = 0;
    u32 untouched = 0;
    u32 free_count = 0;
    Slab* free_list = nullptr;
    std::byte* blocks = nullptr;
    Slab* slabs = nullptr;
  };
  std::array<Class, class_count> classes_;
  u32 in_use_ = 0;
};

inline void retain(Slab* slab) { ++slab->references; }
inline void release(Slab* slab) {
  if (--slab->references == 0) slab->pool->release(slab);
}

}  // namespace keelson
