#include "keelson/sim/network.h"

#include <algorithm>

namespace keelson::sim {
namespace {

constexpr Duration ghost_delay_min = seconds(1);
constexpr Duration ghost_delay_max = seconds(60);
constexpr u64 ns_per_s = 1'000'000'000;

std::string name_of_shard(NodeId node, ShardId shard) {
  return std::to_string(node.raw()) + '.' + std::to_string(shard.raw());
}

Command command_of(const Parcel* parcel) {
  return load<Command>(const_cast<Parcel*>(parcel)->data() + offsetof(Header, command));
}

}  // namespace

Network::Network(Core& core, Receiver& receiver, const Population& population, ClusterId cluster, u32 message_size_max)
    : core_(core),
      receiver_(receiver),
      population_(population),
      cluster_(cluster),
      message_size_max_(message_size_max),
      barriers_(population.hosts()),
      links_of_pair_(std::size_t{population.hosts()} * population.hosts()),
      units_(population.units()),
      paused_(population.hosts()) {
  for (u16 s = 0; s < population.shards; ++s)
    for (u16 a = 0; a < population.nodes; ++a)
      for (u16 b = static_cast<u16>(a + 1); b < population.nodes; ++b) {
        const ShardId shard(s);
        add_connection(population.unit_of(NodeId(a), shard), population.unit_of(NodeId(b), shard),
                       name_of_shard(NodeId(a), shard), name_of_shard(NodeId(b), shard));
      }
  for (u16 c = 0; c < population.clients; ++c)
    for (u16 n = 0; n < population.nodes; ++n)
      add_connection(population.client_unit(c), population.unit_of(NodeId(n), ShardId(0)), 'c' + std::to_string(c),
                     name_of_shard(NodeId(n), ShardId(0)));
}

void Network::end_turn() {
  if (last_parcel_) core_.parcels.release(last_parcel_);
  last_parcel_ = nullptr;
  last_sent_ = nullptr;
}

// One copy however many receivers a message has, as long as they come one after the other.
Parcel* Network::parcel_of(const MessageRef& message) {
  if (message.data() != last_sent_) {
    end_turn();
    last_sent_ = message.data();
    last_parcel_ = core_.parcels.copy(message.bytes());
  }
  Parcels::retain(last_parcel_);
  return last_parcel_;
}

void Network::send(UnitId from, const Envelope& envelope, Instant at) {
  const auto index = connection_of(from, envelope.peer);
  if (!index) {
    core_.record(RecordKind::lose, {}, {.a = from.raw(), .b = static_cast<u64>(Lost::no_connection)});
    return;
  }
  Connection& connection = connections_[*index];
  const unsigned end = end_of(connection, from);
  Link& out = link(*index, end);
  Parcel* parcel = parcel_of(envelope.message);
  if (!connection.told[end]) return refuse(out, parcel, Lost::no_connection);
  const LinkMode mode = mode_of(out);
  if (connection.broken) return lose(out, parcel, Lost::broken);
  if (const auto stopped = stopped_at_source(out, parcel)) return lose(out, parcel, *stopped);
  if (mode == LinkMode::datagram) return send_datagram(out, parcel, envelope.shard, at);
  send_stream(out, *index, parcel, envelope.shard, at);
}

LinkMode Network::mode_of(Link& out) {
  if (core_.settings.network.mode != LinkMode::mixed) return core_.settings.network.mode;
  if (out.drawn_mode == LinkMode::mixed)
    out.drawn_mode = out.stream.below(Site::net_mode, 2) == 0 ? LinkMode::stream : LinkMode::datagram;
  return out.drawn_mode;
}

std::optional<Lost> Network::stopped_at_source(const Link& out, Parcel* parcel) const {
  if (barriers_.blocked_for(out.hosts, command_of(parcel))) return Lost::gray;
  for (const auto& [id, filter] : filters_)
    if (filter({out.from, out.to, parcel->bytes()}) == Fate::drop) return Lost::filter;
  return {};
}

void Network::lose(const Link& link, Parcel* parcel, Lost why) {
  if (why == Lost::blocked || why == Lost::gray) core_.faults.add(Fault::net_blocked);
  if (why == Lost::loss) core_.faults.add(Fault::net_loss);
  core_.record(RecordKind::lose, place_of(link.from),
               {.a = link.to.raw(), .b = static_cast<u64>(why), .digest = load<Digest>(parcel->data())});
  core_.parcels.release(parcel);
}

// The sender's own queue says no, and the sender hears of it with its next bag.
void Network::refuse(Link& out, Parcel* parcel, Lost why) {
  if (why == Lost::send_queue) core_.faults.add(Fault::net_send_dropped);
  ++out.refused;
  units_[out.from.raw()].refused = true;
  lose(out, parcel, why);
}

Duration Network::draw_delay(Link& out, Instant at, u32 bytes) {
  const auto& settings = core_.settings.network;
  Duration delay = settings.delay_min + out.stream.exponential(Site::net_delay, settings.delay_mean);
  delay = std::min(delay, settings.delay_max);
  if (out.stream.chance(Site::net_slow, settings.slow_ppm)) {
    delay = delay + out.stream.exponential(Site::net_slow_delay, settings.slow_mean);
    core_.faults.add(Fault::net_slow);
  }
  if (settings.bandwidth_bytes_per_s > 0) {
    const Instant start = std::max(at, out.wire_free);
    out.wire_free = start + Duration(u64{bytes} * ns_per_s / settings.bandwidth_bytes_per_s);
    delay = delay + out.wire_free.since(at);
  }
  return delay;
}

Parcel* Network::maybe_corrupted(Link& out, Parcel* parcel) {
  const auto& settings = core_.settings.network;
  if (!out.stream.chance(Site::net_corrupt, settings.corrupt_ppm)) return parcel;
  Parcel* corrupted = core_.parcels.copy(parcel->bytes());
  core_.parcels.release(parcel);
  corrupted->tampered = true;
  const u64 bits = out.stream.range(Site::net_corrupt_bits, 1, settings.corrupt_bits_max);
  for (u64 i = 0; i < bits; ++i) {
    const u64 at = out.stream.below(Site::net_corrupt_at, u64{corrupted->size} * 8);
    corrupted->data()[at / 8] ^= static_cast<std::byte>(1u << (at % 8));
  }
  core_.faults.add(Fault::net_corrupt);
  core_.record(RecordKind::corrupt, place_of(out.from), {.a = out.to.raw(), .b = bits});
  return corrupted;
}

void Network::send_stream(Link& out, u32 connection, Parcel* parcel, ShardId shard, Instant at) {
  const auto& settings = core_.settings.network;
  if (out.stream.chance(Site::net_loss, settings.loss_ppm)) return refuse(out, parcel, Lost::loss);
  if (out.bytes_waiting + parcel->size > settings.send_queue_bytes) return refuse(out, parcel, Lost::send_queue);
  const Duration delay = draw_delay(out, at, parcel->size);
  out.last_due = std::max(out.last_due, at + delay);
  parcel = maybe_corrupted(out, parcel);
  out.bytes_waiting += parcel->size;
  out.pipe.push_back({parcel, out.last_due, shard});
  if (out.pipe.size() == 1 && !out.stalled) schedule_head(link_index(out), out.last_due);
  if (out.stream.chance(Site::net_reset, settings.reset_ppm)) {
    core_.faults.add(Fault::net_reset);
    break_connection(connection);
  }
}

void Network::send_datagram(Link& out, Parcel* parcel, ShardId shard, Instant at) {
  const auto& settings = core_.settings.network;
  if (barriers_.blocked(out.hosts)) return lose(out, parcel, Lost::blocked);
  if (out.stream.chance(Site::net_loss, settings.loss_ppm)) return lose(out, parcel, Lost::loss);
  if (out.stream.chance(Site::net_duplicate, settings.duplicate_ppm)) {
    core_.faults.add(Fault::net_duplicate);
    Parcels::retain(parcel);
    const Duration later = settings.delay_min + out.stream.exponential(Site::net_duplicate_delay, settings.delay_mean);
    schedule_datagram(out, parcel, shard, at + later);
  }
  if (out.stream.chance(Site::net_ghost, settings.ghost_ppm)) {
    core_.faults.add(Fault::net_ghost);
    Parcels::retain(parcel);
    const u64 later = out.stream.range(Site::net_ghost_delay, ghost_delay_min.ns(), ghost_delay_max.ns());
    schedule_datagram(out, parcel, shard, at + Duration(later));
  }
  Duration delay = draw_delay(out, at, parcel->size);
  if (out.stream.chance(Site::net_reorder, settings.reorder_ppm))
    delay = delay + out.stream.exponential(Site::net_reorder_delay, settings.reorder_mean);
  schedule_datagram(out, maybe_corrupted(out, parcel), shard, at + delay);
}

void Network::schedule_datagram(Link& out, Parcel* parcel, ShardId shard, Instant due) {
  core_.schedule(due, Rank::network,
                 {.owner = Owner::network,
                  .what = static_cast<u8>(What::datagram),
                  .side = shard.raw(),
                  .index = link_index(out),
                  .value = reinterpret_cast<std::uintptr_t>(parcel),
                  .extra = u64{connections_[link_index(out) / 2].generation} << 32 | ++out.sent});
}

void Network::schedule_head(u32 link_index, Instant at) {
  links_[link_index].head =
      core_.schedule(std::max(at, core_.now), Rank::network,
                     {.owner = Owner::network, .what = static_cast<u8>(What::head), .index = link_index});
}

// Everything that is due arrives, in order, until something stands in the way.
void Network::on_head(u32 index) {
  Link& in = links_[index];
  while (!in.pipe.empty()) {
    const InFlight first = in.pipe.front();
    if (first.due > core_.now) return schedule_head(index, first.due);
    const bool stopped = barriers_.any(in.hosts) && (barriers_.blocked(in.hosts) || barriers_.clogged(in.hosts));
    if (stopped || !receiver_.has_room(in.to, first.parcel->size)) {
      if (barriers_.blocked(in.hosts)) core_.faults.add(Fault::net_blocked);
      in.stalled = true;
      return;
    }
    in.pipe.pop_front();
    in.bytes_waiting -= first.parcel->size;
    deliver(index, first.parcel, first.to_shard);
  }
}

void Network::on_datagram(const Happening& happening) {
  Link& in = links_[happening.index];
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* parcel = reinterpret_cast<Parcel*>(static_cast<std::uintptr_t>(happening.value));
  const ShardId shard(happening.side);
  const auto place = static_cast<u32>(happening.extra);
  // Between nodes a late copy may outlive its connection; a client's connection is a process of its own.
  const Connection& connection = connections_[happening.index / 2];
  if (client_connection(connection) && connection.generation != happening.extra >> 32)
    return lose(in, parcel, Lost::no_connection);
  if (barriers_.blocked(in.hosts)) return lose(in, parcel, Lost::blocked);
  if (barriers_.clogged(in.hosts)) {
    in.bytes_waiting += parcel->size;
    in.pipe.push_back({parcel, core_.now, shard});
    in.stalled = true;
    return;
  }
  if (!receiver_.has_room(in.to, parcel->size)) return lose(in, parcel, Lost::receiver);
  if (place < in.newest_delivered) core_.faults.add(Fault::net_reorder);
  in.newest_delivered = std::max(in.newest_delivered, place);
  deliver(happening.index, parcel, shard);
}

// What stood in the way is gone: the waiting messages set out again, in their order.
void Network::resume_link(u32 index) {
  Link& in = links_[index];
  if (!in.stalled) return;
  in.stalled = false;
  if (in.pipe.empty()) return;
  const Instant at = core_.now + draw_delay(in, core_.now, 0);
  for (std::size_t i = 0; i < in.pipe.size(); ++i) in.pipe[i].due = std::max(in.pipe[i].due, at);
  in.last_due = std::max(in.last_due, at);
  schedule_head(index, in.pipe.front().due);
}

Reject Network::verify(const Link& in, Parcel* parcel) const {
  const Reject reject = validate_header(parcel->data(), in.rules);
  if (reject != Reject::none || parcel->body_proven) return reject;
  const Reject body = validate_body(parcel->bytes());
  parcel->body_proven = body == Reject::none;
  return body;
}

void Network::deliver(u32 index, Parcel* parcel, ShardId shard) {
  Link& in = links_[index];
  const u32 connection_index = index / 2;
  Connection& connection = connections_[connection_index];
  const unsigned end = 1 - index % 2;
  const UnitId to = population_.is_client(in.to) ? in.to : population_.unit_of(population_.node_of(in.to), shard);
  if (shard.raw() >= population_.shards || !units_[to.raw()].up || !connection.told[end])
    return lose(in, parcel, Lost::receiver);
  const Reject reject = verify(in, parcel);
  if (reject != Reject::none) {
    ++rejected_[static_cast<std::size_t>(reject)];
    if (!parcel->tampered)
      core_.fail({.checker = "network",
                  .invariant = "sealed_message",
                  .detail = std::string("a message of ") + describe(in.from) + " is rejected: " + name_of(reject),
                  .node = place_of(in.from).node});
    lose(in, parcel, Lost::rejected);
    if (closes_connection(reject)) close(in.to, peer_at(connection_index, end));
    return;
  }
  ++delivered_;
  core_.record(RecordKind::deliver, place_of(to),
               {.a = in.from.raw(), .b = static_cast<u64>(command_of(parcel)), .digest = load<Digest>(parcel->data())});
  receiver_.arrive(to, {.kind = ArrivalKind::message,
                        .shard = population_.is_client(in.from) ? ShardId() : population_.shard_of(in.from),
                        .source = connection_index,
                        .peer = peer_at(connection_index, end),
                        .parcel = parcel});
}

void Network::clear_pipe(Link& in) {
  while (!in.pipe.empty()) lose(in, in.pipe.pop_front().parcel, Lost::broken);
  in.bytes_waiting = 0;
  in.stalled = false;
  core_.queue.cancel(in.head);
}

void Network::on_happening(const Happening& happening) {
  switch (static_cast<What>(happening.what)) {
    case What::head:
      return on_head(happening.index);
    case What::datagram:
      return on_datagram(happening);
    case What::dial:
      return on_dial(happening.index);
    case What::hear_loss:
      return on_hear_loss(happening.index, happening.side);
    case What::silence:
      return on_hear_loss(happening.index, happening.side);
  }
}

void Network::inject(UnitId from, UnitId to, Bytes message) {
  for (const u32 index : units_[from.raw()].connections) {
    const Connection& connection = connections_[index];
    const unsigned end = end_of(connection, from);
    if (connection.unit[1 - end] != to) continue;
    Parcel* parcel = core_.parcels.copy(message);
    parcel->tampered = true;
    const ShardId shard = population_.is_client(to) ? ShardId() : population_.shard_of(to);
    return schedule_datagram(link(index, end), parcel, shard, core_.now + core_.settings.network.delay_min);
  }
}

Network::FilterId Network::add_filter(Filter filter) {
  const FilterId id(++filters_made_);
  filters_.emplace_back(id, std::move(filter));
  return id;
}

void Network::remove_filter(FilterId filter) {
  std::erase_if(filters_, [filter](const auto& entry) { return entry.first == filter; });
}

Trace::Place Network::place_of(UnitId unit) const {
  if (population_.is_client(unit)) return {.shard = ShardId(population_.client_of(unit))};
  return {.node = population_.node_of(unit), .shard = population_.shard_of(unit)};
}

std::string Network::describe(UnitId unit) const {
  if (population_.is_client(unit)) return "client " + std::to_string(population_.client_of(unit));
  return "shard " + name_of_shard(population_.node_of(unit), population_.shard_of(unit));
}

}  // namespace keelson::sim
