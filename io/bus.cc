#include "keelson/io/bus.h"

#include <algorithm>
#include <utility>

namespace keelson::io {
namespace {

constexpr Duration probe_patience = milliseconds(500);
constexpr std::size_t scratch_bytes = 64 * 1024;
constexpr std::size_t read_budget = 256 * 1024;  // per connection and turn
constexpr std::size_t parts_max = 256;
constexpr int writes_per_flush_max = 4;

u32 slabs_of(const Slabs& slabs) { return slabs.available(header_size) + slabs.in_use(); }

ConnectionId connection_id(SocketId socket) {
  return ConnectionId(u64{socket.slot & 0xffffff} << 24 | (socket.generation & 0xffffff));
}
SocketId socket_id(ConnectionId connection) {
  return {static_cast<u32>(connection.raw() >> 24 & 0xffffff), static_cast<u32>(connection.raw() & 0xffffff)};
}

}  // namespace

Bus::Bus(BusConfig config, Transport& transport, Slabs& slabs)
    : config_(std::move(config)),
      transport_(transport),
      slabs_(slabs),
      prng_(config_.seed),
      scratch_(scratch_bytes),
      slabs_reserve_(slabs_of(slabs) / 8) {
  for (const auto& target : config_.targets)
    targets_.push_back(
        {target.address, target.node, Backoff(config_.reconnect_min, config_.reconnect_max), SocketId()});
}

void Bus::start(Instant now, Life life) {
  config_.self.life = life;
  started_ = true;
  next_tick_ = now;
  if (!config_.server) return;
  transport_.accept(Plane::replica, true);
  transport_.accept(Plane::client, true);
}

Bus::Link* Bus::find(SocketId socket) {
  if (socket.slot >= links_.size() || !links_[socket.slot]) return nullptr;
  Link* link = links_[socket.slot].get();
  return link->socket == socket ? link : nullptr;
}

Bus::Link* Bus::find(Peer peer) {
  return find(peer.is_client() ? socket_id(peer.connection()) : peers_.socket_of(peer.node_id()));
}

Bus::Link& Bus::add(SocketId socket, std::unique_ptr<Link> link) {
  if (links_.size() <= socket.slot) links_.resize(socket.slot + 1);
  check(!links_[socket.slot]);
  links_[socket.slot] = std::move(link);
  ++links_in_use_;
  return *links_[socket.slot];
}

void Bus::collect(Instant now, EventBag& bag) {
  take_socket_events(now);
  announce(now, bag);
  if (started_ && now >= next_tick_) tick(now);
  if (started_ && !draining_) dial_due(now);
  read_ready(now, bag);
}

void Bus::take_socket_events(Instant now) {
  SocketEvent event;
  while (transport_.next_event(event)) {
    if (event.kind == SocketEvent::Kind::accepted) {
      on_accepted(now, event.socket, event.plane);
      continue;
    }
    Link* link = find(event.socket);
    if (!link) continue;
    switch (event.kind) {
      case SocketEvent::Kind::accepted:
        break;
      case SocketEvent::Kind::connected:
        link->connection.on_connected(now);
        transport_.want_read(link->socket);
        mark_dirty(*link);
        break;
      case SocketEvent::Kind::failed:
        on_dial_failed(now, *link, event.error);
        break;
      case SocketEvent::Kind::readable:
        link->drained = false;
        mark_ready(*link);
        break;
      case SocketEvent::Kind::writable:
        link->waits_to_write = false;
        mark_dirty(*link);
        break;
    }
  }
}

void Bus::on_accepted(Instant now, SocketId socket, Plane plane) {
  ++counters_.accepted;
  if (draining_ || greeting_ >= config_.handshakes_max) return transport_.close(socket);
  const auto& config = plane == Plane::replica ? config_.peer : config_.client;
  ++greeting_;
  add(socket, std::unique_ptr<Link>(new Link{
                  socket, Connection(plane, config, config_.self, slabs_, counters_, now), no_target, {}, {}, 0}));
  transport_.want_read(socket);
}

void Bus::on_dial_failed(Instant now, Link& link, int error) {
  ++counters_.dial_failures;
  link.dial_error = error;
  link.connection.close(CloseCause::connect_failed);
  settle(now, link);
}

// Peers first, in order; only then may their messages be read. A loss was queued after the last bag, so everything that
// its connection carried is in an earlier one.
void Bus::announce(Instant now, EventBag& bag) {
  for (const auto& [peer, count] : std::exchange(dropped_, {}))
    if (!bag.peers.full()) bag.peers.push_back({PeerEventKind::send_dropped, peer, {}, count});
  while (!announcements_.empty() && !bag.peers.full()) {
    const Announcement next = announcements_.front();
    announcements_.pop_front();
    if (next.socket) {
      Link* link = find(next.socket);
      if (!link || link->connection.state() != Connection::State::handoff) continue;  // gone before anybody knew
      link->connection.open(now, next.event.peer);
      link->opened = now;
      if (!link->drained) mark_ready(*link);
      if (next.event.peer.is_node())
        note({.kind = BusNote::Kind::connected,
              .plane = link->connection.plane(),
              .node = next.event.peer.node_id(),
              .life = next.event.life});
    }
    bag.peers.push_back(next.event);
  }
}

void Bus::settle(Instant now, Link& link) {
  if (link.connection.state() == Connection::State::judging) judge(now, link);
  if (link.connection.state() == Connection::State::handoff && !link.greeted) on_greeted(link);
  if (link.connection.state() == Connection::State::closed) return reap(now, link);
  mark_dirty(link);
}

void Bus::judge(Instant now, Link& link) {
  Connection& connection = link.connection;
  if (draining_) return connection.refuse(now, RejectCode::draining);
  if (connection.plane() == Plane::replica) return judge_peer(now, link);
  if (clients_ >= config_.clients_max) return connection.refuse(now, RejectCode::too_many);
  connection.admit();
}

void Bus::judge_peer(Instant now, Link& link) {
  const auto [verdict, code] = peers_.judge(link.connection.peer());
  switch (verdict) {
    case PeerTable::Verdict::admit:
      return link.connection.admit();
    case PeerTable::Verdict::replace:
      return replace(now, link);
    case PeerTable::Verdict::reject:
      return link.connection.refuse(now, code);
    case PeerTable::Verdict::probe:
      break;
  }
  Link* old = find(peers_.socket_of(link.connection.peer().node));
  if (!old) return link.connection.admit();
  if (link.probed == Instant()) {
    link.probed = now;
    old->connection.ping(now);
    return mark_dirty(*old);
  }
  if (old->connection.last_heard() > link.probed) return link.connection.refuse(now, code);
  if (now.since(link.probed) >= probe_patience) replace(now, link);
}

void Bus::replace(Instant now, Link& link) {
  if (Link* old = find(peers_.socket_of(link.connection.peer().node))) {
    old->connection.close(CloseCause::superseded);
    reap(now, *old);  // its loss is told before the new connection
  }
  link.connection.admit();
}

void Bus::on_greeted(Link& link) {
  Connection& connection = link.connection;
  link.greeted = true;
  if (!connection.is_dialer()) --greeting_;
  if (connection.plane() == Plane::client && !connection.is_dialer()) {
    ++clients_;
    announcements_.push_back(
        {{PeerEventKind::client_connected, Peer::client(connection_id(link.socket)), {}, 0}, link.socket});
    return;
  }
  if (link.target != no_target) {
    targets_[link.target].noted_error = -1;
    targets_[link.target].noted_reject = RejectCode::none;
  }
  const LinkPeer& peer = connection.peer();
  if (connection.is_dialer() && peers_.socket_of(peer.node)) {  // a client reached one node at two addresses
    targets_[link.target].node = peer.node;
    return connection.close(CloseCause::duplicate);
  }
  if (!config_.server) learn_cluster(link);
  if (connection.state() == Connection::State::closed) return;
  peers_.claim(peer, link.socket);
  announcements_.push_back({{PeerEventKind::connected, Peer::node(peer.node), peer.life, 0}, link.socket});
}

// A client takes the first cluster that answers for its own, and its nodes' other addresses from it.
void Bus::learn_cluster(Link& link) {
  const LinkPeer& peer = link.connection.peer();
  targets_[link.target].node = peer.node;
  if (cluster_.cluster.is_zero()) {
    cluster_ = peer;
    config_.self.cluster = peer.cluster;  // from now on every hello and every welcome is held against it
  }
  if (peer.cluster != cluster_.cluster || peer.node.raw() >= cluster_.node_count)
    return link.connection.close(CloseCause::bad_handshake);
  for (u32 i = 0; i < peer.book.count; ++i) {
    const NodeAddress& entry = peer.book.entries[i];
    const bool known =
        std::any_of(targets_.begin(), targets_.end(), [&](const Target& target) { return target.node == entry.node; });
    if (known || entry.port == 0 || entry.node.raw() >= cluster_.node_count) continue;
    targets_.push_back({{host_of(entry.ip), entry.port},
                        entry.node,
                        Backoff(config_.reconnect_min, config_.reconnect_max),
                        SocketId()});
  }
}

bool Bus::may_read(const Link& link) const {
  const bool from_client = link.connection.plane() == Plane::client && config_.server;
  return !from_client || slabs_.available(header_size) > slabs_reserve_;
}

void Bus::mark_ready(Link& link) {
  if (!std::exchange(link.ready, true)) ready_.push_back(link.socket);
}

bool Bus::pending() const {
  if (!announcements_.empty() || !dropped_.empty()) return true;
  return std::any_of(ready_.begin(), ready_.end(), [this](SocketId socket) {
    const Link* link = const_cast<Bus*>(this)->find(socket);
    return link && !link->drained && link->connection.read_limit() > 0 && may_read(*link);
  });
}

// Nodes before clients, so that the cluster works while clients flood; within each, in order of turn.
void Bus::read_ready(Instant now, EventBag& bag) {
  const std::vector<SocketId> ready = std::exchange(ready_, {});
  for (const Plane plane : {Plane::replica, Plane::client})
    for (const SocketId socket : ready) {
      Link* link = find(socket);
      if (!link || link->connection.plane() != plane) continue;
      link->ready = false;
      read(now, *link, bag);
    }
}

void Bus::read(Instant now, Link& link, EventBag& bag) {
  const SocketId socket = link.socket;
  if (link.connection.blocked()) link.connection.retry(now, bag.messages);
  std::size_t budget = read_budget;
  while (budget > 0 && !link.drained && may_read(link)) {
    const std::size_t room = bag.messages.capacity() - bag.messages.size();
    const std::size_t limit =
        std::min({link.connection.read_limit(), budget, scratch_.size(), room > 1 ? (room - 1) * header_size : 0});
    if (limit == 0) break;
    budget -= std::min(budget, receive(now, link, bag, limit));
  }
  if (!link.drained || link.connection.blocked()) mark_ready(link);
  settle(now, link);
  if (Link* still = find(socket); still && still->drained && !still->connection.blocked()) transport_.want_read(socket);
}

std::size_t Bus::receive(Instant now, Link& link, EventBag& bag, std::size_t limit) {
  Connection& connection = link.connection;
  const MutableBytes direct = connection.direct();
  const Transfer transfer = transport_.receive(link.socket, direct, MutableBytes(scratch_).first(limit));
  switch (transfer.result) {
    case Transfer::Result::would_block:
      link.drained = true;
      return 0;
    case Transfer::Result::eof:
      link.drained = true;
      connection.on_eof(now);
      return 0;
    case Transfer::Result::error:
      link.drained = true;
      connection.on_error(CloseCause::io_error);
      return 0;
    case Transfer::Result::some:
      break;
  }
  // A short read emptied the socket; asking again would only cost a call.
  link.drained = transfer.bytes < direct.size() + limit;
  const std::size_t into_slab = std::min(transfer.bytes, direct.size());
  if (into_slab > 0) connection.on_direct(now, into_slab, bag.messages);
  if (transfer.bytes > into_slab)
    connection.on_bytes(now, Bytes(scratch_).first(transfer.bytes - into_slab), bag.messages);
  return transfer.bytes;
}

void Bus::send(const Envelope& envelope) {
  Link* link = find(envelope.peer);
  if (!link) {
    ++counters_.send_not_connected;
    return;
  }
  if (link->connection.send(envelope.message) == SendResult::refused) {
    ++counters_.send_refused;
    count_dropped(envelope.peer, 1);
  }
  if (const u64 evicted = link->connection.take_dropped(); evicted > 0) count_dropped(envelope.peer, evicted);
  mark_dirty(*link);
}

void Bus::count_dropped(Peer peer, u64 count) {
  const auto found =
      std::find_if(dropped_.begin(), dropped_.end(), [&](const auto& entry) { return entry.first == peer; });
  if (found == dropped_.end()) {
    dropped_.emplace_back(peer, count);
  } else {
    found->second += count;
  }
}

void Bus::mark_dirty(Link& link) {
  if (!std::exchange(link.dirty, true)) dirty_.push_back(link.socket);
}

void Bus::flush(Instant now) {
  for (const SocketId socket : std::exchange(dirty_, {})) {
    Link* link = find(socket);
    if (!link) continue;
    link->dirty = false;
    if (!link->waits_to_write) flush(now, *link);
  }
}

void Bus::flush(Instant now, Link& link) {
  std::array<Bytes, parts_max> parts;
  for (int i = 0; i < writes_per_flush_max; ++i) {
    const std::size_t count = link.connection.gather(parts);
    if (count == 0) break;
    std::size_t offered = 0;
    for (std::size_t p = 0; p < count; ++p) offered += parts[p].size();
    const Transfer transfer = transport_.send(link.socket, {parts.data(), count});
    if (transfer.result == Transfer::Result::error) {
      link.connection.on_error(CloseCause::io_error);
      break;
    }
    const std::size_t taken = transfer.result == Transfer::Result::some ? transfer.bytes : 0;
    link.connection.on_written(now, taken);
    if (taken < offered) {
      link.waits_to_write = true;
      transport_.want_write(link.socket);
      return;
    }
    if (i + 1 == writes_per_flush_max) mark_dirty(link);
  }
  if (link.connection.wants_half_close()) {
    transport_.half_close(link.socket);
    link.connection.on_half_closed();
  }
  if (link.connection.state() == Connection::State::closed) reap(now, link);
}

void Bus::close(Instant now, Peer peer) {
  Link* link = find(peer);
  if (!link) return;
  link->connection.close(CloseCause::kernel);
  reap(now, *link);
}

}  // namespace keelson::io
