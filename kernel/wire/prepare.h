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

// Fills a prepare's body. `body` has exactly the sum of prepared_size() of the requests.
class PrepareBodyWriter {
 public:
  PrepareBodyWriter(MutableBytes body, u32 request_count);
  void add(const RequestFrame& frame, Bytes request_body);  // frame.body_size == request_body.size()
  bool complete() const { return frames_left_ == 0 && at_ == body_.size(); }

 private:
  MutableBytes body_;
  std::size_t frame_at_ = 0;
  std::size_t at_;
  u32 frames_left_;
};

// Sets size, checksum_body (of the frames that lie behind the header already) and identity, and seals. All other fields
// are the caller's.
Prepare seal_prepare(MessageRef& message, Prepare prepare, u32 body_size);

}  // namespace keelson
