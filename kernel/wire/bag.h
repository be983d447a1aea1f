// EventBag and EffectBag: all that goes into one step of a shard or a client, and all that comes out of it.
//
// Who fills an EventBag: a driver. Who reads it: step(), once, in the order of the members below; within a member, in
// order of arrival. An interleaving that matters is two bags. Bags belong to the driver and are reused: clear() keeps
// capacity and drops references, so a steady state allocates nothing.
#pragma once

#include <optional>

#include "keelson/base/vec.h"
#include "keelson/wire/effect.h"

namespace keelson {

struct EventBag {
  Instant now;                   // monotonic; never decreases between two bags of a shard
  std::optional<WallTime> wall;  // may jump; only vsr/clock looks at it
  Vec<NodeEvent> node;
  Vec<Completion> completions;
  Vec<PeerEvent> peers;
  Vec<FrameEvent> frames;
  Vec<Envelope> messages;
  Vec<ClientSubmit> submissions;  // clients only

  explicit EventBag(const Limits& limits);
  void clear();
  bool empty() const;
};

// What one replica may say in one step, at most: the answers to all it has in flight, and its pipeline to everybody,
// resent and new.
constexpr std::size_t sends_per_replica(const Limits& limits) {
  return std::size_t{limits.sessions_max} + limits.request_queue_max +
         std::size_t{2} * limits.pipeline_max * limits.replicas_max + 64;
}

struct EffectBag {
  Vec<Envelope> sends;       // to nodes and client connections
  Vec<SubmitReply> replies;  // clients only
  Vec<Write> writes;
  Vec<Read> reads;
  Vec<PostShard> posts;
  Vec<Notify> notifications;
  Vec<CloseConnection> closes;

  explicit EffectBag(const Limits& limits);
  void clear();
  bool empty() const;
};

}  // namespace keelson
