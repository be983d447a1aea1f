// Blocks: which 4 KiB blocks of the checkpoint zone hold something that a checkpoint needs.
//
// Who uses it: the checkpoint zone allocates and frees; recovery marks what live checkpoints reach. A bit per block,
// all memory taken at construction. Not here: what blocks hold, and when it is safe to free them.
#pragma once

#include "keelson/base/types.h"
#include "keelson/base/vec.h"

namespace keelson {

// Blocks [first, first + count).
struct BlockRun {
  u32 first = 0;
  u32 count = 0;
  constexpr bool empty() const { return count == 0; }
  constexpr auto operator<=>(const BlockRun&) const = default;
};

class Blocks {
 public:
  explicit Blocks(u32 count);

  // At most `wanted` free blocks in a row, and at least `at_least` of them, the first there are; empty: there are none.
  // Low blocks first: a zone takes as much of the disk as its checkpoints ever needed at once.
  BlockRun allocate(u32 wanted, u32 at_least = 1);
  BlockRun allocate_last();        // the highest free block; empty: there is none
  void free(const BlockRun& run);  // allocated as a whole
  // False, and nothing changes: out of the zone, or a part of it is taken.
  bool take(const BlockRun& run);
  // All that is free, for good: what is there is not known.
  void take_rest();

  u32 count() const { return count_; }
  u32 free_count() const { return free_; }
  bool taken(u32 block) const { return (words_[block / 64] >> (block % 64) & 1) != 0; }

 private:
  void set(const BlockRun& run);

  u32 count_;
  u32 free_;
  u32 lowest_ = 0;  // no block below is free
  Vec<u64> words_;
};

}  // namespace keelson
