// MemoryNetwork: sockets in memory for several processes of one test. Bytes move only when the test says so.
//
// Who uses it: tests of the bus. Knobs are per network: how many bytes one call takes or gives, who can't be reached,
// which sockets are cut. It behaves as TCP does: what was sent before a close still arrives. Not here: real sockets.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "keelson/io/transport.h"

namespace keelson::test {

class MemoryNetwork;

class MemoryTransport : public io::Transport {
 public:
  MemoryTransport(MemoryNetwork& network, io::Address replica, io::Address client);

  io::SocketId dial(const io::Address& address) override;
  io::Transfer receive(io::SocketId socket, MutableBytes first, MutableBytes second) override;
  io::Transfer send(io::SocketId socket, std::span<const Bytes> parts) override;
  void want_read(io::SocketId socket) override;
  void want_write(io::SocketId socket) override;
  void half_close(io::SocketId socket) override;
  void close(io::SocketId socket) override;
  bool next_event(io::SocketEvent& event) override;
  void accept(io::Plane plane, bool on) override { accepting[static_cast<std::size_t>(plane)] = on; }

  // --- what tests look at and turn
  std::size_t call_max = ~std::size_t{0};  // bytes per call
  bool frozen = false;                     // takes and gives nothing, like a stopped process
  u32 dials = 0;
  std::size_t open_sockets() const { return sockets_.size(); }
  std::vector<io::SocketId> sockets() const;
  // A socket of the test's own: what it writes arrives at this process as from a stranger.
  io::SocketId connect_stranger(io::Plane plane);
  void stranger_sends(io::SocketId socket, Bytes bytes);
  std::vector<std::byte> stranger_received(io::SocketId socket);
  bool stranger_is_closed(io::SocketId socket) const;
  void stranger_closes(io::SocketId socket);
  void reset(io::SocketId socket);  // both ends fail

  bool accepting[3] = {};

 private:
  friend class MemoryNetwork;
  struct Pipe {  // one direction
    std::deque<std::byte> bytes;
    std::size_t capacity = 1 << 20;
    bool closed = false;  // by the writer
    bool reset = false;
  };
  struct Socket {
    std::shared_ptr<Pipe> in;
    std::shared_ptr<Pipe> out;
    bool wants_read = false;
    bool wants_write = false;
  };
  io::SocketId add(Socket socket);
  Socket* find(io::SocketId socket);

  MemoryNetwork& network_;
  std::map<io::SocketId, Socket> sockets_;
  std::map<io::SocketId, Socket> strangers_;
  std::deque<io::SocketEvent> events_;
  std::set<u32> slots_;
  u32 generation_ = 0;
};

class MemoryNetwork {
 public:
  std::set<io::Address> unreachable;  // dials there hang
  std::map<io::Address, std::pair<MemoryTransport*, io::Plane>> listeners;
};

}  // namespace keelson::test
