// Everything that can happen outside a shard or a client. One turn's worth of it is an EventBag (bag.h).
//
// Who fills these in: a driver. Each kind says what the driver promises with it.
#pragma once

#include <array>
#include <variant>

#include "keelson/wire/message.h"

namespace keelson {

// Who a message came from or goes to: a node of the cluster, or a client connection of this driver. A client addresses
// nodes only.
class Peer {
 public:
  constexpr Peer() = default;
  constexpr static Peer node(NodeId node) { return Peer(node.raw(), false); }
  constexpr static Peer client(ConnectionId connection) { return Peer(connection.raw(), true); }
  constexpr bool is_client() const { return is_client_; }
  constexpr bool is_node() const { return !is_client_; }
  constexpr NodeId node_id() const { return NodeId(static_cast<u16>(raw_)); }
  constexpr ConnectionId connection() const { return ConnectionId(raw_); }
  constexpr auto operator<=>(const Peer&) const = default;

 private:
  constexpr Peer(u64 raw, bool is_client) : raw_(raw), is_client_(is_client) {}
  u64 raw_ = 0;
  bool is_client_ = false;
};

// The first event of a shard's life, once. Entropy seeds the shard's generator and is never used for anything else.
struct Boot {
  std::array<u64, 4> entropy{};
};

// What an operator may ask for at any time.
enum class ControlVerb : u8 { transfer, drain };
struct Control {
  ControlVerb verb = ControlVerb::transfer;
  GroupId group;
  NodeId target = no_node;
};

using NodeEvent = std::variant<Boot, Control>;

// A failed read equals damage; a failed write poisons the shard. Exactly one completion per IoId.
enum class IoStatus : u8 { ok, io_error, no_space, cancelled };
enum class IoKind : u8 { write, read };
struct Completion {
  IoKind kind = IoKind::write;
  IoId id;
  IoStatus status = IoStatus::ok;  // write, ok: the bytes are durable
};

// Per node and per connection strictly alternating, told exactly once; messages of a connection come before its loss.
enum class PeerEventKind : u8 { connected, lost, client_connected, client_lost, send_dropped };
struct PeerEvent {
  PeerEventKind kind = PeerEventKind::connected;
  Peer peer;
  Life life;      // connected, lost: of the node
  u64 count = 0;  // send_dropped: messages
};

// A message that a sibling shard of this node passed on. The frame says for whom.
enum class FrameKind : u8 {
  to_group,   // from a client of the sibling, for a group of this shard
  to_client,  // from a group of the sibling, for a client connection of this shard
};
struct Frame {
  FrameKind kind = FrameKind::to_group;
  ConnectionId connection;  // of the client, on the shard that holds it
  MessageRef message;
};
enum class FrameEventKind : u8 { received, dropped };
struct FrameEvent {
  FrameEventKind kind = FrameEventKind::received;
  ShardId shard;  // the sibling
  Frame frame;    // received
  u64 count = 0;  // dropped: frames that did not fit the sibling's mailbox
};

// Passed steps 1-7 and 9-11 of validate.h; `from` is authenticated.
struct Envelope {
  Peer peer;      // from whom, or to whom
  ShardId shard;  // of the peer
  MessageRef message;
};

// An in-process client asks for something. The bytes are valid during the step.
struct ClientSubmit {
  Ticket ticket;
  GroupId group;
  Operation operation;
  Duration timeout;  // 0: the client's own
  Bytes body;
};

}  // namespace keelson
