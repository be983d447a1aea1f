// The one registry of statuses: what a request can be answered with, what that says about its outcome, what to do.
//
// Who uses it: replicas, clients, every frontend (each maps from it, none adds its own). 0x00-0x3f belong to the
// protocol, 0x40-0x5f to the gateway, 0x60 and above to machines.
#pragma once

#include "keelson/base/types.h"

namespace keelson {

enum class Outcome : u8 { executed, not_executed, unknown };

//  name, number, outcome, meaning, advice to the client
#define KEELSON_STATUSES(X)                                                                                           \
  X(ok, 0, executed, "done", "")                                                                                      \
  X(not_primary, 1, not_executed, "this replica is not the primary of the group", "follow the hint")                  \
  X(busy, 2, not_executed, "the group's request queue is full", "retry with a pause")                                 \
  X(group_unknown, 3, not_executed, "no such group on this cluster", "check the group's id")                          \
  X(group_gone, 4, not_executed, "the group was deleted", "stop using it")                                            \
  X(session_unknown, 5, not_executed, "no such session; earlier requests of it may have executed", "register anew")   \
  X(session_fenced, 6, not_executed, "the client registered a newer session", "use the newer session")                \
  X(out_of_order, 7, not_executed, "the request number is not the next one", "send the missing requests first")       \
  X(already_done, 8, executed, "executed before, its reply was acknowledged and dropped", "none: a late duplicate")   \
  X(sessions_full, 9, not_executed, "the session table is full and nobody is idle", "retry later")                    \
  X(too_large, 10, not_executed, "the request does not fit a message", "send less at once")                           \
  X(bad_request, 11, not_executed, "the request is malformed", "fix the client")                                      \
  X(storage_full, 12, not_executed, "no room for more state, or in the log", "delete something, or free space")       \
  X(clock_unsynchronized, 13, not_executed, "the cluster has no agreed time", "check the nodes' clocks")              \
  X(release_too_low, 14, not_executed, "the client speaks an older release", "upgrade the client")                    \
  X(release_too_high, 15, not_executed, "the client speaks a newer release", "upgrade the cluster first")             \
  X(fenced, 16, not_executed, "the group is fenced on this replica", "ask another replica; see inspect")              \
  X(stuck, 17, not_executed, "the group waits for a damaged or missing op", "see inspect for the op and its holders") \
  X(body_lost, 18, executed, "executed, but the bytes of the answer are lost", "see inspect")                         \
  X(deadline_passed, 19, unknown, "no answer before the deadline", "read back, or retry with an idempotent request")  \
  X(shutting_down, 20, not_executed, "the node is shutting down", "use another node")                                 \
  X(epoch_closed, 21, not_executed, "the group moved to a newer configuration", "retry")                              \
  X(wrong_cluster, 22, not_executed, "another cluster's message", "check the addresses")                              \
  X(limits_mismatch, 23, not_executed, "the peer runs with other limits", "use one profile everywhere")               \
  X(session_mismatch, 24, unknown, "another request was executed under this number", "a bug in the client")           \
  X(cancelled, 25, unknown, "the client went away", "")                                                               \
  /* machines */                                                                                                      \
  X(not_found, 0x60, executed, "no such key", "")                                                                     \
  X(not_swapped, 0x61, executed, "the value held is not the one expected", "read it, then decide")                    \
  X(machine_full, 0x62, not_executed, "the machine's limit is reached", "delete something")                           \
  X(corrupt_snapshot, 0x63, not_executed, "the snapshot's bytes are not a state of this machine", "")

enum class Status : u16 {
#define X(name, number, outcome, meaning, advice) name = number,
  KEELSON_STATUSES(X)
#undef X
};

struct StatusInfo {
  const char* name;  // shown to users in capitals
  Outcome outcome;
  const char* meaning;
  const char* advice;
};

// Total: a number that this release doesn't know is an unknown outcome.
constexpr StatusInfo info(Status status) {
  switch (status) {
#define X(name, number, outcome, meaning, advice) \
  case Status::name:                              \
    return {#name, Outcome::outcome, meaning, advice};
    KEELSON_STATUSES(X)
#undef X
  }
  return {"unrecognized", Outcome::unknown, "a status of a newer release", "upgrade the client"};
}

}  // namespace keelson
