// History: every call a client made: when, what, and how it ended. What checkers judge a cluster by, from outside.
//
// Who uses it: ClientContext (workload/client_context.h) writes it, checkers read it. ok: done, with this reply. fail:
// certainly not done. info: unknown (timed out, or its client crashed), may have happened or may yet. Not here:
// judgement.
#pragma once

#include <optional>
#include <vector>

#include "keelson/base/status.h"
#include "keelson/wire/event.h"

namespace keelson::sim {

enum class CallEnd : u8 { open, ok, fail, info };

struct Call {
  u64 id = 0;  // place in the history
  u16 client = 0;
  GroupId group;
  Operation operation;
  std::vector<std::byte> body;
  Instant invoked;
  Instant returned;
  u64 called_at = 0;  // places in one order of all calls and ends
  u64 ended_at = 0;
  u64 floor_op = 0;  // highest op of the group that had been answered to anybody when it was invoked
  CallEnd end = CallEnd::open;
  Status status = Status::ok;
  std::optional<Status> refusal;  // not ok: what it was refused with last, if it was
  Op op;                          // ok: where it was executed
  ClientId client_id;             // as the kernel's client used it; of an answer by a replica
  SessionId session;
  RequestNo request;
  std::vector<std::byte> reply;
};

class HistoryListener {
 public:
  virtual ~HistoryListener() = default;
  virtual void on_call_ended(const Call& call) = 0;
};

class History {
 public:
  u64 invoke(u16 client, GroupId group, Operation operation, Bytes body, Instant at);
  void end(u64 call, CallEnd end, Status status, const MessageRef& answer, Instant at);
  void set_listener(HistoryListener* listener) { listener_ = listener; }

  const std::vector<Call>& calls() const { return calls_; }
  u64 count(CallEnd end) const { return counts_[static_cast<std::size_t>(end)]; }
  Op answered(GroupId group) const;  // highest op that anybody was answered for

 private:
  std::vector<Call> calls_;
  std::vector<std::pair<GroupId, Op>> answered_;
  u64 counts_[4] = {};
  u64 moments_ = 0;  // calls and ends so far
  HistoryListener* listener_ = nullptr;
};

}  // namespace keelson::sim
