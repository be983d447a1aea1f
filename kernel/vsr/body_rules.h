// The yes-or-no decisions about retained bodies, as pure functions on one page, so that a planted bug can shadow this
// header and nothing more (docs/mutants.md).
#pragma once

#include "keelson/wire/validate.h"

namespace keelson::body_rules {

// So little of a blob is wanted that the rest is worth writing again.
constexpr bool is_sparse(u32 bytes_wanted, u32 blob_bytes_max) { return bytes_wanted < blob_bytes_max / 4; }

// A prepare is the one that the index says.
inline bool is_asked(const Prepare& prepare, Op op, const Digest& identity) {
  return prepare.op == op && prepare.identity == identity;
}

// Bytes that are wrong this often in a row are wrong at rest.
constexpr bool is_damaged(u32 attempts) { return attempts >= 3; }

// What the only replica can't read it goes without, but not before it has given up that many checkpoints for it: it may
// be readable later, and the checkpoint before it still has it.
constexpr bool goes_without(std::size_t voters, u32 given_up) { return voters == 1 && given_up >= 3; }

// What was read from a blob has passed every check of a record of the log.
constexpr bool is_whole(Reject found) { return found == Reject::none; }

// A retained reply has a share of the bodies in it.
constexpr bool is_held_by_reply(Op) { return true; }

// A blob's number is used again: only the one that was born then is meant.
constexpr bool is_blob(Op there, Op born) { return there == born && born != Op(0); }

}  // namespace keelson::body_rules
