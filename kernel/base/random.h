// The kernel's one source of randomness: an integer generator, seeded once by a shard's Boot event and forked per use.
//
// Who uses it: timers (jitter), nonces, choice of peers. Not for: anything that decides safety.
// Source: xoshiro256** 1.0 and splitmix64 (Blackman and Vigna, 2018).
#pragma once

#include <bit>

#include "keelson/base/types.h"

namespace keelson {

class Prng {
 public:
  constexpr explicit Prng(u64 seed) {
    for (auto& word : state_) word = splitmix(seed);
  }
  constexpr u64 next() {
    const u64 result = std::rotl(state_[1] * 5, 7) * 9;
    const u64 t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound); 0 for bound 0.
  constexpr u64 below(u64 bound) {
    __extension__ using u128 = unsigned __int128;
    return static_cast<u64>((static_cast<u128>(next()) * bound) >> 64);
  }
  constexpr Duration below(Duration bound) { return Duration(below(bound.ns())); }
  constexpr Prng fork() { return Prng(next()); }

 private:
  static constexpr u64 splitmix(u64& seed) {
    u64 z = (seed += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  u64 state_[4] = {};
};

}  // namespace keelson
