// Profile: the limits that a data file was formatted with, found by the digest that the file carries.
//
// Who uses it: inspect, which has no configuration. A log's size is the only limit that a configuration chooses, so the
// candidates are few. Not here: what limits mean (base/limits.h).
#pragma once

#include <optional>
#include <string>

#include "keelson/base/limits.h"

namespace keelson::io::inspect {

struct Profile {
  std::string name;  // "standard", "tiny"
  Limits limits;
};

// None: this release has no such limits.
std::optional<Profile> profile_of(const Digest& digest);

}  // namespace keelson::io::inspect
