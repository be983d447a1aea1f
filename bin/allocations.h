// How often this process asked for memory. Counted by the binary's own operator new: the kernel and its drivers have
// none.
#pragma once

#include "keelson/base/types.h"

namespace keelson::bin {

u64 allocations_so_far();

}  // namespace keelson::bin
