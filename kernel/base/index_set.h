// IndexSet: a set of small numbers that is walked in order: three levels of bits, each one summing up 64 below.
//
// Who uses it: a shard, for which of its thousands of replicas have something to do. All memory at construction;
// insert, erase and contains are O(1), a walk is O(members), however large the range is.
#pragma once

#include <bit>

#include "keelson/base/types.h"
#include "keelson/base/vec.h"

namespace keelson {

class IndexSet {
 public:
  static constexpr u32 capacity_max = 64 * 64 * 64;

  explicit IndexSet(u32 capacity) : words_((capacity + 63) / 64), sums_((capacity + 4095) / 4096) {
    check(capacity <= capacity_max);
    words_.resize(words_.capacity());
    sums_.resize(sums_.capacity());
  }

  bool contains(u32 i) const { return words_[i / 64] >> (i % 64) & 1; }
  void insert(u32 i) {
    words_[i / 64] |= bit(i);
    sums_[i / 4096] |= bit(i / 64);
    top_ |= bit(i / 4096);
  }
  void erase(u32 i) {
    if ((words_[i / 64] &= ~bit(i)) != 0) return;
    if ((sums_[i / 4096] &= ~bit(i / 64)) != 0) return;
    top_ &= ~bit(i / 4096);
  }
  void put(u32 i, bool member) { member ? insert(i) : erase(i); }
  bool empty() const { return top_ == 0; }

  // The first member that is not below; `none`: there isn't any.
  static constexpr u32 none = capacity_max;
  u32 next(u32 from) const {
    const u32 word = from / 64;
    if (word >= words_.size()) return none;
    if (const u64 bits = from_on(words_[word], from % 64)) return word * 64 + low(bits);
    if (const u64 sum = after(sums_[word / 64], word % 64)) return lowest_of(word / 64 * 64 + low(sum));
    const u64 top = after(top_, word / 64);
    return top ? lowest_of(low(top) * 64 + low(sums_[low(top)])) : none;
  }

  // `visit(index)` may insert and erase; what it inserts in front of the walk is visited too.
  template <class Visit>
  void for_each(Visit visit) const {
    for (u32 i = next(0); i != none; i = next(i + 1)) visit(i);
  }

  // All members once, from `first` on and then from the begin, as long as `visit(index)` is true. Returns where it
  // wasn't; else 0.
  template <class Visit>
  u32 walk_from(u32 first, Visit visit) const {
    for (u32 i = next(first); i != none; i = next(i + 1))
      if (!visit(i)) return i;
    for (u32 i = next(0); i < first; i = next(i + 1))
      if (!visit(i)) return i;
    return 0;
  }

 private:
  static constexpr u64 bit(u32 i) { return u64{1} << (i % 64); }
  static constexpr u32 low(u64 bits) { return static_cast<u32>(std::countr_zero(bits)); }
  static constexpr u64 from_on(u64 bits, u32 i) { return bits & (~u64{0} << i); }
  u32 lowest_of(u32 word) const { return word * 64 + low(words_[word]); }
  static constexpr u64 after(u64 bits, u32 i) { return i == 63 ? 0 : bits & (~u64{0} << (i + 1)); }

  Vec<u64> words_;
  Vec<u64> sums_;  // a bit per word that isn't 0
  u64 top_ = 0;    // a bit per sum that isn't 0
};

}  // namespace keelson
