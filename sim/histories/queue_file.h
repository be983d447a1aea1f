// Histories of queues as files. Times (`at`, `until`, `visible`) are the queue's own, replicated and in order.
//
//   enqueue  key, value: the body        ends with seq, at, visible (delayed until; may be missing)
//   dequeue                              ends with value: the body or nil, and key, seq, token, at, until
//   ack, nack, release, extend: seq, token (nack: dead true, visible)   end with at; extend: until
//            refused because the lease was lost or over: type fail with at and refused true
//   drain                                ends with value: [[seqs still there] [seqs dead]], at
//
// Who uses it: bin. Not here: the lines (lines.h), the judgement (queue_calls.h).
#pragma once

#include "keelson/sim/check/queue_calls.h"
#include "keelson/sim/histories/lines.h"

namespace keelson::sim {

std::vector<WrittenCall> written(const std::vector<QueueCall>& calls);
tl::expected<std::vector<QueueCall>, BadLine> queue_calls(const std::vector<WrittenCall>& calls);

}  // namespace keelson::sim
