// BodyCache: the most recent prepares of a group, whole and in memory.
//
// Who uses it: the group's replica: to apply without a read, to resend, to serve repair. One slot per op modulo the
// capacity, so an op is here until an op one capacity later takes its place; what is older is read from the WAL.
#pragma once

#include <algorithm>
#include <utility>

#include "keelson/base/vec.h"
#include "keelson/wire/message.h"

namespace keelson {

class BodyCache {
 public:
  explicit BodyCache(u32 capacity) : capacity_(capacity) {}

  // Its memory grows as long as that saves an op from being forgotten.
  void put(Op op, const Digest& identity, MessageRef message) {
    while (slots_.size() < capacity_ && (slots_.empty() || (slot(op).message && slot(op).op != op))) grow();
    slot(op) = Slot{op, identity, std::move(message)};
  }
  // Null unless exactly this (op, identity) is here.
  const MessageRef* get(Op op, const Digest& identity) const {
    if (slots_.empty()) return nullptr;
    const Slot& s = slots_[op.raw() % slots_.size()];
    return s.message && s.op == op && s.identity == identity ? &s.message : nullptr;
  }
  void drop(Op op) {
    if (!slots_.empty() && slot(op).op == op) slot(op) = Slot{};
  }
  void release() { slots_ = Vec<Slot>(); }

 private:
  struct Slot {
    Op op;
    Digest identity;
    MessageRef message;
  };
  Slot& slot(Op op) { return slots_[op.raw() % slots_.size()]; }
  void grow() {
    const std::size_t size = std::min<std::size_t>(capacity_, std::max<std::size_t>(8, 2 * slots_.size()));
    Vec<Slot> former = std::exchange(slots_, Vec<Slot>(size));
    slots_.resize(size);
    for (Slot& s : former)
      if (s.message && slot(s.op).op < s.op) slot(s.op) = std::move(s);
  }
  u32 capacity_;
  Vec<Slot> slots_;
};

}  // namespace keelson
