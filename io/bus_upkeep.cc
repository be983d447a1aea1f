// The bus's housekeeping: time, dialing, ends of connections, and what is told to people.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "keelson/io/bus.h"

namespace keelson::io {
namespace {

constexpr Duration tick_interval = milliseconds(100);
constexpr Duration refusal_note_interval = seconds(60);
constexpr std::size_t notes_max = 256;

}  // namespace

void Bus::tick(Instant now) {
  next_tick_ = now + tick_interval;
  for (std::size_t slot = 0; slot < links_.size(); ++slot) {
    if (!links_[slot]) continue;
    links_[slot]->connection.on_tick(now);
    settle(now, *links_[slot]);
  }
}

Instant Bus::deadline() const {
  if (!started_) return Instant::never();
  Instant deadline = links_in_use_ > 0 ? next_tick_ : Instant::never();
  if (draining_) return deadline;
  for (const Target& target : targets_)
    if (wants_dial(target)) deadline = std::min(deadline, target.backoff.next());
  return deadline;
}

bool Bus::wants_dial(const Target& target) const {
  return !target.socket && (target.node == no_node || !peers_.socket_of(target.node));
}

void Bus::dial_due(Instant now) {
  const Plane plane = config_.server ? Plane::replica : Plane::client;
  const auto& config = config_.server ? config_.peer : config_.client;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    Target& target = targets_[i];
    if (!wants_dial(target) || !target.backoff.due(now)) continue;
    target.socket = transport_.dial(target.address);
    add(target.socket, std::unique_ptr<Link>(new Link{
                           target.socket,
                           Connection(plane, config, config_.self, slabs_, counters_, now, target.node, ++dial_seq_),
                           i,
                           {},
                           {},
                           ETIMEDOUT}));
  }
}

void Bus::reap(Instant now, Link& link) {
  const Connection& connection = link.connection;
  const bool to_client = connection.plane() == Plane::client && !connection.is_dialer();
  note_end(now, link);
  if (connection.was_open())
    announcements_.push_back(
        {{to_client ? PeerEventKind::client_lost : PeerEventKind::lost, connection.name(), connection.peer().life, 0},
         SocketId()});
  if (!connection.is_dialer() && !link.greeted) --greeting_;
  if (to_client && link.greeted) --clients_;
  if (!to_client) peers_.clear(connection.peer().node, link.socket);
  if (link.target != no_target) {
    Target& target = targets_[link.target];
    target.socket = SocketId();
    const RejectCode code = connection.handshake().reject();
    if (connection.was_open()) {
      target.backoff.lost(now, link.opened, connection.last_heard() > link.opened, prng_);
    } else if (code != RejectCode::none && info(code).configuration_fault) {
      target.backoff.hopeless(now, prng_);
    } else {
      target.backoff.failed(now, prng_);
    }
  }
  counters_.send_dropped_at_close += link.connection.drop_queue();
  transport_.close(link.socket);
  --links_in_use_;
  links_[link.socket.slot].reset();
}

void Bus::note_end(Instant now, const Link& link) {
  const Connection& connection = link.connection;
  if (connection.was_open()) {
    if (connection.name().is_node())
      note({.kind = BusNote::Kind::lost,
            .plane = connection.plane(),
            .node = connection.name().node_id(),
            .life = connection.peer().life,
            .cause = connection.cause()});
    return;
  }
  if (connection.handshake().reject() != RejectCode::none) return note_refusal(now, link);
  if (connection.cause() != CloseCause::connect_failed) return;
  Target& target = targets_[link.target];
  if (std::exchange(target.noted_error, link.dial_error) == link.dial_error) return;
  note({.kind = BusNote::Kind::dial_failed,
        .plane = connection.plane(),
        .node = target.node,
        .address = target.address,
        .error = link.dial_error});
}

// A refusal that repeats every second is told once: per address until something else happens, per node and minute.
void Bus::note_refusal(Instant now, const Link& link) {
  const Connection& connection = link.connection;
  const RejectCode code = connection.handshake().reject();
  BusNote refused{.kind = BusNote::Kind::refused,
                  .plane = connection.plane(),
                  .node = connection.peer().node,
                  .reject = code,
                  .by_peer = connection.handshake().refused_by_peer()};
  if (link.target != no_target) {
    Target& target = targets_[link.target];
    last_refusal_ = code;
    if (std::exchange(target.noted_reject, code) == code) return;
    refused.node = target.node;
    refused.address = target.address;
    return note(std::move(refused));
  }
  const auto& members = config_.self.members;
  const bool member = std::find(members.begin(), members.end(), refused.node) != members.end();
  Instant& noted = refusals_noted_[{member ? refused.node : no_node, code}];
  if (noted != Instant() && now.since(noted) < refusal_note_interval) return;
  noted = now;
  note(std::move(refused));
}

void Bus::note(BusNote note) {
  if (notes_.size() < notes_max) notes_.push_back(std::move(note));
}

void Bus::drain(Instant now) {
  draining_ = true;
  transport_.accept(Plane::replica, false);
  transport_.accept(Plane::client, false);
  for (std::size_t slot = 0; slot < links_.size(); ++slot) {
    if (!links_[slot]) continue;
    links_[slot]->connection.drain(now);
    settle(now, *links_[slot]);
  }
}

u32 Bus::open_count(Plane plane) const {
  u32 count = 0;
  for (const auto& link : links_)
    if (link && link->connection.plane() == plane && link->connection.state() == Connection::State::open) ++count;
  return count;
}

}  // namespace keelson::io
