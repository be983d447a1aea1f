// Lives of connections: dialing, resets, crashes at one end, silence, and what each end is told.
#include <algorithm>

#include "keelson/sim/network.h"

namespace keelson::sim {

void Network::add_connection(UnitId dialer, UnitId acceptor, std::string_view dialer_name,
                             std::string_view acceptor_name) {
  const auto index = static_cast<u32>(connections_.size());
  Connection connection;
  connection.unit[0] = dialer;
  connection.unit[1] = acceptor;
  connections_.push_back(connection);
  const UnitId units[] = {dialer, acceptor};
  const std::string_view names[] = {dialer_name, acceptor_name};
  for (const unsigned end : {0u, 1u}) {
    Link link;
    link.from = units[end];
    link.to = units[1 - end];
    link.hosts = {population_.host_of_unit(link.from), population_.host_of_unit(link.to)};
    link.stream = core_.tape.stream("net/" + std::string(names[end]) + '>' + std::string(names[1 - end]));
    link.rules = {.cluster = cluster_, .message_size_max = message_size_max_};
    if (!population_.is_client(link.from)) {
      link.rules.peer = Author::node;
      // a client cannot know which node answers it
      if (!population_.is_client(link.to)) link.rules.node = population_.node_of(link.from);
    }
    links_of(link.hosts).push_back(static_cast<u32>(links_.size()));
    links_.push_back(link);
    units_[units[end].raw()].connections.push_back(index);
  }
}

Peer Network::peer_at(u32 index, unsigned end) const {
  const Connection& connection = connections_[index];
  if (end == 1 && client_connection(connection))
    return Peer::client(ConnectionId((u64{index} + 1) << 32 | connection.generation));
  return Peer::node(population_.node_of(connection.unit[1 - end]));
}

std::optional<u32> Network::connection_of(UnitId from, Peer to) const {
  const auto& own = units_[from.raw()].connections;
  if (to.is_client()) {
    const u64 index = (to.connection().raw() >> 32) - 1;
    if (index >= connections_.size() || connections_[index].unit[1] != from) return {};
    if (static_cast<u32>(to.connection().raw()) != connections_[index].generation) return {};
    return static_cast<u32>(index);
  }
  const u16 node = to.node_id().raw();
  if (node >= population_.nodes) return {};
  if (population_.is_client(from)) return own[node];
  const u16 self = population_.node_of(from).raw();
  if (node == self) return {};
  return own[node < self ? node : node - 1u];  // the constructor adds them in this order
}

void Network::up(UnitId unit, Life life) {
  Unit& state = units_[unit.raw()];
  check(!state.up);
  state.up = true;
  state.life = life;
  for (const u32 index : state.connections) {
    // whoever still believes in a connection of the former process is reset by its next message
    const unsigned other = 1 - end_of(connections_[index], unit);
    const Link& there = link(index, other);
    if (connections_[index].told[other] && !barriers_.blocked(there.hosts) && !paused_[there.hosts.from.raw()])
      hear_loss_after(index, other, core_.now + core_.settings.network.delay_min);
    schedule_dial(index, Duration());
  }
}

// Whoever was told of a connection of the dead process learns of its end: by a reset, or by silence.
void Network::down(UnitId unit, CrashKind kind) {
  Unit& state = units_[unit.raw()];
  if (!state.up) return;
  state.up = false;
  state.refused = false;
  for (const u32 index : state.connections) {
    Connection& connection = connections_[index];
    const unsigned end = end_of(connection, unit);
    const unsigned other = 1 - end;
    connection.told[end] = false;
    core_.queue.cancel(connection.hear[end]);
    core_.queue.cancel(connection.silence[end]);
    clear_pipe(link(index, other));
    link(index, end).refused = 0;
    if (!connection.told[other]) {
      clear_pipe(link(index, end));
      connection.broken = true;
    } else if (kind == CrashKind::power) {
      connection.broken = true;
      expect_silence(index, other);
    } else if (!connection.broken) {
      break_connection(index);
    }
  }
}

void Network::paused(HostId host) {
  paused_[host.raw()] = true;
  for (u32 index = 0; index < links_.size(); ++index)
    if (links_[index].hosts.from == host) expect_silence(index / 2, 1 - index % 2);
}

void Network::resumed(HostId host) {
  paused_[host.raw()] = false;
  for (u32 index = 0; index < links_.size(); ++index) {
    if (links_[index].hosts.from == host) silence_over(index / 2, 1 - index % 2);
    if (links_[index].hosts.to == host) resume_link(index);
  }
}

void Network::block(HostPair pair) {
  if (!barriers_.block(pair)) return;
  for (const u32 index : links_of(pair)) expect_silence(index / 2, 1 - index % 2);
}

void Network::unblock(HostPair pair) {
  if (!barriers_.unblock(pair)) return;
  for (const u32 index : links_of(pair)) {
    silence_over(index / 2, 1 - index % 2);
    resume_link(index);
  }
}

void Network::clog(HostPair pair) {
  if (!barriers_.clog(pair)) return;
  for (const u32 index : links_of(pair)) expect_silence(index / 2, 1 - index % 2);
}

void Network::unclog(HostPair pair) {
  if (!barriers_.unclog(pair)) return;
  for (const u32 index : links_of(pair)) {
    silence_over(index / 2, 1 - index % 2);
    resume_link(index);
  }
}

void Network::reset(HostId a, HostId b) {
  for (const u32 index : links_of({a, b})) {
    if (connections_[index / 2].broken) continue;
    core_.faults.add(Fault::net_reset);
    break_connection(index / 2);
  }
}

void Network::schedule_dial(u32 index, Duration after) {
  Connection& connection = connections_[index];
  if (connection.dialing || connection.told[0]) return;
  if (!units_[connection.unit[0].raw()].up || !units_[connection.unit[1].raw()].up) return;
  connection.dialing = true;
  const Duration connect = link(index, 0).stream.exponential(Site::net_connect_delay, core_.settings.network.connect);
  connection.dial = core_.schedule(core_.now + after + connect, Rank::network,
                                   {.owner = Owner::network, .what = static_cast<u8>(What::dial), .index = index});
}

void Network::on_dial(u32 index) {
  Connection& connection = connections_[index];
  Link& there = link(index, 0);
  connection.dialing = false;
  if (!units_[connection.unit[0].raw()].up || !units_[connection.unit[1].raw()].up) return;
  const bool cut = barriers_.blocked(there.hosts) || barriers_.blocked(link(index, 1).hosts);
  if (cut || paused_[there.hosts.from.raw()] || paused_[there.hosts.to.raw()]) return dial_failed(index);
  if (there.stream.chance(Site::net_connect_fail, core_.settings.network.connect_fail_ppm)) {
    core_.faults.add(Fault::net_connect_fail);
    return dial_failed(index);
  }
  establish(index);
}

void Network::dial_failed(u32 index) {
  Connection& connection = connections_[index];
  const auto& settings = core_.settings.network;
  const u64 longest =
      std::min(settings.reconnect_max.ns(), settings.reconnect_min.ns() << std::min(connection.failures, 20u));
  ++connection.failures;
  const u64 lowest = std::min(settings.reconnect_min.ns(), longest);
  schedule_dial(index, Duration(link(index, 0).stream.range(Site::net_reconnect_delay, lowest, longest)));
}

// Both ends learn of it before any message of it. An acceptor that still believes in the former connection hears of its
// loss first.
void Network::establish(u32 index) {
  Connection& connection = connections_[index];
  if (connection.told[1]) tell(index, 1, PeerEventKind::lost);
  for (const unsigned end : {0u, 1u}) {
    core_.queue.cancel(connection.hear[end]);
    core_.queue.cancel(connection.silence[end]);
    clear_pipe(link(index, end));
    link(index, end).last_due = Instant();
  }
  ++connection.generation;
  connection.broken = false;
  connection.failures = 0;
  tell(index, 1, PeerEventKind::connected);
  tell(index, 0, PeerEventKind::connected);
}

// Of what is under way each receiver still gets a prefix of whole messages, then the bad news.
void Network::break_connection(u32 index) {
  Connection& connection = connections_[index];
  connection.broken = true;
  for (const unsigned end : {0u, 1u}) {
    if (!connection.told[end]) continue;
    Link& in = link(index, 1 - end);
    const u64 lost = in.stream.below(Site::net_reset_keeps, in.pipe.size() + 1);
    if (lost == in.pipe.size()) core_.queue.cancel(in.head);
    for (u64 i = 0; i < lost; ++i) {
      Parcel* parcel = in.pipe.pop_back().parcel;
      in.bytes_waiting -= parcel->size;
      lose(in, parcel, Lost::broken);
    }
    const Instant last = in.pipe.empty() ? core_.now : in.pipe.back().due;
    if (in.stalled || barriers_.blocked(in.hosts)) {
      expect_silence(index, end);
    } else {
      hear_loss_after(index, end, std::max(last, core_.now + core_.settings.network.delay_min));
    }
  }
}

void Network::hear_loss_after(u32 index, unsigned end, Instant earliest) {
  Connection& connection = connections_[index];
  const u64 late =
      link(index, 1 - end).stream.below(Site::net_half_open, core_.settings.network.half_open_max.ns() + 1);
  if (late > 0) core_.faults.add(Fault::net_half_open);
  core_.queue.cancel(connection.hear[end]);
  connection.hear[end] = core_.schedule(earliest + Duration(late), Rank::network,
                                        {.owner = Owner::network,
                                         .what = static_cast<u8>(What::hear_loss),
                                         .side = static_cast<u16>(end),
                                         .index = index});
}

void Network::expect_silence(u32 index, unsigned end) {
  Connection& connection = connections_[index];
  if (!connection.told[end] || core_.queue.pending(connection.silence[end])) return;
  connection.silence[end] = core_.schedule(
      core_.now + core_.settings.network.silence_max, Rank::network,
      {.owner = Owner::network, .what = static_cast<u8>(What::silence), .side = static_cast<u16>(end), .index = index});
}

// Unless something else keeps the peer silent.
void Network::silence_over(u32 index, unsigned end) {
  Connection& connection = connections_[index];
  const Link& in = link(index, 1 - end);
  if (connection.broken || paused_[in.hosts.from.raw()]) return;
  if (barriers_.blocked(in.hosts) || barriers_.clogged(in.hosts)) return;
  core_.queue.cancel(connection.silence[end]);
}

// This end closes. The other one hears of it if anything still gets through to it.
void Network::on_hear_loss(u32 index, unsigned end) {
  Connection& connection = connections_[index];
  if (!connection.told[end]) return;
  core_.queue.cancel(connection.hear[end]);
  core_.queue.cancel(connection.silence[end]);
  tell(index, end, PeerEventKind::lost);
  clear_pipe(link(index, 1 - end));
  const unsigned other = 1 - end;
  if (!connection.broken && connection.told[other]) {
    connection.broken = true;
    if (barriers_.blocked(link(index, end).hosts)) {
      expect_silence(index, other);
    } else {
      hear_loss_after(index, other, std::max(link(index, end).last_due, core_.now + core_.settings.network.delay_min));
    }
  }
  connection.broken = true;
  if (!connection.told[0]) schedule_dial(index, core_.settings.network.reconnect_min);
}

void Network::close(UnitId unit, Peer peer) {
  if (const auto index = connection_of(unit, peer)) on_hear_loss(*index, end_of(connections_[*index], unit));
}

void Network::tell(u32 index, unsigned end, PeerEventKind kind) {
  Connection& connection = connections_[index];
  const bool connected = kind == PeerEventKind::connected;
  check(connection.told[end] != connected);
  connection.told[end] = connected;
  const bool of_client = end == 1 && client_connection(connection);
  if (of_client) kind = connected ? PeerEventKind::client_connected : PeerEventKind::client_lost;
  const UnitId unit = connection.unit[end];
  core_.record(connected ? RecordKind::peer_connected : RecordKind::peer_lost, place_of(unit),
               {.a = connection.unit[1 - end].raw(), .b = connection.generation});
  receiver_.arrive(unit, {.kind = ArrivalKind::peer,
                          .what = static_cast<u8>(kind),
                          .source = index,
                          .peer = peer_at(index, end),
                          .value = of_client ? 0 : packed(units_[connection.unit[1 - end].raw()].life)});
}

bool Network::connected(UnitId a, UnitId b) const {
  for (const u32 index : units_[a.raw()].connections) {
    const Connection& connection = connections_[index];
    if (connection.unit[1 - end_of(connection, a)] == b)
      return connection.told[0] && connection.told[1] && !connection.broken;
  }
  return false;
}

}  // namespace keelson::sim
