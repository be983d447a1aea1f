// Writing prepares: request frames and bodies into the body of a message, and the seal that makes it an entry of a log.
//
// Who uses it: a primary that forms a prepare, tests. Layout of the body: `request_count` frames of 64 bytes, then the
// requests' bodies in the same order, each padded with zeros to 16 bytes. Not here: reading one (validate.h).
#pragma once

#include "keelson/wire/message.h"

namespace keelson {

inline constexpr u32 request_body_alignment = 16;

// What a request of `body_size` bytes takes of a prepare's body, its frame included.
constexpr u64 prepared_size(u32 body_size) {
  return sizeof(RequestFrame) + round_up<u64>(body_size, request_body_alignment);
}

// The frame of a request as its client sealed it: no byte of the body is hashed again.
RequestFrame frame_of(const Request& request);

// Fills a prepare's body: as many frames as it was built for, and their bodies, each kind in order. All frames first is
// the fast way: a frame is written in small pieces and copied in large ones, which waits for every write before it, and
// after a body there are many of them.
class PrepareBodyWriter {
 public:
  // `body` has exactly the sum of prepared_size() of the requests.
  PrepareBodyWriter(MutableBytes body, u32 request_count);
  void add_frame(const RequestFrame& frame);
  void add_body(Bytes request_body);
  void add(const RequestFrame& frame, Bytes request_body);  // frame.body_size == request_body.size()
  bool complete() const { return frames_.empty() && bodies_.empty(); }

 private:
  MutableBytes frames_, bodies_;  // what is left to write
};

// Sets size, checksum_body (of the frames that lie behind the header already) and identity, and seals. All other fields
// are the caller's.
Prepare seal_prepare(MessageRef& message, Prepare prepare, u32 body_size);

// A prepare as every replica writes it: of its header only what its identity covers. `to` is as large as the message.
void write_canonical(const MessageRef& prepare, MutableBytes to);

}  // namespace keelson
