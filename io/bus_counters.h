// What the bus counts: every refusal, drop and close has a reason, and each reason a number. It decides nothing.
//
// Who uses it: connections and the bus add; the runtime logs them (SIGUSR1, at stop), tests read them.
#pragma once

#include <array>
#include <string>

#include "keelson/io/link.h"
#include "keelson/wire/validate.h"

namespace keelson::io {

// Why a connection ended. X(name, text)
#define KEELSON_CLOSE_CAUSES(X)                                       \
  X(none, "still there")                                              \
  X(eof, "the other end closed")                                      \
  X(truncated, "the other end closed inside a message")               \
  X(io_error, "the socket failed")                                    \
  X(connect_failed, "no connection could be made")                    \
  X(bad_handshake, "what came was no handshake of keelson")           \
  X(handshake_timeout, "the handshake did not finish in time")        \
  X(refused_by_us, "we refused the other end")                        \
  X(refused_by_peer, "the other end refused us")                      \
  X(malformed, "framing was lost, or too many malformed messages")    \
  X(slow_frame, "a message was begun and not finished in time")       \
  X(ping_timeout, "no byte for longer than the ping time-out")        \
  X(stalled, "the other end takes no bytes")                          \
  X(superseded, "a newer connection of the same node took its place") \
  X(duplicate, "another connection to the same node exists")          \
  X(kernel, "the kernel asked for it")                                \
  X(stopping, "this process stops")

enum class CloseCause : u8 {
#define X(name, text) name,
  KEELSON_CLOSE_CAUSES(X)
#undef X
};
inline constexpr std::size_t close_cause_count = 0
#define X(name, text) +1
    KEELSON_CLOSE_CAUSES(X)
#undef X
    ;
const char* name_of(CloseCause cause);
const char* text_of(CloseCause cause);

struct BusCounters {
  static constexpr std::size_t reject_count = 11;  // of Reject
  std::array<u64, reject_count> malformed{};       // by Reject: dropped, or the connection closed
  std::array<u64, close_cause_count> closed{};
  u64 not_allowed = 0;  // link messages out of place on an open connection
  u64 accepted = 0;
  u64 accept_errors = 0;
  u64 dial_failures = 0;
  u64 handshakes_done = 0;
  u64 handshakes_refused = 0;
  u64 messages_in = 0;
  u64 messages_out = 0;
  u64 bytes_in = 0;
  u64 bytes_out = 0;
  u64 send_refused = 0;  // a queue had no room
  u64 send_not_connected = 0;
  u64 send_dropped_at_close = 0;
  u64 reads_paused = 0;  // for want of a slab

  u64& of(Reject reject) { return malformed[static_cast<std::size_t>(reject)]; }
  u64& of(CloseCause cause) { return closed[static_cast<std::size_t>(cause)]; }
  u64 of(Reject reject) const { return malformed[static_cast<std::size_t>(reject)]; }
  u64 of(CloseCause cause) const { return closed[static_cast<std::size_t>(cause)]; }
};
// "name=value name{reason}=value ...", only what isn't zero.
std::string to_string(const BusCounters& counters);

}  // namespace keelson::io
