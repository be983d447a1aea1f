// The machine's clocks and its entropy, in the kernel's types. Only drivers read them.
#pragma once

#include <array>
#include <sys/random.h>
#include <time.h>

#include "keelson/base/types.h"

namespace keelson::io {

inline u64 read_clock(clockid_t clock) {
  timespec time{};
  check(::clock_gettime(clock, &time) == 0);
  return static_cast<u64>(time.tv_sec) * 1'000'000'000 + static_cast<u64>(time.tv_nsec);
}
// Counts on while the machine sleeps: time-outs must not stop with it.
inline Instant monotonic_now() { return Instant(read_clock(CLOCK_BOOTTIME)); }
inline WallTime wall_now() { return WallTime(read_clock(CLOCK_REALTIME)); }

inline std::array<u64, 4> read_entropy() {
  std::array<u64, 4> words{};
  check(::getrandom(words.data(), sizeof words, 0) == static_cast<ssize_t>(sizeof words));
  return words;
}

}  // namespace keelson::io
