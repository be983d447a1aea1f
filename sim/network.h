// Network: links between the shards of nodes and between clients and nodes, and the connections that run over them.
//
// Who uses it: World sends what programs emit and hands back the happenings scheduled here; barriers and faults act on
// it. Deliveries, connections and losses become arrivals, after the very checks of hostile bytes that production runs.
// Connections exist in both link modes, and tell both ends the same strictly alternating story as io's bus. Not here:
// what a message means, and shapes of partitions.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "keelson/sim/arrival.h"
#include "keelson/sim/barriers.h"
#include "keelson/sim/core.h"
#include "keelson/sim/fifo.h"
#include "keelson/sim/storage.h"
#include "keelson/wire/validate.h"

namespace keelson::sim {

// Who is in the world, in numbers. Shard s of a node talks to shard s of the others; clients talk to every node's shard
// 0.
struct Population {
  u16 nodes = 0;
  u16 shards = 1;  // per node
  u16 clients = 0;

  constexpr u32 units() const { return u32{nodes} * shards + clients; }
  constexpr u16 hosts() const { return static_cast<u16>(nodes + clients); }
  constexpr UnitId unit_of(NodeId node, ShardId shard) const { return UnitId(u32{node.raw()} * shards + shard.raw()); }
  constexpr UnitId client_unit(u16 client) const { return UnitId(u32{nodes} * shards + client); }
  constexpr HostId host_of(NodeId node) const { return HostId(node.raw()); }
  constexpr HostId client_host(u16 client) const { return HostId(static_cast<u16>(nodes + client)); }
  constexpr bool is_client(UnitId unit) const { return unit.raw() >= u32{nodes} * shards; }
  constexpr NodeId node_of(UnitId unit) const { return NodeId(static_cast<u16>(unit.raw() / shards)); }
  constexpr ShardId shard_of(UnitId unit) const { return ShardId(static_cast<u16>(unit.raw() % shards)); }
  constexpr u16 client_of(UnitId unit) const { return static_cast<u16>(unit.raw() - u32{nodes} * shards); }
  constexpr HostId host_of_unit(UnitId unit) const {
    return is_client(unit) ? client_host(client_of(unit)) : host_of(node_of(unit));
  }
};

// One message on its way, for filters and observers.
struct Passage {
  UnitId from;
  UnitId to;
  Bytes message;
  Header header() const { return header_at(message.data()); }
};

// Why a message never arrived; in trace records.
enum class Lost : u8 { loss, blocked, gray, filter, no_connection, broken, send_queue, receiver, rejected, no_slab };

class Network {
 public:
  // What scripted filters say about a message that is being sent.
  enum class Fate : u8 { pass, drop };
  using Filter = std::function<Fate(const Passage&)>;
  using FilterId = Id<struct FilterIdTag, u32>;

  Network(Core& core, Receiver& receiver, const Population& population, ClusterId cluster, u32 message_size_max);

  // A unit that can be talked to, and one that no longer can. A shard's life is what its peers are told.
  void up(UnitId unit, Life life);
  void down(UnitId unit, CrashKind kind);
  // A host that takes no turns: its connections stay, until their other ends miss it.
  void paused(HostId host);
  void resumed(HostId host);

  // The sends of one turn stand between these two, and its messages live until the second: their receivers share
  // parcels.
  void begin_turn() { check(!last_parcel_); }
  void end_turn();
  // `at` is when the sender has finished its turn.
  void send(UnitId from, const Envelope& envelope, Instant at);
  // One end closes its connection to `peer`.
  void close(UnitId unit, Peer peer);
  void on_happening(const Happening& happening);

  // What the unit's send queues refused since it was last asked: visit(Peer, u64 count).
  bool refused(UnitId unit) const { return units_[unit.raw()].refused; }
  template <class Visit>
  void take_refusals(UnitId unit, Visit visit);

  const Barriers& barriers() const { return barriers_; }
  void block(HostPair pair);
  void unblock(HostPair pair);
  void clog(HostPair pair);
  void unclog(HostPair pair);
  void block_commands(HostPair pair, const CommandSet& commands) { barriers_.block_commands(pair, commands); }
  void unblock_commands(HostPair pair, const CommandSet& commands) { barriers_.unblock_commands(pair, commands); }
  // Breaks what connects two hosts, as a reset does.
  void reset(HostId a, HostId b);

  FilterId add_filter(Filter filter);
  void remove_filter(FilterId filter);
  // A message from nowhere: replayed or forged by a test or a step. It must get past the same checks.
  void inject(UnitId from, UnitId to, Bytes message);

  bool connected(UnitId a, UnitId b) const;  // both ends believe in it
  u64 messages_delivered() const { return delivered_; }
  u64 messages_rejected(Reject reject) const { return rejected_[static_cast<std::size_t>(reject)]; }

 private:
  enum class What : u8 { head, datagram, dial, hear_loss, silence };

  struct InFlight {
    Parcel* parcel = nullptr;
    Instant due;
    ShardId to_shard;
  };
  // One direction of a connection.
  struct Link {
    Stream stream;
    LinkMode drawn_mode = LinkMode::mixed;  // by a world of mixed links; mixed: not drawn yet
    LinkRules rules;                        // what the receiver knows about the sender
    UnitId from;
    UnitId to;
    HostPair hosts;
    Fifo<InFlight> pipe;   // stream: what is on its way, in order; datagram: what a clog holds back
    EventRef head;         // the first of it arrives
    bool stalled = false;  // the first of it could not, and waits for a barrier to fall
    Instant last_due;
    Instant wire_free;  // bandwidth
    u64 bytes_waiting = 0;
    u32 sent = 0;  // datagrams, for counting reorder
    u32 newest_delivered = 0;
    u64 refused = 0;
  };
  // End 0 dials: the lower node, or the client.
  struct Connection {
    UnitId unit[2];
    u32 generation = 0;
    bool told[2] = {false, false};  // the end was told `connected` and not yet `lost`
    bool broken = true;             // nothing sent from now on arrives
    bool dialing = false;
    u32 failures = 0;
    EventRef dial;
    EventRef hear[2];
    EventRef silence[2];  // the end gives up if its peer stays silent that long
  };
  struct Unit {
    bool up = false;
    bool refused = false;
    Life life;
    std::vector<u32> connections;  // of a shard: by node, then those of clients; of a client: by node
  };

  Link& link(u32 connection, unsigned from_end) { return links_[std::size_t{2} * connection + from_end]; }
  unsigned end_of(const Connection& connection, UnitId unit) const { return connection.unit[1] == unit ? 1 : 0; }
  bool client_connection(const Connection& connection) const { return population_.is_client(connection.unit[0]); }
  Peer peer_at(u32 connection, unsigned end) const;  // how `end` calls the other one
  std::optional<u32> connection_of(UnitId from, Peer to) const;
  void add_connection(UnitId dialer, UnitId acceptor, std::string_view dialer_name, std::string_view acceptor_name);

  u32 link_index(const Link& link) const { return static_cast<u32>(&link - links_.data()); }
  LinkMode mode_of(Link& out);
  Trace::Place place_of(UnitId unit) const;
  std::string describe(UnitId unit) const;

  // network.cc: messages
  void send_stream(Link& out, u32 connection, Parcel* parcel, ShardId shard, Instant at);
  void send_datagram(Link& out, Parcel* parcel, ShardId shard, Instant at);
  void schedule_datagram(Link& out, Parcel* parcel, ShardId shard, Instant due);
  Duration draw_delay(Link& out, Instant at, u32 bytes);
  Parcel* maybe_corrupted(Link& out, Parcel* parcel);
  std::optional<Lost> stopped_at_source(const Link& out, Parcel* parcel) const;
  void lose(const Link& link, Parcel* parcel, Lost why);
  Parcel* parcel_of(const MessageRef& message);
  void on_head(u32 link_index);
  void on_datagram(const Happening& happening);
  void deliver(u32 link_index, Parcel* parcel, ShardId shard);
  Reject verify(const Link& in, Parcel* parcel) const;
  void schedule_head(u32 link_index, Instant at);
  void resume_link(u32 link_index);
  void clear_pipe(Link& link);
  void refuse(Link& out, Parcel* parcel, Lost why);

  // connection.cc: lives of connections
  void schedule_dial(u32 connection, Duration after);
  void on_dial(u32 connection);
  void dial_failed(u32 connection);
  void establish(u32 connection);
  void break_connection(u32 connection);  // a reset: a prefix of what is under way still arrives
  void on_hear_loss(u32 connection, unsigned end);
  void hear_loss_after(u32 connection, unsigned end, Instant earliest);
  void expect_silence(u32 connection, unsigned end);  // nothing can reach `end` any more, or for now
  void silence_over(u32 connection, unsigned end);
  void tell(u32 connection, unsigned end, PeerEventKind kind);
  std::vector<u32>& links_of(HostPair hosts) {
    return links_of_pair_[std::size_t{hosts.from.raw()} * population_.hosts() + hosts.to.raw()];
  }

  Core& core_;
  Receiver& receiver_;
  Population population_;
  ClusterId cluster_;
  u32 message_size_max_;
  Barriers barriers_;
  std::vector<Connection> connections_;
  std::vector<Link> links_;  // two per connection: from end 0, from end 1
  std::vector<std::vector<u32>> links_of_pair_;
  std::vector<Unit> units_;
  std::vector<bool> paused_;  // by host
  std::vector<std::pair<FilterId, Filter>> filters_;
  u32 filters_made_ = 0;
  const std::byte* last_sent_ = nullptr;  // of this turn: one parcel for all receivers of a message
  Parcel* last_parcel_ = nullptr;
  u64 delivered_ = 0;
  std::array<u64, 16> rejected_{};
};

template <class Visit>
void Network::take_refusals(UnitId unit, Visit visit) {
  units_[unit.raw()].refused = false;
  for (const u32 index : units_[unit.raw()].connections) {
    auto& out = link(index, end_of(connections_[index], unit));
    if (out.refused > 0) visit(peer_at(index, end_of(connections_[index], unit)), std::exchange(out.refused, 0));
  }
}

}  // namespace keelson::sim
