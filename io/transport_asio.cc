#include "keelson/io/transport_asio.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "keelson/io/sockets.h"

namespace keelson::io {
namespace {

constexpr int backlog = 1024;
constexpr int accepts_per_wake = 64;
constexpr std::chrono::milliseconds pause_min{10};
constexpr std::chrono::milliseconds pause_max{1000};
constexpr u32 generation_max = 0xffffff;  // a ConnectionId has room for 24 bits
constexpr std::size_t parts_max = 256;

Transfer failure() {
  const bool again = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {again ? Transfer::Result::would_block : Transfer::Result::error, 0};
}

}  // namespace

AsioTransport::AsioTransport(asio::io_context& context)
    : context_(context), reserve_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}
AsioTransport::~AsioTransport() = default;

AsioTransport::Socket& AsioTransport::add() {
  u32 slot = static_cast<u32>(sockets_.size());
  if (free_slots_.empty()) {
    sockets_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  generation_ = generation_ == generation_max ? 1 : generation_ + 1;
  sockets_[slot] = std::make_unique<Socket>();
  sockets_[slot]->id = {slot, generation_};
  return *sockets_[slot];
}

AsioTransport::Socket* AsioTransport::find(SocketId id) {
  Socket* socket = id.slot < sockets_.size() ? sockets_[id.slot].get() : nullptr;
  return socket && socket->id == id ? socket : nullptr;
}

// A handler that was queued before a close still runs: it finds nobody.
void AsioTransport::wait(SocketId id, Descriptor::wait_type what, SocketEvent::Kind kind) {
  find(id)->descriptor->async_wait(what, [this, id, kind](const std::error_code&) {
    if (find(id)) events_.push_back({kind, id, {}, 0});
  });
}
void AsioTransport::want_read(SocketId socket) { wait(socket, Descriptor::wait_read, SocketEvent::Kind::readable); }
void AsioTransport::want_write(SocketId socket) { wait(socket, Descriptor::wait_write, SocketEvent::Kind::writable); }

Transfer AsioTransport::receive(SocketId id, MutableBytes first, MutableBytes second) {
  iovec vectors[2];
  std::size_t count = 0;
  for (const MutableBytes into : {first, second})
    if (!into.empty()) vectors[count++] = {into.data(), into.size()};
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t got = ::recvmsg(find(id)->descriptor->native_handle(), &message, MSG_DONTWAIT);
  if (got < 0) return failure();
  return got == 0 ? Transfer{Transfer::Result::eof, 0}
                  : Transfer{Transfer::Result::some, static_cast<std::size_t>(got)};
}

Transfer AsioTransport::send(SocketId id, std::span<const Bytes> parts) {
  iovec vectors[parts_max];
  const std::size_t count = std::min(parts.size(), parts_max);
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t sent = ::sendmsg(find(id)->descriptor->native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? failure() : Transfer{Transfer::Result::some, static_cast<std::size_t>(sent)};
}

void AsioTransport::half_close(SocketId id) { ::shutdown(find(id)->descriptor->native_handle(), SHUT_WR); }

void AsioTransport::close(SocketId id) {
  if (!find(id)) return;
  sockets_[id.slot].reset();
  free_slots_.push_back(id.slot);
}

bool AsioTransport::next_event(SocketEvent& event) {
  while (!events_.empty()) {
    event = events_.front();
    events_.pop_front();
    if (find(event.socket)) return true;
  }
  return false;
}

SocketId AsioTransport::dial(const Address& address) {
  Socket& socket = add();
  const SocketId id = socket.id;
  if (const auto ip = numeric_ip(address.host)) {
    socket.candidates.emplace_back(*ip, address.port);
    connect_next(id, 0);
    return id;
  }
  socket.resolver = std::make_unique<asio::ip::tcp::resolver>(context_);
  socket.resolver->async_resolve(
      address.host, std::to_string(address.port), asio::ip::resolver_base::numeric_service,
      [this, id](const std::error_code&, const asio::ip::tcp::resolver::results_type& results) {
        Socket* resolved = find(id);
        if (!resolved) return;
        for (const auto& entry : results)
          if (const auto ip = numeric_ip(entry.endpoint().address().to_string()))
            resolved->candidates.emplace_back(*ip, entry.endpoint().port());
        std::reverse(resolved->candidates.begin(), resolved->candidates.end());  // tried from the back
        connect_next(id, 0);
      });
  return id;
}

void AsioTransport::connect_next(SocketId id, int last_error) {
  Socket& socket = *find(id);
  while (!socket.candidates.empty()) {
    const auto [ip, port] = socket.candidates.back();
    socket.candidates.pop_back();
    UniqueFd fd = make_tcp_socket(ip);
    last_error = fd ? start_connect(fd.get(), ip, port) : errno;
    if (last_error != 0 && last_error != EINPROGRESS) continue;
    tune(fd.get());
    socket.descriptor.emplace(context_, fd.release());
    socket.descriptor->async_wait(Descriptor::wait_write, [this, id](const std::error_code&) {
      if (find(id)) on_connect_ready(id);
    });
    return;
  }
  events_.push_back({SocketEvent::Kind::failed, id, {}, last_error});
}

void AsioTransport::on_connect_ready(SocketId id) {
  Socket& socket = *find(id);
  const int error = socket_error(socket.descriptor->native_handle());
  if (error == 0) return events_.push_back({SocketEvent::Kind::connected, id, {}, 0});
  socket.descriptor.reset();
  connect_next(id, error);
}

int AsioTransport::bind(Plane plane, const Address& address) {
  const auto ip = numeric_ip(address.host);
  if (!ip) return EINVAL;
  UniqueFd fd = make_tcp_socket(*ip);
  if (!fd) return errno;
  if (const int error = bind_socket(fd.get(), *ip, address.port); error != 0) return error;
  auto listener = std::make_unique<Listener>(context_);
  listener->descriptor.assign(fd.release());
  listeners_[static_cast<std::size_t>(plane)] = std::move(listener);
  return 0;
}

void AsioTransport::accept(Plane plane, bool on) {
  auto& listener = listeners_[static_cast<std::size_t>(plane)];
  if (!listener || listener->on == on) return;
  if (!on) return listener.reset();
  if (::listen(listener->descriptor.native_handle(), backlog) != 0) {
    listen_error_ = errno;
    return;
  }
  listener->on = true;
  wait_accept(plane);
}

void AsioTransport::wait_accept(Plane plane) {
  auto& listener = listeners_[static_cast<std::size_t>(plane)];
  listener->descriptor.async_wait(Descriptor::wait_read, [this, plane](const std::error_code& error) {
    if (!error && listeners_[static_cast<std::size_t>(plane)]) accept_ready(plane);
  });
}

void AsioTransport::accept_ready(Plane plane) {
  Listener& listener = *listeners_[static_cast<std::size_t>(plane)];
  for (int i = 0; i < accepts_per_wake; ++i) {
    UniqueFd fd(::accept4(listener.descriptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      listener.pause_for = pause_min;
      tune(fd.get());
      Socket& socket = add();
      socket.descriptor.emplace(context_, fd.release());
      events_.push_back({SocketEvent::Kind::accepted, socket.id, plane, 0});
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    ++accept_errors_;
    const bool no_descriptors = errno == EMFILE || errno == ENFILE;
    if (no_descriptors) shed_one(listener.descriptor.native_handle());
    // The listener stays readable: without a pause the loop would spin.
    if (no_descriptors || errno == ENOBUFS || errno == ENOMEM) return pause_accept(plane);
  }
  wait_accept(plane);
}

// The peer sees a reset at once instead of hanging in the backlog.
void AsioTransport::shed_one(int listener) {
  reserve_ = UniqueFd();
  if (const UniqueFd fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)}) {
    const linger hard{1, 0};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  reserve_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void AsioTransport::pause_accept(Plane plane) {
  Listener& listener = *listeners_[static_cast<std::size_t>(plane)];
  listener.pause.expires_after(listener.pause_for);
  listener.pause_for = std::min(listener.pause_for * 2, pause_max);
  listener.pause.async_wait([this, plane](const std::error_code& error) {
    if (!error && listeners_[static_cast<std::size_t>(plane)]) wait_accept(plane);
  });
}

}  // namespace keelson::io
