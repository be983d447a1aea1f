// Arrival: something that happened to one shard or client and waits for its next turn.
//
// Who uses it: network, disks, mailboxes and World put arrivals into a unit's queue in the order they happen; a turn
// makes them a bag (turn.h). A unit is what is stepped: one shard of a node, or one client. Not here: when the turn is.
#pragma once

#include "keelson/sim/parcel.h"
#include "keelson/wire/bag.h"

namespace keelson::sim {

using UnitId = Id<struct UnitIdTag, u32>;  // nodes' shards in order, then clients
using HostId = Id<struct HostIdTag, u16>;  // nodes in order, then clients: what lives and dies as a whole

enum class ArrivalKind : u8 { boot, control, completion, peer, frame, frame_dropped, message, submission };

struct Arrival {
  ArrivalKind kind = ArrivalKind::message;
  u8 what = 0;      // the kind's own enum
  ShardId shard{};  // message: the sender's; frame: the sibling
  u32 source = 0;   // message, peer: the connection it came by, so that a loss does not overtake what came before
  Peer peer{};      // message, peer
  u64 value = 0;    // completion: id; peer: life or count; frame: connection; submission: index of its details
  Parcel* parcel = nullptr;  // message, frame, submission: one reference, owned
};

// Life as one number, and back.
constexpr u64 packed(Life life) { return u64{life.generation.raw()} << 32 | life.incarnation.raw(); }
constexpr Life life_of(u64 value) {
  return {Generation(static_cast<u32>(value >> 32)), Incarnation(static_cast<u32>(value))};
}

// Where arrivals go. World implements it; tests of a model bring their own.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void arrive(UnitId unit, const Arrival& arrival) = 0;
  virtual bool has_room(UnitId unit, u32 bytes) const = 0;  // false: it takes no turns and its buffer is full
};

}  // namespace keelson::sim
