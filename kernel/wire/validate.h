// Reading hostile bytes: what is checked in which order, and what each failure costs.
//
// Who uses it: a driver's connection runs validate_header as soon as 256 bytes are there (nothing is allocated before
// it passed) and validate_body on the whole message; a shard runs validate_content on what a driver hands it. The
// simulator's network runs the same functions. Pure: no state, total on any bytes. Not here: epochs, views, membership.
#pragma once

#include "keelson/base/counters.h"
#include "keelson/base/limits.h"
#include "keelson/wire/message.h"

namespace keelson {

enum class Reject : u8 {
  none,
  header_checksum,  // closes: framing is lost
  protocol,         // closes
  cluster,          // closes
  command,          // dropped and counted: not a command of the wire (storage records aren't); never fatal
  size,             // closes
  reserved,         // dropped: a reserved byte or an unknown flag is set
  author,           // dropped: this peer may not author this
  body_checksum,    // closes
  field,            // dropped: fields contradict each other
  body,             // dropped: the body's structure does not match the header
};
const char* name_of(Reject reject);
Counter counter_of(Reject reject);  // not for none
bool closes_connection(Reject reject);

// What is known about the other end of a connection.
struct LinkRules {
  ClusterId cluster;
  Author peer = Author::client;  // node: a member of the cluster; client: a client at a server; a client's own
                                 // connection to a server is `node` with no_node (any node may answer)
  NodeId node = no_node;         // authenticated id, where peer is node
  u32 message_size_max = 0;
};

// Header checksum, protocol, cluster, command, size, reserved bytes and flags, author: in this order. O(1). A size that
// is no size of any message is `size` even where the command is unknown: whoever drops a message skips its bytes.
Reject validate_header(const std::byte* header, const LinkRules& rules);

// checksum_body of a whole message (of a prepare: over its frames; a prepare too short for its frames is `body`).
Reject validate_body(Bytes message);

// Fields and body structure: counts, nested headers (their checksum, command, order), frames and their bodies'
// checksums and sizes, the identity of full prepares. Bounded by the message's size. Passed, and link commands aside,
// every field that an array or a loop could be driven by is in its range; what epochs, views and members make of it is
// vsr's.
Reject validate_content(Bytes message, const Limits& limits);

// All of the above for a record read back from a disk: a prepare, or a group_state, whose entries may be lost or
// suspect.
Reject validate_record(Bytes record, ClusterId cluster, const Limits& limits);

// Reads a full prepare's frames and bodies, which validate_content has proven.
struct RequestView {
  RequestFrame frame;
  Bytes body;
};
class PrepareBody {
 public:
  explicit PrepareBody(const MessageRef& prepare);
  bool next(RequestView& out);  // false after the last

 private:
  const std::byte* frames_;
  const std::byte* body_;
  u32 left_;
};

}  // namespace keelson
