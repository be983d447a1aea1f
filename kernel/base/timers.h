// Timers: the deadlines of one shard, as an indexed heap. Arming, moving and cancelling are O(log n).
//
// Who uses it: Shard owns one; a replica owns the ids it was given. Equal deadlines fire in order of id, so the order
// never depends on history. Not here: what a timer means.
#pragma once

#include "keelson/base/types.h"
#include "keelson/base/vec.h"

namespace keelson {

class Timers {
 public:
  explicit Timers(u32 capacity) : heap_(capacity), slots_(capacity) {}

  // A new timer, disarmed. `owner` and `kind` come back from pop_due.
  u32 create(u64 owner, u32 kind) {
    slots_.push_back(Slot{Instant::never(), owner, kind, absent});
    return static_cast<u32>(slots_.size() - 1);
  }
  void arm(u32 timer, Instant deadline) {
    Slot& slot = slots_[timer];
    const bool was_armed = slot.position != absent;
    slot.deadline = deadline;
    if (deadline == Instant::never()) return was_armed ? remove(timer) : void();
    if (!was_armed) {
      slot.position = static_cast<u32>(heap_.size());
      heap_.push_back(timer);
    }
    sift_up(slot.position);
    sift_down(slots_[timer].position);
  }
  void arm_if_sooner(u32 timer, Instant deadline) {
    if (deadline < slots_[timer].deadline) arm(timer, deadline);
  }
  void disarm(u32 timer) { arm(timer, Instant::never()); }
  bool armed(u32 timer) const { return slots_[timer].position != absent; }
  Instant deadline_of(u32 timer) const { return slots_[timer].deadline; }
  Instant deadline() const { return heap_.empty() ? Instant::never() : slots_[heap_[0]].deadline; }

  struct Due {
    u64 owner;
    u32 kind;
  };
  // Disarms and returns the earliest timer with a deadline at or before `now`; false when there is none.
  bool pop_due(Instant now, Due& due) {
    if (deadline() > now || heap_.empty()) return false;
    const u32 timer = heap_[0];
    due = {slots_[timer].owner, slots_[timer].kind};
    disarm(timer);
    return true;
  }

 private:
  static constexpr u32 absent = ~u32{0};
  struct Slot {
    Instant deadline;
    u64 owner;
    u32 kind;
    u32 position;  // in heap_, or absent
  };
  bool before(u32 a, u32 b) const {
    return slots_[a].deadline != slots_[b].deadline ? slots_[a].deadline < slots_[b].deadline : a < b;
  }
  void place(u32 position, u32 timer) {
    heap_[position] = timer;
    slots_[timer].position = position;
  }
  void sift_up(u32 position) {
    const u32 timer = heap_[position];
    while (position > 0 && before(timer, heap_[(position - 1) / 2])) {
      place(position, heap_[(position - 1) / 2]);
      position = (position - 1) / 2;
    }
    place(position, timer);
  }
  void sift_down(u32 position) {
    const u32 timer = heap_[position];
    for (;;) {
      u32 child = 2 * position + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], timer)) break;
      place(position, heap_[child]);
      position = child;
    }
    place(position, timer);
  }
  void remove(u32 timer) {
    const u32 position = slots_[timer].position;
    const u32 last = heap_.back();
    heap_.pop_back();
    slots_[timer].position = absent;
    if (last == timer) return;
    place(position, last);
    sift_up(position);
    sift_down(slots_[last].position);
  }

  Vec<u32> heap_;
  Vec<Slot> slots_;
};

}  // namespace keelson
