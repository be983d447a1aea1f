// Step 7 of reading hostile bytes: bytes without a meaning are zero, flags are known.
//
// Who uses it: validate.cc for what arrives, content.cc for headers inside bodies. A byte that is zero today can get a
// meaning with a later protocol only because nobody was ever let send anything else. Not here: whether fields agree.
#pragma once

#include "keelson/wire/header.h"

namespace keelson {

// Of a header whose checksum holds.
bool reserved_ok(const std::byte* header);

}  // namespace keelson
