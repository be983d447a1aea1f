// Spans of bytes, and loads and stores of little-endian values at any offset.
//
// Who uses it: wire/, store/, machines. Slices of a network buffer lie at any address, so nothing is ever read through
// a cast pointer. Not here: encoding of variable-length values (there are none in the kernel's formats).
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "keelson/base/types.h"

namespace keelson {

static_assert(std::endian::native == std::endian::little, "formats are little endian and stored as they lie in memory");

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

template <class T>
  requires std::is_trivially_copyable_v<T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
  requires std::is_trivially_copyable_v<T>
void store(std::byte* to, const T& value) {
  std::memcpy(to, &value, sizeof value);
}

template <class T>
  requires std::is_trivially_copyable_v<T>
Bytes bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

inline bool equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || !std::memcmp(a.data(), b.data(), a.size()));
}
// The first byte is, and each is the same as the one before it: what memcmp sees many at a time.
inline bool all_zero(Bytes bytes) {
  return bytes.empty() || (bytes[0] == std::byte{0} && !std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1));
}
inline void copy(MutableBytes to, Bytes from) {
  check(from.size() <= to.size());
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
}

// Starts loading bytes that will be read soon, at most 2 KiB of them. Nothing but time depends on it.
inline void prefetch(Bytes bytes) {
  constexpr std::size_t line = 64, most = 2048;
  const std::size_t end = bytes.size() < most ? bytes.size() : most;
  for (std::size_t at = 0; at < end; at += line) __builtin_prefetch(bytes.data() + at);
}

template <class Rep>
constexpr Rep round_up(Rep value, Rep multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace keelson
