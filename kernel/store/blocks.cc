#include "keelson/store/blocks.h"

#include <algorithm>

namespace keelson {

Blocks::Blocks(u32 count) : count_(count), free_(count), words_((std::size_t{count} + 63) / 64) {
  words_.resize(words_.capacity());
}

BlockRun Blocks::allocate(u32 wanted, u32 at_least) {
  check(at_least > 0 && at_least <= wanted);
  if (free_ < at_least) return {};
  while (lowest_ < count_ && taken(lowest_)) lowest_ += words_[lowest_ / 64] == ~u64{0} ? 64 - lowest_ % 64 : 1;
  for (u32 at = lowest_; at < count_;) {
    if (at % 64 == 0 && words_[at / 64] == ~u64{0}) {  // sixty-four taken ones at once
      at += 64;
      continue;
    }
    u32 length = 0;
    while (length < wanted && at + length < count_ && !taken(at + length)) ++length;
    if (length < at_least) {
      at += length + 1;
      continue;
    }
    const BlockRun run{at, length};
    set(run);
    free_ -= length;
    return run;
  }
  return {};
}

BlockRun Blocks::allocate_last() {
  for (u32 block = count_; block > 0; --block) {
    if (taken(block - 1)) continue;
    const BlockRun run{block - 1, 1};
    set(run);
    --free_;
    return run;
  }
  return {};
}

void Blocks::free(const BlockRun& run) {
  check(run.first <= count_ && run.count <= count_ - run.first);
  for (u32 block = run.first; block < run.first + run.count; ++block) {
    check(taken(block));
    words_[block / 64] &= ~(u64{1} << (block % 64));
  }
  free_ += run.count;
  lowest_ = std::min(lowest_, run.first);
}

bool Blocks::take(const BlockRun& run) {
  if (run.first > count_ || run.count > count_ - run.first) return false;
  for (u32 block = run.first; block < run.first + run.count; ++block)
    if (taken(block)) return false;
  set(run);
  free_ -= run.count;
  return true;
}

void Blocks::take_rest() {
  std::fill(words_.begin(), words_.end(), ~u64{0});
  free_ = 0;
}

void Blocks::set(const BlockRun& run) {
  for (u32 block = run.first; block < run.first + run.count; ++block) words_[block / 64] |= u64{1} << (block % 64);
}

}  // namespace keelson
