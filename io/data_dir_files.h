// Names and small helpers that opening and formatting a data directory share.
#pragma once

#include <optional>
#include <string>

#include "keelson/base/types.h"

namespace keelson::io {

inline constexpr const char* lock_name = "LOCK";
inline constexpr const char* identity_name = "identity.textproto";
inline constexpr const char* shard_file_name = "shard-000.log";

inline std::string hex_of(Digest digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const u64 word : {digest.hi, digest.lo})
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[word >> shift & 15];
  return text;
}

inline std::optional<Digest> digest_of_hex(const std::string& text) {
  if (text.size() != 32) return std::nullopt;
  u64 words[2] = {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) return std::nullopt;
    words[i / 16] = words[i / 16] << 4 | static_cast<u64>(decimal ? c - '0' : c - 'a' + 10);
  }
  return Digest{words[1], words[0]};
}

}  // namespace keelson::io
