// PeerTable: which connection speaks for which node, and what to do with a second one.
//
// Who uses it: the bus. A second connection appears when the first one's death went unnoticed, when the peer restarted,
// or when two processes carry one node id: the first two replace, the last one is refused, without flapping between
// them. Not here: asking the old connection for a sign of life (bus.h).
#pragma once

#include <map>

#include "keelson/io/handshake.h"
#include "keelson/io/transport.h"

namespace keelson::io {

class PeerTable {
 public:
  enum class Verdict : u8 {
    admit,    // nobody there
    replace,  // a newer attempt of the same process: the old connection is dead or about to be
    probe,    // another process: only a silent old connection is replaced
    reject,
  };
  struct Judgement {
    Verdict verdict = Verdict::admit;
    RejectCode code = RejectCode::none;
  };
  struct Entry {
    SocketId socket;  // none: not connected
    u64 boot_id = 0;
    u64 dial_seq = 0;
    Life life;
    Generation generation;  // the highest one seen
  };

  Judgement judge(const LinkPeer& peer) const {
    const auto found = entries_.find(peer.node);
    if (found == entries_.end()) return {};
    const Entry& old = found->second;
    if (peer.life.generation < old.generation) return {Verdict::reject, RejectCode::generation};
    if (!old.socket) return {};
    if (peer.boot_id != old.boot_id) return {Verdict::probe, RejectCode::duplicate_node};
    if (peer.dial_seq <= old.dial_seq) return {Verdict::reject, RejectCode::stale_dial};
    return {Verdict::replace, RejectCode::none};
  }

  void claim(const LinkPeer& peer, SocketId socket) {
    Entry& entry = entries_[peer.node];
    entry = {socket, peer.boot_id, peer.dial_seq, peer.life, std::max(entry.generation, peer.life.generation)};
  }
  // Only the connection that holds the place gives it up: a late loss never evicts a successor.
  void clear(NodeId node, SocketId socket) {
    const auto found = entries_.find(node);
    if (found != entries_.end() && found->second.socket == socket) found->second.socket = SocketId();
  }
  SocketId socket_of(NodeId node) const {
    const auto found = entries_.find(node);
    return found == entries_.end() ? SocketId() : found->second.socket;
  }

 private:
  std::map<NodeId, Entry> entries_;
};

}  // namespace keelson::io
