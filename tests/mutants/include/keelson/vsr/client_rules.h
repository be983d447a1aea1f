// Shadow of kernel/vsr/client_rules.h (see rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/vsr/client_rules.h"

namespace keelson::mutant_client_rules {

using mutants::active;
using mutants::Id;

inline bool is_reply_to(const Reply& reply, const Request& asked) {
  return active(Id::client_accepts_old_reply) || keelson::is_reply_to(reply, asked);
}

inline bool speaks_for_all(u32 copies, Instant now, Instant first_sent, Duration ttl) {
  return active(Id::client_refusal_is_final) || keelson::speaks_for_all(copies, now, first_sent, ttl);
}

}  // namespace keelson::mutant_client_rules

#define is_reply_to mutant_client_rules::is_reply_to
#define speaks_for_all mutant_client_rules::speaks_for_all
