// InFlight: which requests a primary has queued or prepared and not yet answered, by client, and where to answer.
//
// Who uses it: a primary's replica. Volatile: a view change forgets it, and clients ask again. A client has one request
// in flight per group, so a client is the key. Open addressing with backward-shift deletion: no tombstones, O(1).
#pragma once

#include <algorithm>

#include "keelson/base/vec.h"
#include "keelson/wire/event.h"

namespace keelson {

// Where a client's connection is: on a shard of this node.
struct Route {
  ShardId shard;
  ConnectionId connection;
};

class InFlight {
 public:
  struct Slot {
    ClientId client;  // zero: free
    RequestNo request;
    Route route;
  };

  // Memory grows with the most that were ever in flight: a replica that was never primary needs none.
  explicit InFlight(u32 capacity) : capacity_(capacity) {}

  Slot* find(ClientId client) {
    if (slots_.empty()) return nullptr;
    for (std::size_t i = home(client);; i = next(i)) {
      if (slots_[i].client == client) return &slots_[i];
      if (slots_[i].client.is_zero()) return nullptr;
    }
  }
  bool full() const { return count_ == capacity_; }
  void insert(const Slot& slot) {
    check(!full() && !slot.client.is_zero());
    if (slots_.size() < 2 * (count_ + 1)) grow();
    place(slot);
    ++count_;
  }
  // Whatever is known of the client, if anything.
  void forget(ClientId client) {
    if (Slot* slot = find(client)) erase(slot);
  }
  void erase(Slot* slot) {
    std::size_t hole = static_cast<std::size_t>(slot - slots_.data());
    for (std::size_t i = next(hole); !slots_[i].client.is_zero(); i = next(i)) {
      const std::size_t wanted = home(slots_[i].client);
      const bool stays = hole <= i ? (hole < wanted && wanted <= i) : (hole < wanted || wanted <= i);
      if (stays) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = Slot{};
    --count_;
  }
  void clear() {
    if (count_ == 0) return;
    for (auto& slot : slots_) slot = Slot{};
    count_ = 0;
  }
  void release() {
    check(count_ == 0);
    slots_ = Vec<Slot>();
  }
  std::size_t size() const { return count_; }

 private:
  void place(const Slot& slot) {
    std::size_t i = home(slot.client);
    while (!slots_[i].client.is_zero()) {
      check(slots_[i].client != slot.client);
      i = next(i);
    }
    slots_[i] = slot;
  }
  void grow() {
    Vec<Slot> former = std::exchange(slots_, Vec<Slot>(std::max<std::size_t>(8, 2 * slots_.size())));
    slots_.resize(slots_.capacity());
    for (const Slot& slot : former)
      if (!slot.client.is_zero()) place(slot);
  }
  std::size_t home(ClientId client) const {
    return ((client.lo ^ client.hi) * 0x9e3779b97f4a7c15) >> 32 & (slots_.size() - 1);
  }
  std::size_t next(std::size_t i) const { return (i + 1) & (slots_.size() - 1); }  // a power of two, at most half full
  std::size_t capacity_;
  std::size_t count_ = 0;
  Vec<Slot> slots_;
};

}  // namespace keelson
