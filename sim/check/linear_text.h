// How a history that isn't linearizable is shown to a person: the answer that can't be, and what led up to it.
//
// Who uses it: kv_calls.cc. Not here: why it can't be (linearize.h).
#pragma once

#include <string>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

struct LinearRow {
  u64 id = 0;
  u64 client = 0;
  std::string asked, answered;
  u64 called = 0, returned = 0;  // places in the order of all calls and answers
  u64 called_ns = 0, returned_ns = 0;
  bool known = true;
};

// A table, in the order of calls: the failed one, what was under way beside it, what was answered last before it, and
// calls of unknown outcome before it.
std::string linear_table(const std::vector<LinearRow>& rows, std::size_t failed);

// The beginning of a value that may be long.
std::string shortened(const std::string& value);

}  // namespace keelson::sim
