#include "tests/lib/io/memory_network.h"

#include <algorithm>
#include <cerrno>

namespace keelson::test {

MemoryTransport::MemoryTransport(MemoryNetwork& network, io::Address replica, io::Address client) : network_(network) {
  network.listeners[replica] = {this, io::Plane::replica};
  network.listeners[client] = {this, io::Plane::client};
}

io::SocketId MemoryTransport::add(Socket socket) {
  u32 slot = 0;
  while (slots_.contains(slot)) ++slot;
  slots_.insert(slot);
  const io::SocketId id{slot, ++generation_};
  sockets_[id] = std::move(socket);
  return id;
}

MemoryTransport::Socket* MemoryTransport::find(io::SocketId socket) {
  const auto found = sockets_.find(socket);
  return found == sockets_.end() ? nullptr : &found->second;
}

std::vector<io::SocketId> MemoryTransport::sockets() const {
  std::vector<io::SocketId> ids;
  for (const auto& [id, socket] : sockets_) ids.push_back(id);
  return ids;
}

io::SocketId MemoryTransport::dial(const io::Address& address) {
  ++dials;
  auto there = std::make_shared<Pipe>();
  auto back = std::make_shared<Pipe>();
  const io::SocketId id = add({back, there});
  if (network_.unreachable.contains(address)) return id;
  const auto listener = network_.listeners.find(address);
  if (listener == network_.listeners.end() ||
      !listener->second.first->accepting[static_cast<std::size_t>(listener->second.second)]) {
    events_.push_back({io::SocketEvent::Kind::failed, id, {}, ECONNREFUSED});
    return id;
  }
  const auto [other, plane] = listener->second;
  other->events_.push_back({io::SocketEvent::Kind::accepted, other->add({there, back}), plane, 0});
  events_.push_back({io::SocketEvent::Kind::connected, id, {}, 0});
  return id;
}

io::Transfer MemoryTransport::receive(io::SocketId socket, MutableBytes first, MutableBytes second) {
  Socket* s = find(socket);
  check(s != nullptr);
  if (s->in->reset) return {io::Transfer::Result::error, 0};
  if (frozen) return {};
  std::size_t count = 0;
  for (MutableBytes into : {first, second})
    for (std::size_t i = 0; i < into.size() && !s->in->bytes.empty() && count < call_max; ++i, ++count) {
      into[i] = s->in->bytes.front();
      s->in->bytes.pop_front();
    }
  if (count > 0) return {io::Transfer::Result::some, count};
  return {s->in->closed ? io::Transfer::Result::eof : io::Transfer::Result::would_block, 0};
}

io::Transfer MemoryTransport::send(io::SocketId socket, std::span<const Bytes> parts) {
  Socket* s = find(socket);
  check(s != nullptr);
  if (s->out->reset) return {io::Transfer::Result::error, 0};
  if (frozen) return {};
  std::size_t count = 0;
  for (const Bytes part : parts)
    for (const std::byte byte : part) {
      if (count == call_max || s->out->bytes.size() == s->out->capacity)
        return {count ? io::Transfer::Result::some : io::Transfer::Result::would_block, count};
      s->out->bytes.push_back(byte);
      ++count;
    }
  return {io::Transfer::Result::some, count};
}

void MemoryTransport::want_read(io::SocketId socket) {
  check(find(socket) != nullptr);
  find(socket)->wants_read = true;
}
void MemoryTransport::want_write(io::SocketId socket) {
  check(find(socket) != nullptr);
  find(socket)->wants_write = true;
}
void MemoryTransport::half_close(io::SocketId socket) { find(socket)->out->closed = true; }

void MemoryTransport::close(io::SocketId socket) {
  Socket* s = find(socket);
  check(s != nullptr);
  s->out->closed = true;
  sockets_.erase(socket);
  slots_.erase(socket.slot);
  std::erase_if(events_, [&](const io::SocketEvent& event) { return event.socket == socket; });
}

bool MemoryTransport::next_event(io::SocketEvent& event) {
  if (frozen) return false;
  for (auto& [id, socket] : sockets_) {
    if (socket.wants_read && (!socket.in->bytes.empty() || socket.in->closed || socket.in->reset)) {
      socket.wants_read = false;
      events_.push_back({io::SocketEvent::Kind::readable, id, {}, 0});
    }
    if (socket.wants_write && (socket.out->bytes.size() < socket.out->capacity || socket.out->reset)) {
      socket.wants_write = false;
      events_.push_back({io::SocketEvent::Kind::writable, id, {}, 0});
    }
  }
  if (events_.empty()) return false;
  event = events_.front();
  events_.pop_front();
  return true;
}

io::SocketId MemoryTransport::connect_stranger(io::Plane plane) {
  auto there = std::make_shared<Pipe>();
  auto back = std::make_shared<Pipe>();
  const io::SocketId id = add({there, back});
  strangers_[id] = {back, there};
  events_.push_back({io::SocketEvent::Kind::accepted, id, plane, 0});
  return id;
}

void MemoryTransport::stranger_sends(io::SocketId socket, Bytes bytes) {
  auto& pipe = strangers_.at(socket).out->bytes;
  pipe.insert(pipe.end(), bytes.begin(), bytes.end());
}

std::vector<std::byte> MemoryTransport::stranger_received(io::SocketId socket) {
  auto& pipe = strangers_.at(socket).in->bytes;
  std::vector<std::byte> bytes(pipe.begin(), pipe.end());
  pipe.clear();
  return bytes;
}

bool MemoryTransport::stranger_is_closed(io::SocketId socket) const { return !sockets_.contains(socket); }
void MemoryTransport::stranger_closes(io::SocketId socket) { strangers_.at(socket).out->closed = true; }

void MemoryTransport::reset(io::SocketId socket) {
  Socket* s = find(socket);
  check(s != nullptr);
  s->in->reset = s->out->reset = true;
}

}  // namespace keelson::test
