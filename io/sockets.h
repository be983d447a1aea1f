// Making and tuning TCP sockets: the system calls that AsioTransport needs and Asio does not make for us.
#pragma once

#include "keelson/io/address.h"
#include "keelson/io/unique_fd.h"

namespace keelson::io {

// Non-blocking, closed on exec. An invalid one with errno where the system refuses.
UniqueFd make_tcp_socket(const IpBytes& ip);
int bind_socket(int fd, const IpBytes& ip, u16 port);    // 0 or errno
int start_connect(int fd, const IpBytes& ip, u16 port);  // 0 or errno; EINPROGRESS is the rule
int socket_error(int fd);                                // SO_ERROR
// No delays, and an end to connections whose other end vanished. Not fatal where an option is missing.
void tune(int fd);

}  // namespace keelson::io
