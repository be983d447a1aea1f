#include "tests/lib/sim/contract.h"

namespace keelson::sim::test {

void ContractWatch::complain(const TurnSeen& turn, const std::string& what) {
  if (complaints.size() < 20)
    complaints.push_back("unit " + std::to_string(turn.unit.raw()) + " boot " + std::to_string(turn.boot) + " at " +
                         std::to_string(turn.at.ns()) + ": " + what);
}

void ContractWatch::on_turn(const TurnSeen& turn) {
  ++turns;
  messages += turn.in.messages.size();
  Seen& seen = units_[turn.unit.raw()];
  if (seen.boot != turn.boot) {
    seen = Seen{};
    seen.boot = turn.boot;
  }
  if (turn.in.now < seen.now) complain(turn, "now runs backwards");
  seen.now = turn.in.now;
  if (!turn.in.wall) complain(turn, "a bag without a wall clock");
  const bool shard = turn.node != no_node;
  for (const auto& event : turn.in.node) {
    if (event.index() != 0) continue;
    if (seen.booted) complain(turn, "booted twice");
    seen.booted = true;
  }
  if (shard && !seen.booted) complain(turn, "a bag before Boot");
  see_completions(turn, seen);
  see_peers(turn, seen);
  for (const auto& message : turn.in.messages) {
    if (!seen.connected.contains(message.peer)) complain(turn, "a message of a peer that is not connected");
    if (message.peer.is_client() && !shard) complain(turn, "a client hears of a client");
  }
}

void ContractWatch::see_completions(const TurnSeen& turn, Seen& seen) {
  for (const auto& done : turn.in.completions) {
    const auto found = seen.in_flight.find(done.id.raw());
    if (found == seen.in_flight.end()) {
      complain(turn, "a completion of nothing");
    } else {
      if (found->second != done.kind) complain(turn, "a completion of another kind");
      seen.in_flight.erase(found);
    }
  }
  for (const auto& write : turn.out.writes) seen.in_flight[write.id.raw()] = IoKind::write;
  for (const auto& read : turn.out.reads) seen.in_flight[read.id.raw()] = IoKind::read;
}

void ContractWatch::see_peers(const TurnSeen& turn, Seen& seen) {
  for (const auto& event : turn.in.peers) {
    const bool client = event.kind == PeerEventKind::client_connected || event.kind == PeerEventKind::client_lost;
    if (event.kind == PeerEventKind::send_dropped) {
      if (event.count == 0) complain(turn, "no sends dropped");
      continue;
    }
    if (client != event.peer.is_client()) complain(turn, "an event for the wrong kind of peer");
    const bool connects = event.kind == PeerEventKind::connected || event.kind == PeerEventKind::client_connected;
    if (connects == seen.connected.contains(event.peer)) complain(turn, connects ? "connected twice" : "lost twice");
    if (connects) {
      seen.connected.insert(event.peer);
      if (!client && event.life == Life{}) complain(turn, "a node without a life");
      if (!client && event.life < seen.lives[event.peer]) complain(turn, "an older life of a node");
      seen.lives[event.peer] = event.life;
    } else {
      seen.connected.erase(event.peer);
    }
  }
}

}  // namespace keelson::sim::test
