// AsioTransport: Transport over TCP. Handlers only note that a socket is ready; every read and write is the bus's own.
//
// Who uses it: the runtime of a server (with listeners) and the blocking client (without). One thread, the one that
// runs the io_context. Sockets are made here with CLOEXEC and NODELAY, dialed and accepted ones alike. Not here: TLS
// (between this and the bus, when it comes).
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "keelson/io/transport.h"
#include "keelson/io/unique_fd.h"

namespace keelson::io {

class AsioTransport final : public Transport {
 public:
  explicit AsioTransport(asio::io_context& context);
  ~AsioTransport() override;

  // Takes the address; nobody is listened to before accept(). 0, or errno.
  int bind(Plane plane, const Address& address);
  // What the last accept(plane, true) ran into; 0: it listens.
  int listen_error() const { return listen_error_; }
  u64 accept_errors() const { return accept_errors_; }

  SocketId dial(const Address& address) override;
  Transfer receive(SocketId socket, MutableBytes first, MutableBytes second) override;
  Transfer send(SocketId socket, std::span<const Bytes> parts) override;
  void want_read(SocketId socket) override;
  void want_write(SocketId socket) override;
  void half_close(SocketId socket) override;
  void close(SocketId socket) override;
  bool next_event(SocketEvent& event) override;
  void accept(Plane plane, bool on) override;

 private:
  using Descriptor = asio::posix::stream_descriptor;
  struct Socket {
    SocketId id;
    std::optional<Descriptor> descriptor;  // none while a name is resolved
    std::unique_ptr<asio::ip::tcp::resolver> resolver;
    std::vector<std::pair<IpBytes, u16>> candidates;  // a dial's addresses that are still untried
  };
  struct Listener {
    explicit Listener(asio::io_context& context) : descriptor(context), pause(context) {}
    Descriptor descriptor;
    asio::steady_timer pause;  // after EMFILE and its kin
    std::chrono::milliseconds pause_for{10};
    bool on = false;
  };

  Socket& add();
  Socket* find(SocketId id);
  void wait(SocketId id, Descriptor::wait_type what, SocketEvent::Kind kind);
  void connect_next(SocketId id, int last_error);
  void on_connect_ready(SocketId id);
  void wait_accept(Plane plane);
  void accept_ready(Plane plane);
  void pause_accept(Plane plane);
  void shed_one(int listener);

  asio::io_context& context_;
  std::vector<std::unique_ptr<Socket>> sockets_;  // by slot
  std::vector<u32> free_slots_;
  u32 generation_ = 0;
  std::deque<SocketEvent> events_;
  std::unique_ptr<Listener> listeners_[3];  // by Plane
  UniqueFd reserve_;                        // given up to turn somebody away when descriptors run out
  int listen_error_ = 0;
  u64 accept_errors_ = 0;
};

}  // namespace keelson::io
