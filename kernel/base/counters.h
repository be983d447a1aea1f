// Counters: every drop, refusal and rare branch of a shard, saturating; marks are counters of the rare cases.
//
// Who uses it: everybody in kernel/ adds, drivers read and show them. They never decide anything.
#pragma once

#include <array>
#include <limits>

#include "keelson/base/types.h"

namespace keelson {

enum class Counter : u16 {
#define X(name, help) name,
#include "keelson/base/counters.def"
#undef X
  count
};

enum class Mark : u16 {
#define X(name, kind) name,
#include "keelson/base/marks.def"
#undef X
  count
};

enum class MarkKind : u8 { SOMETIMES, RARE, NEVER };

const char* name_of(Counter counter);
const char* help_of(Counter counter);
const char* name_of(Mark mark);
MarkKind kind_of(Mark mark);

class Counters {
 public:
  static constexpr std::size_t counter_count = static_cast<std::size_t>(Counter::count);
  static constexpr std::size_t mark_count = static_cast<std::size_t>(Mark::count);

  void add(Counter counter, u64 n = 1) { bump(counters_[static_cast<std::size_t>(counter)], n); }
  void hit(Mark mark) { bump(marks_[static_cast<std::size_t>(mark)], 1); }
  u64 operator[](Counter counter) const { return counters_[static_cast<std::size_t>(counter)]; }
  u64 operator[](Mark mark) const { return marks_[static_cast<std::size_t>(mark)]; }

 private:
  static void bump(u64& value, u64 n) {
    value = n > std::numeric_limits<u64>::max() - value ? std::numeric_limits<u64>::max() : value + n;
  }
  std::array<u64, counter_count> counters_{};
  std::array<u64, mark_count> marks_{};
};

}  // namespace keelson
