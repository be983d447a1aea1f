// SendQueue: what waits to leave on one connection, by class, bounded in bytes and in messages.
//
// Who uses it: Connection. Control overtakes everything; protocol and client traffic share what is left with repair,
// 8 : 1 in bytes, so that bulk neither delays nor starves. Within a class: first in, first out. A message that does not
// fit is refused, never an earlier one, except that control pushes out the oldest unstarted repair. Not here: sockets.
#pragma once

#include <array>
#include <deque>
#include <span>
#include <utility>

#include "keelson/wire/message.h"

namespace keelson::io {

struct SendLimits {
  u64 bytes_max = 32 << 20;
  u32 messages_max = 8192;
};

enum class SendResult : u8 {
  queued,
  replaced,  // took the place of an unsent predecessor that it makes obsolete (a beat, a commit)
  refused,   // no room
};

class SendQueue {
 public:
  explicit SendQueue(SendLimits limits) : limits_(limits) {}

  SendResult push(MessageRef message);
  // The next slices to write, in order; at most `parts.size()` and about gather_bytes_max. sent() counts from their
  // start.
  std::size_t gather(std::span<Bytes> parts);
  void sent(std::size_t bytes);
  u64 clear();         // returns how many messages were dropped
  u64 take_evicted();  // repair messages that control pushed out since the last call

  bool empty() const { return messages_ == 0; }
  u64 bytes() const { return bytes_; }
  u32 messages() const { return messages_; }

  static constexpr std::size_t gather_bytes_max = 256 * 1024;

 private:
  static constexpr std::size_t class_count = 4;
  using Class = std::deque<MessageRef>;

  Class& of(SendClass send_class) { return classes_[static_cast<std::size_t>(send_class)]; }
  bool has_room(SendClass send_class, u32 size) const;
  bool evict_repair();
  bool supersede(Class& queue, MessageRef& message);
  MessageRef take_next();
  MessageRef take_front(Class& queue);

  SendLimits limits_;
  std::array<Class, class_count> classes_;
  std::array<u64, class_count> deficits_{};  // bytes a class may send before the next one's turn
  std::size_t turn_ = 1;
  std::deque<MessageRef> leaving_;  // chosen; the first one may be partly sent
  std::size_t leaving_offset_ = 0;
  u64 leaving_bytes_ = 0;
  u64 bytes_ = 0;  // of all messages, leaving ones included
  u32 messages_ = 0;
  u64 evicted_ = 0;
};

}  // namespace keelson::io
