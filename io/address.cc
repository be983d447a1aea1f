#include "keelson/io/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace keelson::io {
namespace {

constexpr IpBytes v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

bool is_v4(const IpBytes& ip) { return std::equal(ip.begin(), ip.begin() + 12, v4_prefix.begin()); }

std::optional<u16> parse_port(std::string_view text) {
  u16 port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_port(text.substr(colon + 1));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  const bool has_blank = std::any_of(host.begin(), host.end(), [](char c) { return c <= ' ' || c == '/'; });
  if (!port || host.empty() || host.size() > 253 || has_blank) return std::nullopt;
  return Address{std::string(host), *port};
}

std::string to_string(const Address& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  const std::string host = brackets ? "[" + address.host + "]" : address.host;
  return host + ":" + std::to_string(address.port);
}

std::optional<IpBytes> numeric_ip(std::string_view host) {
  const std::string text(host);
  IpBytes ip = v4_prefix;
  if (inet_pton(AF_INET, text.c_str(), ip.data() + 12) == 1) return ip;
  if (inet_pton(AF_INET6, text.c_str(), ip.data()) == 1) return ip;
  return std::nullopt;
}

std::string host_of(const IpBytes& ip) {
  char text[INET6_ADDRSTRLEN] = {};
  const bool v4 = is_v4(ip);
  inet_ntop(v4 ? AF_INET : AF_INET6, ip.data() + (v4 ? 12 : 0), text, sizeof text);
  return text;
}

bool is_loopback(const IpBytes& ip) {
  if (is_v4(ip)) return ip[12] == 127;
  return ip == IpBytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

bool is_wildcard(const IpBytes& ip) { return ip == v4_prefix || ip == IpBytes{}; }

}  // namespace keelson::io
