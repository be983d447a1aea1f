// Time spans as they are typed on a command line.
#pragma once

#include <optional>
#include <string>

#include "keelson/base/types.h"

namespace keelson::bin {

std::optional<Duration> parse_duration(const std::string& text);  // 500ms, 5s, 10m, 8h; at most 1000 days

}  // namespace keelson::bin
