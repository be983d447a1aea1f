// Transport: sockets as the bus needs them. Nothing blocks, nothing throws, nothing calls back.
//
// Who implements it: transport_asio.cc (TCP), tests (bytes in memory). Who uses it: Bus only. A socket's name is never
// used twice. Not here: what the bytes mean, when to dial or to give up.
#pragma once

#include <span>

#include "keelson/base/bytes.h"
#include "keelson/io/address.h"
#include "keelson/io/link.h"

namespace keelson::io {

// slot: a small number that another socket may have later; generation: counts up, so the pair is unique.
struct SocketId {
  u32 slot = 0;
  u32 generation = 0;  // 0: no socket
  auto operator<=>(const SocketId&) const = default;
  explicit operator bool() const { return generation != 0; }
};

struct SocketEvent {
  enum class Kind : u8 { accepted, connected, failed, readable, writable };
  Kind kind = Kind::readable;
  SocketId socket;
  Plane plane = Plane::replica;  // accepted
  int error = 0;                 // failed: errno of a dial; 0: the name has no address
};

struct Transfer {
  enum class Result : u8 { some, would_block, eof, error };
  Result result = Result::would_block;
  std::size_t bytes = 0;  // some
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual SocketId dial(const Address& address) = 0;  // connected or failed follows, unless closed before
  virtual Transfer receive(SocketId socket, MutableBytes first, MutableBytes second) = 0;
  virtual Transfer send(SocketId socket, std::span<const Bytes> parts) = 0;
  virtual void want_read(SocketId socket) = 0;   // one readable event follows
  virtual void want_write(SocketId socket) = 0;  // one writable event follows
  virtual void half_close(SocketId socket) = 0;  // no more bytes from us
  virtual void close(SocketId socket) = 0;       // no event of it follows
  virtual bool next_event(SocketEvent& event) = 0;
  virtual void accept(Plane plane, bool on) = 0;
};

}  // namespace keelson::io
