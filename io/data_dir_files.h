// Names and small helpers that opening and formatting a data directory share.
#pragma once

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

}  // namespace keelson::io
