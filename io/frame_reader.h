// FrameReader: a stream of hostile bytes -> verified messages in slabs.
//
// Who uses it: Connection, fuzzers. The header is judged before its body gets any memory; the body is then read (or
// copied) into a slab of its class. A message that may be dropped is skipped byte by byte, framing intact. Total on any
// bytes. Not here: sockets, who the other end is, how many faults are too many (connection.h).
#pragma once

#include <array>

#include "keelson/io/bus_counters.h"

namespace keelson::io {

class FrameReader {
 public:
  enum class Step : u8 {
    hungry,   // every byte was consumed
    message,  // take() has it
    dropped,  // rejected() says why; framing is intact
    blocked,  // no slab is free: call again with the same bytes when one is
    lost,     // rejected() says why; nothing after this can be read
  };

  FrameReader(Slabs& slabs, const LinkRules& rules) : slabs_(&slabs), rules_(rules) {}

  // Consumes from the front of `bytes` until something happened.
  Step feed(Bytes& bytes);
  // The rest of the body that is being read: a driver may receive straight into it, then says how much came.
  MutableBytes direct();
  Step filled(std::size_t bytes);

  MessageRef take() { return std::move(message_); }
  Reject rejected() const { return reject_; }
  bool mid_frame() const { return have_ > 0; }
  u32 frame_size() const { return size_; }  // of the frame that is being read; 0 while its header is incomplete

 private:
  Step on_header();
  Step start_body();
  Step on_whole();
  Step reject(Reject reason);
  void next_frame();

  Slabs* slabs_;
  LinkRules rules_;
  std::array<std::byte, header_size> header_{};
  u32 have_ = 0;  // bytes of the frame so far
  u32 size_ = 0;  // of the frame, from a verified header
  bool skipping_ = false;
  bool lost_ = false;
  Reject reject_ = Reject::none;
  MessageRef message_;
};

}  // namespace keelson::io
