// Shadow of kernel/machine/kv/kv_rules.h (see vsr/rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/machine/kv/kv_rules.h"

namespace keelson::mutant_kv_rules {

using mutants::active;
using mutants::Id;

inline bool is_as_expected(std::optional<Bytes> held, std::optional<Bytes> expected) {
  if (active(Id::kv_cas_by_presence)) return held.has_value() == expected.has_value();
  return kv_rules::is_as_expected(held, expected);
}

inline bool is_as_expected(u32 size, const Digest& digest, Bytes expected) {
  return active(Id::kv_cas_by_presence) || kv_rules::is_as_expected(size, digest, expected);
}

inline bool is_deleted(bool was_held) { return active(Id::kv_delete_always_ok) || kv_rules::is_deleted(was_held); }

}  // namespace keelson::mutant_kv_rules

#define kv_rules mutant_kv_rules
