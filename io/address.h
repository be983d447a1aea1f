// Address: a host and a port, as configuration and command lines write them.
//
// Who uses it: config, the bus (whom to dial), transports, the command line. An IPv6 host is written in brackets. Not
// here: resolving a name (transport_asio.cc).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "keelson/base/types.h"

namespace keelson::io {

struct Address {
  std::string host;
  u16 port = 0;
  auto operator<=>(const Address&) const = default;
};

std::optional<Address> parse_address(std::string_view text);  // none unless host:port with a port of 1 to 65535
std::string to_string(const Address& address);

// The 16 bytes of an IPv6 address; an IPv4 one is mapped (::ffff:a.b.c.d).
using IpBytes = std::array<u8, 16>;
std::optional<IpBytes> numeric_ip(std::string_view host);
std::string host_of(const IpBytes& ip);
bool is_loopback(const IpBytes& ip);
bool is_wildcard(const IpBytes& ip);

}  // namespace keelson::io
