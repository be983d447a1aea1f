// What a client does about a refusal: one row per status. Pure.
//
// Who uses it: Client. A refusal is a reply with op 0: that copy of the request was not executed. Other copies of it
// may still be under way, so only a few refusals say anything about the request. Not here: timers, sessions, sending.
#pragma once

#include "keelson/base/status.h"
#include "keelson/wire/header.h"

namespace keelson {

enum class OnRefusal : u8 {
  follow_hint,       // another replica is the primary
  wait,              // ask again after a pause, elsewhere: a backup's hint leads back to a primary that is one
  end,               // every replica refuses every copy alike, for ever: not executed
  end_if_only_copy,  // lasting, but only this copy's fate is known
  session_over,      // the session is gone for good: nothing sent under it will execute any more
  end_unknown,       // the number was used, and not by us as far as we know
};

constexpr OnRefusal on_refusal(Status status) {
  switch (status) {
    case Status::not_primary:
      return OnRefusal::follow_hint;
    case Status::busy:
    case Status::sessions_full:
    case Status::clock_unsynchronized:
    case Status::out_of_order:
    case Status::fenced:
    case Status::stuck:
    case Status::shutting_down:
    case Status::epoch_closed:
    case Status::ok:  // with op 0 these are no answers at all
    case Status::body_lost:
    case Status::deadline_passed:
    case Status::cancelled:
    case Status::not_found:
    case Status::not_swapped:
    case Status::machine_full:
    case Status::corrupt_snapshot:
      return OnRefusal::wait;
    case Status::bad_request:
    case Status::too_large:
      return OnRefusal::end;
    case Status::storage_full:
    case Status::group_unknown:
    case Status::group_gone:
    case Status::release_too_low:
    case Status::release_too_high:
    case Status::wrong_cluster:
    case Status::limits_mismatch:
      return OnRefusal::end_if_only_copy;
    case Status::session_unknown:
    case Status::session_fenced:
      return OnRefusal::session_over;
    case Status::already_done:
    case Status::session_mismatch:
      return OnRefusal::end_unknown;
  }
  return OnRefusal::wait;  // a status of a newer release
}

// A reply is for the request that it names, by number and content: others are of the past.
constexpr bool is_reply_to(const Reply& reply, const Request& asked) {
  return reply.request == asked.request && reply.request_checksum == asked.checksum_body;
}

// Whether a refusal speaks of all that was ever sent. A network may double a copy on its way; the doubles stay close
// together, so a refusal that comes this soon can't be of the second one after the first one's session was evicted.
constexpr bool speaks_for_all(u32 copies, Instant now, Instant first_sent, Duration ttl) {
  return copies == 1 && now < first_sent + ttl / 2;
}

// Only a primary in status normal says these: its view may be believed, and an old view makes them worthless.
constexpr bool is_primarys(Status status) {
  const OnRefusal what = on_refusal(status);
  return what == OnRefusal::session_over || what == OnRefusal::end_unknown || status == Status::busy ||
         status == Status::sessions_full || status == Status::clock_unsynchronized || status == Status::out_of_order;
}

}  // namespace keelson
