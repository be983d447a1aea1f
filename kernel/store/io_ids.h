// IoIds: names for the Reads and Writes of one shard.
//
// Who uses it: recovery and the WAL draw from the same one, so that a completion belongs to exactly one of them.
#pragma once

#include "keelson/base/types.h"

namespace keelson {

class IoIds {
 public:
  IoId next() { return IoId(++last_); }

 private:
  u64 last_ = 0;
};

}  // namespace keelson
