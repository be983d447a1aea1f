// Handshake: one connection's way from "somebody" to "node 2 of this cluster", both sides, without any I/O.
//
// Who uses it: Connection. Replica plane: hello, welcome, confirm, ready; the dialer is connected only at `ready`, so
// an acceptor that refuses leaves nobody with a dead connection. Client plane: hello, welcome, ready (with the address
// book). A stranger costs 512 bytes of memory and gets no byte back unless its hello was well formed. Not here: whether
// a second connection of the same peer replaces the first (bus.h answers judging()), time limits (connection.h).
#pragma once

#include <vector>

#include "keelson/io/link.h"

namespace keelson::io {

// What this process says of itself. A client leaves all but boot_id at zero.
struct LinkSelf {
  ClusterId cluster;
  NodeId node;
  Life life;
  u16 shard_count = 1;
  Digest limits;
  u64 boot_id = 0;
  std::vector<NodeId> members;  // of the cluster
  AddressBook book;             // what clients are told
};

// What the other end said of itself, and was checked.
struct LinkPeer {
  ClusterId cluster;
  NodeId node = no_node;  // no_node: a client
  Life life;
  u64 boot_id = 0;
  u64 dial_seq = 0;
  u16 node_count = 0;
  AddressBook book;  // to a client
};

class Handshake {
 public:
  using Output = std::vector<std::byte>;
  enum class State : u8 {
    waiting,  // for wants() more bytes
    judging,  // acceptor: the peer is who it says; admit() or refuse()
    done,
    refused,  // by us (the reject is in the output) or by the peer; close after a flush
    failed,   // close without a word
  };

  // `self` outlives the handshake. expected: whom the dialer means to reach; no_node where a client finds out.
  static Handshake dial(Plane plane, const LinkSelf& self, NodeId expected, u64 dial_seq, Output& out);
  static Handshake accept(Plane plane, const LinkSelf& self);

  u32 wants() const { return state_ == State::waiting ? link_size - have_ : 0; }
  void feed(std::span<const std::byte> bytes, Output& out);  // at most wants()
  void admit(Output& out);
  void refuse(RejectCode code, Output& out);

  State state() const { return state_; }
  bool is_dialer() const { return dialer_; }
  Plane plane() const { return plane_; }
  const LinkPeer& peer() const { return peer_; }
  RejectCode reject() const { return reject_; }  // refused: why
  bool refused_by_peer() const { return refused_by_peer_; }

 private:
  Handshake(Plane plane, const LinkSelf& self, bool dialer) : self_(&self), plane_(plane), dialer_(dialer) {}

  void on_unit(Output& out);
  void on_hello(const Link& hello, Output& out);
  void on_welcome(const Link& welcome, Output& out);
  void on_confirm(const Link& confirm);
  void on_ready();
  void on_reject(const Link& reject);
  RejectCode judge_hello(const Link& hello) const;
  void learn(const Link& link);
  void fail() { state_ = State::failed; }
  void send(Command command, Output& out, RejectCode reject = RejectCode::none) const;

  const LinkSelf* self_;
  Plane plane_;
  bool dialer_;
  State state_ = State::waiting;
  Command expects_ = Command::hello;
  NodeId expected_ = no_node;
  u64 dial_seq_ = 0;
  LinkPeer peer_;
  RejectCode reject_ = RejectCode::none;
  bool refused_by_peer_ = false;
  u32 have_ = 0;
  LinkBytes unit_{};
};

}  // namespace keelson::io
