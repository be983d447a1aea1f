#include "keelson/io/send_queue.h"

namespace keelson::io {
namespace {

constexpr std::size_t supersede_reach = 8;  // how far back an obsolete predecessor is looked for

SendClass class_of(const MessageRef& message) {
  const auto known = info(message.command());
  check(known.has_value());  // the kernel sends nothing unknown
  return known->send_class;
}

constexpr std::array<u64, 4> quantum_bytes{0, 64 * 1024, 8 * 1024, 64 * 1024};  // per SendClass; control needs none

bool makes_obsolete(const MessageRef& newer, const MessageRef& older) {
  const Command command = newer.command();
  if (command != Command::beat && command != Command::commit) return false;
  const Header a = newer.header();
  const Header b = older.header();
  return b.command == command && a.group == b.group && a.to_shard == b.to_shard && a.from_shard == b.from_shard;
}

}  // namespace

bool SendQueue::has_room(SendClass send_class, u32 size) const {
  u64 eighths = 8;
  if (send_class == SendClass::repair) eighths = 4;
  if (send_class == SendClass::protocol || send_class == SendClass::client) eighths = 7;
  return bytes_ + size <= limits_.bytes_max / 8 * eighths && messages_ < limits_.messages_max / 8 * eighths;
}

SendResult SendQueue::push(MessageRef message) {
  const SendClass send_class = class_of(message);
  Class& queue = of(send_class);
  if (supersede(queue, message)) return SendResult::replaced;
  const u32 size = message.size();
  while (!has_room(send_class, size))
    if (send_class != SendClass::control || !evict_repair()) return SendResult::refused;
  bytes_ += size;
  ++messages_;
  queue.push_back(std::move(message));
  return SendResult::queued;
}

bool SendQueue::supersede(Class& queue, MessageRef& message) {
  const std::size_t reach = std::min(queue.size(), supersede_reach);
  for (std::size_t i = queue.size(); i > queue.size() - reach; --i) {
    MessageRef& older = queue[i - 1];
    if (!makes_obsolete(message, older)) continue;
    bytes_ = bytes_ - older.size() + message.size();
    older = std::move(message);
    return true;
  }
  return false;
}

bool SendQueue::evict_repair() {
  Class& repair = of(SendClass::repair);
  if (repair.empty()) return false;
  const MessageRef oldest = take_front(repair);
  bytes_ -= oldest.size();
  --messages_;
  ++evicted_;
  return true;
}

MessageRef SendQueue::take_front(Class& queue) {
  MessageRef message = std::move(queue.front());
  queue.pop_front();
  return message;
}

// Deficit round robin over all classes but control.
MessageRef SendQueue::take_next() {
  if (!of(SendClass::control).empty()) return take_front(of(SendClass::control));
  for (;;) {
    Class& queue = classes_[turn_];
    if (!queue.empty() && queue.front().size() <= deficits_[turn_]) {
      deficits_[turn_] -= queue.front().size();
      return take_front(queue);
    }
    if (queue.empty()) deficits_[turn_] = 0;
    turn_ = turn_ + 1 < class_count ? turn_ + 1 : 1;
    if (!classes_[turn_].empty()) deficits_[turn_] += quantum_bytes[turn_];
  }
}

std::size_t SendQueue::gather(std::span<Bytes> parts) {
  while (leaving_.size() < messages_ && leaving_.size() < parts.size() && leaving_bytes_ < gather_bytes_max) {
    leaving_.push_back(take_next());
    leaving_bytes_ += leaving_.back().size();
  }
  std::size_t count = 0;
  for (const MessageRef& message : leaving_) {
    if (count == parts.size()) break;
    parts[count] = message.bytes();
    if (count == 0) parts[count] = parts[count].subspan(leaving_offset_);
    ++count;
  }
  return count;
}

void SendQueue::sent(std::size_t bytes) {
  while (bytes > 0) {
    check(!leaving_.empty());
    const std::size_t left = leaving_.front().size() - leaving_offset_;
    if (bytes < left) {
      leaving_offset_ += bytes;
      return;
    }
    bytes -= left;
    bytes_ -= leaving_.front().size();
    leaving_bytes_ -= leaving_.front().size();
    --messages_;
    leaving_.pop_front();
    leaving_offset_ = 0;
  }
}

u64 SendQueue::clear() {
  const u64 dropped = messages_;
  for (auto& queue : classes_) queue.clear();
  leaving_.clear();
  leaving_offset_ = 0;
  leaving_bytes_ = 0;
  bytes_ = 0;
  messages_ = 0;
  return dropped;
}

u64 SendQueue::take_evicted() { return std::exchange(evicted_, 0); }

}  // namespace keelson::io
