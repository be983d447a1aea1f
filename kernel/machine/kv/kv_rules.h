// The yes-or-no decisions of the kv machine, as pure functions on one page, so that a planted bug can shadow this
// header and nothing more (docs/mutants.md).
#pragma once

#include <optional>

#include "keelson/base/bytes.h"
#include "keelson/base/checksum.h"

namespace keelson::kv_rules {

// A cas writes over exactly the value that it names; without one, where there is nothing.
inline bool is_as_expected(std::optional<Bytes> held, std::optional<Bytes> expected) {
  return held.has_value() == expected.has_value() && (!held || equal(*held, *expected));
}

// Of a value that isn't at hand: its size and 128 bits of it.
inline bool is_as_expected(u32 size, const Digest& digest, Bytes expected) {
  return size == expected.size() && digest == digest_of(expected);
}

// Only what is there can be deleted.
constexpr bool is_deleted(bool was_held) { return was_held; }

}  // namespace keelson::kv_rules
