// How often this process asked for memory. Counted by the binary's own operator new: the kernel and its drivers have
// none. With KEELSON_FILL_MEMORY=1..255 in the environment it fills what it hands out (up to 1 MiB of a block) with
// that byte, so that a run that reads memory before writing it does not come out the same twice.
#pragma once

#include "keelson/base/types.h"

namespace keelson::bin {

u64 allocations_so_far();

}  // namespace keelson::bin
