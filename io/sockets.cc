#include "keelson/io/sockets.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace keelson::io {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

constexpr IpBytes v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
bool is_v4(const IpBytes& ip) { return std::memcmp(ip.data(), v4_prefix.data(), 12) == 0; }

SocketAddress address_of(const IpBytes& ip, u16 port) {
  SocketAddress address;
  if (is_v4(ip)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.data() + 12, 4);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.data(), 16);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  }
  return address;
}

void set(int fd, int level, int option, int value) { (void)::setsockopt(fd, level, option, &value, sizeof value); }

}  // namespace

UniqueFd make_tcp_socket(const IpBytes& ip) {
  return UniqueFd(::socket(is_v4(ip) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Never SO_REUSEPORT: a stale process would take half of the connections silently.
int bind_socket(int fd, const IpBytes& ip, u16 port) {
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!is_v4(ip)) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const SocketAddress address = address_of(ip, port);
  return ::bind(fd, address.get(), address.size) == 0 ? 0 : errno;
}

int start_connect(int fd, const IpBytes& ip, u16 port) {
  const SocketAddress address = address_of(ip, port);
  return ::connect(fd, address.get(), address.size) == 0 ? 0 : errno;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

// User time-out = idle + interval x probes: a smaller one overrides the probes, a larger one makes them meaningless.
void tune(int fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 5);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 11'000);
  set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 * 1024);  // what waits, waits in our queue, where classes can overtake
}

}  // namespace keelson::io
