#include "keelson/io/inspect/profile.h"

#include <utility>

namespace keelson::io::inspect {
namespace {

constexpr u32 wal_segments_max = 4096;  // data.wal_mib goes to 16,384, a segment has 4 MiB

}  // namespace

std::optional<Profile> profile_of(const Digest& digest) {
  for (const auto& [name, limits] : {std::pair{"standard", Limits::standard()}, std::pair{"tiny", Limits::tiny()}}) {
    Profile profile{name, limits};
    for (u32 segments = 1; segments <= wal_segments_max; ++segments) {
      profile.limits.wal_segments = segments;
      if (profile.limits.digest() == digest && consistent(profile.limits)) return profile;
    }
  }
  return std::nullopt;
}

}  // namespace keelson::io::inspect
