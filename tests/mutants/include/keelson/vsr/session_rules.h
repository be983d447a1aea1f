// Shadow of kernel/vsr/session_rules.h (see rules.h beside it).
#pragma once

#include "keelson/mutants/active.h"

#include "keelson_right/vsr/session_rules.h"

namespace keelson::mutant_session_rules {

using mutants::active;
using mutants::Id;

inline SessionVerdict judge_request(const SessionFacts* entry, const RequestFrame& frame) {
  SessionFacts facts = entry ? *entry : SessionFacts{};
  if (entry && active(Id::session_any_session)) facts.session = frame.session;
  const SessionVerdict verdict = keelson::judge_request(entry ? &facts : nullptr, frame);
  if (active(Id::session_no_dedupe) && verdict == SessionVerdict::resend) return SessionVerdict::execute;
  if (active(Id::session_last_reply_only) && verdict == SessionVerdict::already_done && entry->executed != RequestNo(0))
    return SessionVerdict::resend;
  return verdict;
}

inline bool is_idle(Timestamp now, Timestamp last_used, Duration ttl) {
  return active(Id::session_evicts_active) || keelson::is_idle(now, last_used, ttl);
}

inline bool is_saved_in(u32 section, u32 section_of_client) {
  return !active(Id::sync_loses_sessions) && keelson::is_saved_in(section, section_of_client);
}

}  // namespace keelson::mutant_session_rules

#define judge_request mutant_session_rules::judge_request
#define is_idle mutant_session_rules::is_idle
#define is_saved_in mutant_session_rules::is_saved_in
