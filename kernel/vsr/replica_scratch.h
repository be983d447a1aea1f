// ReplicaScratch: buffers that a replica needs within a step and never across two. One set serves a shard's replicas.
//
// Who uses it: Shard owns it, replicas refer to it.
#pragma once

#include "keelson/machine/machine.h"
#include "keelson/vsr/in_flight.h"
#include "keelson/wire/prepare.h"

namespace keelson {

// A request that waits for its prepare.
struct QueuedRequest {
  MessageRef request;
  Route route;
  bool judged = false;  // once is enough: a session's next request waits until this one is answered
};

struct ReplicaScratch {
  explicit ReplicaScratch(const Limits& limits)
      : batch(limits.batch_requests_max),
        chosen(limits.pipeline_max + 1),
        reply(limits.reply_bytes_max),
        reply_parts(limits.reply_parts_max) {
    reply.resize(reply.capacity());
  }
  Vec<QueuedRequest> batch;  // about to become one prepare
  Vec<Prepare> chosen;       // the log about to be installed, from its head downward
  Vec<std::byte> reply;      // what the machine answers
  Vec<ReplyPart> reply_parts;
};

}  // namespace keelson
