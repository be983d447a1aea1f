// Mailboxes: bounded rings between the shards of one node, one per ordered pair and lane, each first in, first out.
//
// Who uses it: World posts what shards emit; frames become arrivals after a delay, and a frame that does not fit (or
// that the tape says did not) becomes a `dropped` event at its sender. A node's crash empties them. Not here: routing.
#pragma once

#include <array>
#include <vector>

#include "keelson/sim/arrival.h"
#include "keelson/sim/core.h"
#include "keelson/sim/fifo.h"
#include "keelson/sim/network.h"

namespace keelson::sim {

class Mailboxes {
 public:
  Mailboxes(Core& core, Receiver& receiver, const Population& population, u32 frames_max);

  void post(NodeId node, ShardId from, const PostShard& post, Instant at);
  void on_happening(const Happening& happening);
  // A frame left its ring: it is in a bag of its receiver.
  void taken(NodeId node, ShardId from, ShardId to, FrameKind kind);
  void clear(NodeId node);

 private:
  struct InFlight {
    Parcel* parcel = nullptr;
    ConnectionId connection;
    Instant due;
  };
  struct Ring {
    Fifo<InFlight> frames;  // not yet arrived
    u32 occupied = 0;       // with those that wait for a turn
    EventRef head;
    Instant last_due;
  };
  static constexpr std::size_t lanes = 2;  // by FrameKind: requests must not fill what replies need
  struct Pair {
    Stream stream;
    std::array<Ring, lanes> rings;
  };
  Pair& pair(NodeId node, ShardId from, ShardId to) { return pairs_[index_of(node, from, to)]; }
  u32 index_of(NodeId node, ShardId from, ShardId to) const {
    return (u32{node.raw()} * population_.shards + from.raw()) * population_.shards + to.raw();
  }
  void drop(NodeId node, ShardId from, const PostShard& post);
  void schedule_head(u32 index, u16 lane, Instant at);

  Core& core_;
  Receiver& receiver_;
  Population population_;
  u32 frames_max_;
  std::vector<Pair> pairs_;
};

}  // namespace keelson::sim
