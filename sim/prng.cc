#include "keelson/sim/prng.h"

#include <limits>
#include <string>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

u64 splitmix(u64& state) {
  u64 z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// log2(1 + i / 256) in 1/65536, by squaring: each square of a mantissa in [1, 2) yields the next bit of its logarithm.
// Computed by the compiler from integers, so that no libm and no typed-in table can differ between two builds.
constexpr u32 log2_of_mantissa(u32 i) {
  u64 mantissa = (u64{256} + i) << 24;  // 32 fraction bits
  u32 log = 0;
  for (int bit = 0; bit < 17; ++bit) {
    mantissa = static_cast<u64>((static_cast<u128>(mantissa) * mantissa) >> 32);
    log <<= 1;
    if (mantissa >= (u64{2} << 32)) {
      mantissa >>= 1;
      log |= 1;
    }
  }
  return (log + 1) >> 1;
}

constexpr std::array<u32, 257> log2_table = [] {
  std::array<u32, 257> table{};
  for (u32 i = 0; i < 256; ++i) table[i] = log2_of_mantissa(i);
  table[256] = 65536;
  return table;
}();

constexpr u64 ln2_65536ths = 45426;

// log2(w) in 1/65536 for w in [1, 2^32], interpolated between the table's entries.
u64 log2_65536ths(u64 w) {
  const auto exponent = static_cast<unsigned>(63 - std::countl_zero(w));
  const u64 fraction = (w << (63 - exponent)) & ~(u64{1} << 63);  // 63 bits below the leading one
  const auto index = static_cast<std::size_t>(fraction >> 55);
  const u64 between = (fraction >> 39) & 0xffff;
  const u64 step = log2_table[index + 1] - log2_table[index];
  return (u64{exponent} << 16) + log2_table[index] + ((step * between) >> 16);
}

}  // namespace

StreamPrng::StreamPrng(u64 seed, std::string_view stream) {
  std::string input(sizeof seed, '\0');
  std::memcpy(input.data(), &seed, sizeof seed);
  input += stream;
  const Digest digest = digest_of(std::as_bytes(std::span(input)));
  u64 half = digest.lo;
  state_[0] = splitmix(half);
  state_[1] = splitmix(half);
  half = digest.hi;
  state_[2] = splitmix(half);
  state_[3] = splitmix(half);
}

u64 exponential(u32 v, u64 mean) {
  if (v == 0) return 0;
  const u64 w = (u64{1} << 32) - v;
  const u64 halvings = (u64{32} << 16) - log2_65536ths(w);
  const u64 factor = halvings * ln2_65536ths;  // -ln(1 - v / 2^32) in 2^-32
  const u128 result = (static_cast<u128>(mean) * factor) >> 32;
  constexpr u64 most = std::numeric_limits<u64>::max();
  return result > most ? most : static_cast<u64>(result);
}

}  // namespace keelson::sim
