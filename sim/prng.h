// The generators behind a seeded tape: one xoshiro256** per stream, integer arithmetic for everything drawn from it.
//
// Who uses it: sim/tape only. A stream's numbers depend on the seed and the stream's name and on nothing else, so one
// draw more in one place moves no draw anywhere else. Not for: the kernel (base/random.h), or anybody who has a Tape.
// Source: xoshiro256** 1.0 and splitmix64 (Blackman and Vigna, 2018).
#pragma once

#include <array>
#include <bit>
#include <string_view>

#include "keelson/base/types.h"

namespace keelson::sim {

__extension__ using u128 = unsigned __int128;

// The high word of raw * bound: uniform enough for a simulator, one multiplication, 0 for 0. Bound 0 means 2^64.
constexpr u64 scale(u64 raw, u64 bound) {
  return bound == 0 ? raw : static_cast<u64>((static_cast<u128>(raw) * bound) >> 64);
}

class StreamPrng {
 public:
  constexpr StreamPrng() = default;
  // State: two splitmix64 outputs of each half of XXH3-128(seed as 8 little-endian bytes, then the name), low half
  // first.
  StreamPrng(u64 seed, std::string_view stream);

  constexpr u64 next() {
    const u64 result = std::rotl(state_[1] * 5, 7) * 9;
    const u64 shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<u64, 4> state_{};
};

// mean * -ln(1 - v / 2^32), rounded down; 0 for v 0, monotonic in v, at most 22.2 means. Saturates at 2^64 - 1.
u64 exponential(u32 v, u64 mean);

}  // namespace keelson::sim
