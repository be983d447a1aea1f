// Shadow of kernel/vsr/body_rules.h (see rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/vsr/body_rules.h"

namespace keelson::mutant_body_rules {

using mutants::active;
using mutants::Id;

inline bool is_whole(Reject found) { return active(Id::body_unproven) || body_rules::is_whole(found); }

inline bool is_held_by_reply(Op op) { return !active(Id::body_reply_lets_go) && body_rules::is_held_by_reply(op); }

inline bool is_blob(Op there, Op born) {
  return active(Id::body_former_blob) ? there != Op(0) && born != Op(0) : body_rules::is_blob(there, born);
}

inline bool is_damaged(u32 attempts) {
  return active(Id::body_lost_at_once) ? attempts >= 1 : body_rules::is_damaged(attempts);
}

inline bool goes_without(std::size_t voters, u32 given_up) {
  return active(Id::body_lost_at_once) ? voters == 1 : body_rules::goes_without(voters, given_up);
}

using body_rules::is_asked;
using body_rules::is_sparse;

}  // namespace keelson::mutant_body_rules

#define body_rules mutant_body_rules
