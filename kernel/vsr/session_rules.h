// What to do with a request, by its number: the table of docs/protocol.md (sessions) as pure functions.
//
// Who uses it: Sessions::judge, the same before consensus and in apply; tests. Window 1: a session has at most one
// request in flight, so the entry keeps exactly the newest reply. Not here: what is in flight (the replica's pipeline).
#pragma once

#include "keelson/base/status.h"
#include "keelson/wire/header.h"

namespace keelson {

enum class SessionVerdict : u8 {
  execute,     // the next one (or a new register)
  resend,      // executed: the retained reply is the answer
  registered,  // register of a live client: its session is the answer, nothing changes
  unknown_session,
  fenced_session,  // another session of this client is the live one
  already_done,    // executed, and its reply was acknowledged
  mismatch,        // another request was executed under this number
  out_of_order,
  full,  // register: every entry is used and none is idle
};

// A live entry, as far as verdicts need it.
struct SessionFacts {
  SessionId session;
  RequestNo executed;       // 0: none yet
  Digest request_checksum;  // of `executed`
  Operation operation;      // of `executed`
};

// `entry` is null for a client without one.
constexpr SessionVerdict judge_request(const SessionFacts* entry, const RequestFrame& frame) {
  if (!entry) return SessionVerdict::unknown_session;
  if (frame.session != entry->session) return SessionVerdict::fenced_session;
  if (frame.request < entry->executed || frame.request == RequestNo(0)) return SessionVerdict::already_done;
  if (frame.request == entry->executed) {
    const bool same = frame.body_checksum == entry->request_checksum && frame.operation == entry->operation;
    return same ? SessionVerdict::resend : SessionVerdict::mismatch;
  }
  // Numbers between were refused, and their client has given them up: from here on they can't be executed any more.
  const bool next = frame.ack_floor < frame.request && frame.ack_floor <= entry->executed;
  return next ? SessionVerdict::execute : SessionVerdict::out_of_order;
}

// `has_room`: an entry is free or idle for longer than the session's time to live.
constexpr SessionVerdict judge_register(const SessionFacts* entry, const RequestFrame& frame, bool has_room) {
  if (frame.session != SessionId(0) || frame.request != RequestNo(0)) return SessionVerdict::out_of_order;
  if (entry) return SessionVerdict::registered;
  return has_room ? SessionVerdict::execute : SessionVerdict::full;
}

// A session makes room for another only when it was not used for longer than its time to live.
constexpr bool is_idle(Timestamp now, Timestamp last_used, Duration ttl) { return now.since(last_used) > ttl; }

// A checkpoint holds every session, in the section of its client.
constexpr bool is_saved_in(u32 section, u32 section_of_client) { return section == section_of_client; }

// What a client is told for a verdict that is answered without executing and without a retained reply.
constexpr Status status_of(SessionVerdict verdict) {
  switch (verdict) {
    case SessionVerdict::execute:
    case SessionVerdict::resend:
    case SessionVerdict::registered:
      return Status::ok;
    case SessionVerdict::unknown_session:
      return Status::session_unknown;
    case SessionVerdict::fenced_session:
      return Status::session_fenced;
    case SessionVerdict::already_done:
      return Status::already_done;
    case SessionVerdict::mismatch:
      return Status::session_mismatch;
    case SessionVerdict::out_of_order:
      return Status::out_of_order;
    case SessionVerdict::full:
      return Status::sessions_full;
  }
  return Status::bad_request;
}

}  // namespace keelson
