// Bus: all connections of a process. Sockets' events in, one bag's worth of peers and messages out; effects in, bytes
// out.
//
// Who uses it: the runtime of a server and the blocking client, turn by turn; tests over a transport in memory. It
// keeps the driver's promises of wire/event.h: connected and lost alternate per peer and are told once; what a
// connection carried comes before its loss; a queue that refuses says so. Without I/O of its own. Not here: threads,
// files, and every rule of the protocol: a line in io/ that names a view or an op is in the wrong place.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keelson/base/random.h"
#include "keelson/io/backoff.h"
#include "keelson/io/connection.h"
#include "keelson/io/peer_table.h"
#include "keelson/io/transport.h"
#include "keelson/wire/bag.h"

namespace keelson::io {

struct DialTarget {
  Address address;
  NodeId node = no_node;  // no_node: a client finds out
};

struct BusConfig {
  bool server = true;  // a client dials the client plane and accepts nothing
  LinkSelf self;
  std::vector<DialTarget> targets;  // a server's: the members with a higher id than its own
  ConnectionConfig peer;
  ConnectionConfig client;
  u32 clients_max = 4096;
  u32 handshakes_max = 256;  // accepted connections that are not open yet
  Duration reconnect_min = milliseconds(50);
  Duration reconnect_max = milliseconds(1000);
  u64 seed = 0;  // jitter
};

// Something that an operator wants to read, at most once per cause until it changed.
struct BusNote {
  enum class Kind : u8 { connected, lost, refused, dial_failed };
  Kind kind = Kind::connected;
  Plane plane = Plane::replica;
  NodeId node = no_node;
  Life life{};
  Address address{};  // dialed ones
  CloseCause cause = CloseCause::none;
  RejectCode reject = RejectCode::none;
  bool by_peer = false;  // refused: by the other end
  int error = 0;         // dial_failed: errno
};

class Bus {
 public:
  // `transport` and `slabs` outlive the bus.
  Bus(BusConfig config, Transport& transport, Slabs& slabs);

  void start(Instant now, Life life);        // accept and dial, as this life
  void collect(Instant now, EventBag& bag);  // one turn's input
  bool pending() const;                      // collect() has something right now
  Instant deadline() const;                  // collect() wants to be called then, at the latest
  void send(const Envelope& envelope);
  void close(Instant now, Peer peer);
  void flush(Instant now);
  void drain(Instant now);  // stop accepting and dialing, flush, part
  bool drained() const { return links_in_use_ == 0; }

  std::vector<BusNote> take_notes() { return std::exchange(notes_, {}); }
  const BusCounters& counters() const { return counters_; }
  BusCounters& counters() { return counters_; }
  u32 open_count(Plane plane) const;
  // A client: of the cluster that it found. Zero before the first welcome.
  const LinkPeer& cluster() const { return cluster_; }
  RejectCode last_refusal() const { return last_refusal_; }

 private:
  struct Target {
    Address address;
    NodeId node;
    Backoff backoff;
    SocketId socket;       // of the attempt or connection
    int noted_error = -1;  // dial_failed was noted for it
    RejectCode noted_reject = RejectCode::none;
  };
  struct Link {
    SocketId socket;
    Connection connection;
    std::size_t target;  // no_target where accepted
    Instant opened;
    Instant probed;  // judging: when the old connection was asked; 0: not yet
    int dial_error = 0;
    bool ready = false;   // is in ready_
    bool drained = true;  // the socket had nothing more; a readable event will come
    bool waits_to_write = false;
    bool dirty = false;    // is in dirty_
    bool greeted = false;  // its handshake is done
  };
  struct Announcement {
    PeerEvent event;
    SocketId socket;  // connected: opens it
  };
  static constexpr std::size_t no_target = ~std::size_t{0};

  Link* find(SocketId socket);
  Link* find(Peer peer);
  Link& add(SocketId socket, std::unique_ptr<Link> link);

  void take_socket_events(Instant now);
  void on_accepted(Instant now, SocketId socket, Plane plane);
  void on_dial_failed(Instant now, Link& link, int error);
  void announce(Instant now, EventBag& bag);
  void settle(Instant now, Link& link);  // after its connection moved; the link may be gone afterwards
  void judge(Instant now, Link& link);
  void judge_peer(Instant now, Link& link);
  void replace(Instant now, Link& link);
  void on_greeted(Link& link);
  void learn_cluster(Link& link);
  void read_ready(Instant now, EventBag& bag);
  void read(Instant now, Link& link, EventBag& bag);
  std::size_t receive(Instant now, Link& link, EventBag& bag, std::size_t limit);
  bool may_read(const Link& link) const;
  void mark_ready(Link& link);
  void flush(Instant now, Link& link);
  void mark_dirty(Link& link);
  void tick(Instant now);
  void dial_due(Instant now);
  bool wants_dial(const Target& target) const;
  void reap(Instant now, Link& link);
  void note(BusNote note);
  void note_end(Instant now, const Link& link);
  void note_refusal(Instant now, const Link& link);
  void count_dropped(Peer peer, u64 count);

  BusConfig config_;
  Transport& transport_;
  Slabs& slabs_;
  Prng prng_;
  BusCounters counters_;
  std::vector<std::unique_ptr<Link>> links_;  // by slot
  u32 links_in_use_ = 0;
  u32 greeting_ = 0;  // accepted, not open
  u32 clients_ = 0;
  std::vector<Target> targets_;
  PeerTable peers_;
  std::deque<Announcement> announcements_;
  std::vector<std::pair<Peer, u64>> dropped_;  // send_dropped events to come
  std::vector<SocketId> ready_;                // may have something to read, in order of turn
  std::vector<SocketId> dirty_;                // may have something to write
  std::vector<std::byte> scratch_;
  std::vector<BusNote> notes_;
  std::map<std::pair<NodeId, RejectCode>, Instant> refusals_noted_;
  LinkPeer cluster_;
  RejectCode last_refusal_ = RejectCode::none;
  u64 dial_seq_ = 0;
  u32 slabs_reserve_;  // below it clients are not read, so that nodes still are
  Instant next_tick_;
  bool started_ = false;
  bool draining_ = false;
};

}  // namespace keelson::io
