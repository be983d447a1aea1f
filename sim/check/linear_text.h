// How a history that isn't linearizable is shown to a person: the answer that can't be, and what led up to it.
//
// Who uses it: kv_calls.cc, the shrinker's story. Not here: why it can't be (linearize.h).
#pragma once

#include <string>
#include <vector>

#include "keelson/sim/violation.h"

namespace keelson::sim {

// Of all calls on one key, in their order: the failed one, what was under way beside it, what was answered last before
// it, and calls of unknown outcome before it.
std::vector<SeenCall> seen_around(const std::vector<SeenCall>& calls, std::size_t failed);

std::string linear_table(const std::vector<SeenCall>& calls);

// The newest of them as a picture: a line per client, each call from where it began to where it was answered. Long
// values are called v1, v2 …, by the line above. At most `lines_max` lines, and three at least.
std::vector<std::string> linear_timeline(const std::vector<SeenCall>& calls, std::size_t lines_max);

// The beginning of a value that may be long.
std::string shortened(const std::string& value);

}  // namespace keelson::sim
