// Expected<T>: a value, or the Status that explains why there is none.
#pragma once

#include <tl/expected.hpp>

#include "keelson/base/status.h"

namespace keelson {

template <class T>
using Expected = tl::expected<T, Status>;
using Unexpected = tl::unexpected<Status>;

}  // namespace keelson
