// Connection: everything about one TCP connection but the socket. Bytes and time in, messages and bytes out.
//
// Who uses it: the bus, which owns the sockets' names, and tests, which own none. It runs the handshake, verifies what
// arrives, queues what leaves, pings and gives up on a peer that is silent, stuck or hostile; then it says why. Not
// here: which connections exist, who replaces whom (bus.h), system calls (transport_asio.cc).
#pragma once

#include "keelson/io/bus_counters.h"
#include "keelson/io/frame_reader.h"
#include "keelson/io/handshake.h"
#include "keelson/io/send_queue.h"
#include "keelson/wire/bag.h"

namespace keelson::io {

struct ConnectionConfig {
  Duration connect = seconds(2);
  Duration handshake = seconds(5);      // until open, whatever the bytes say
  Duration ping_interval = seconds(1);  // of silence; replica plane only, a client may sleep
  Duration ping_timeout = seconds(3);
  Duration stall = seconds(10);       // bytes wait and none is taken
  Duration slow_frame = seconds(10);  // + 1 s per 64 KiB of the message
  Duration reject_flush = milliseconds(100);
  Duration drain = milliseconds(500);
  u32 message_size_max = 1 << 20;
  SendLimits send;
};

class Connection {
 public:
  enum class State : u8 {
    connecting,  // the dialer's socket is not up yet
    greeting,    // handshake
    judging,     // the bus must admit() or refuse()
    handoff,     // the handshake is done; the bus must open() it once it told the kernel
    open,
    draining,   // our last bytes leave; messages are still taken in
    lingering,  // half-closed: what comes is discarded until the other end closes, or time is up
    closed,     // cause() says why; the socket may go
  };

  // The reference parameters outlive the connection.
  Connection(Plane plane, const ConnectionConfig& config, const LinkSelf& self, Slabs& slabs, BusCounters& counters,
             Instant now);  // accepted
  Connection(Plane plane, const ConnectionConfig& config, const LinkSelf& self, Slabs& slabs, BusCounters& counters,
             Instant now, NodeId expected, u64 dial_seq);  // dialed

  // --- what the socket did
  void on_connected(Instant now);
  void on_eof(Instant now);
  void on_error(CloseCause cause) { close(cause); }
  // How many bytes may be received now; 0: leave them in the socket.
  std::size_t read_limit() const;
  MutableBytes direct();  // receive here first, if not empty
  void on_direct(Instant now, std::size_t bytes, Vec<Envelope>& inbox);
  void on_bytes(Instant now, Bytes bytes, Vec<Envelope>& inbox);
  bool blocked() const { return blocked_; }       // bytes wait for a slab
  void retry(Instant now, Vec<Envelope>& inbox);  // a slab may be free again
  std::size_t gather(std::span<Bytes> parts);     // what to write next; 0: nothing
  void on_written(Instant now, std::size_t bytes);
  bool wants_half_close() const;
  void on_half_closed() { half_closed_ = true; }

  // --- what the bus decides
  void admit();
  void refuse(Instant now, RejectCode code);
  void open(Instant now, Peer peer);  // from now on messages flow, under this name
  SendResult send(MessageRef message);
  void ping(Instant now);   // ask for a sign of life
  void drain(Instant now);  // flush, say goodbye, half-close
  void close(CloseCause cause);
  void on_tick(Instant now);

  State state() const { return state_; }
  CloseCause cause() const { return cause_; }
  Plane plane() const { return handshake_.plane(); }
  bool is_dialer() const { return handshake_.is_dialer(); }
  const Handshake& handshake() const { return handshake_; }
  const LinkPeer& peer() const { return handshake_.peer(); }
  Peer name() const { return name_; }
  bool was_open() const { return was_open_; }
  Instant last_heard() const { return last_heard_; }
  u64 take_dropped();  // messages lost to control's eviction
  u64 queued_messages() const { return queue_.messages(); }
  u64 drop_queue() { return queue_.clear(); }

 private:
  bool is_greeting() const { return state_ == State::greeting; }
  void on_link_bytes(Instant now, Bytes& bytes);
  void consume(Instant now, Bytes bytes, Vec<Envelope>& inbox);
  void after_handshake_step(Instant now);
  void handle(Instant now, FrameReader::Step step, Vec<Envelope>& inbox);
  void on_message(Instant now, MessageRef message, Vec<Envelope>& inbox);
  void on_link_message(Instant now, Command command);
  void on_fault(Instant now);
  void linger(Instant now, Duration budget, CloseCause cause);
  void send_link(Command command);
  void tick_open(Instant now);

  const ConnectionConfig& config_;
  Slabs& slabs_;
  BusCounters& counters_;
  State state_;
  CloseCause cause_ = CloseCause::none;
  CloseCause linger_cause_ = CloseCause::none;
  bool was_open_ = false;
  bool half_closed_ = false;
  const LinkSelf& self_;
  Handshake::Output prologue_;  // link bytes that leave before the queue
  std::size_t prologue_offset_ = 0;
  Handshake handshake_;
  std::optional<FrameReader> reader_;
  bool blocked_ = false;
  std::vector<std::byte> held_;  // received, but a slab was missing
  SendQueue queue_;
  Peer name_;
  Instant born_;
  Instant last_heard_;
  Instant last_ping_;
  Instant last_written_;
  Instant last_progress_;  // a byte was taken, or the queue was empty
  Instant frame_started_;
  Instant linger_until_;
  Instant faults_since_;
  u32 faults_ = 0;  // dropped messages since faults_since_
};

}  // namespace keelson::io
