// The yes-or-no decisions of the kv machine, as pure functions on one page, so that a planted bug can shadow this
// header and nothing more (docs/mutants.md).
#pragma once

#include <optional>

#include "keelson/base/bytes.h"

namespace keelson::kv_rules {

// A cas writes over exactly the value that it names; without one, where there is nothing.
inline bool is_as_expected(std::optional<Bytes> held, std::optional<Bytes> expected) {
  return held.has_value() == expected.has_value() && (!held || equal(*held, *expected));
}

// Only what is there can be deleted.
constexpr bool is_deleted(bool was_held) { return was_held; }

}  // namespace keelson::kv_rules
