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
    slot.deadline = deadline;
    if (deadline == Instant::never()) return slot.position != absent ? remove(timer) : void();
    if (slot.position == absent) {
      slot.position = static_cast<u32>(heap_.size());
      heap_.push_back({deadline, timer});
      return sift_up(slot.position);
    }
    Entry& entry = heap_[slot.position];
    if (deadline < entry.at) {
      entry.at = deadline;
      return sift_up(slot.position);
    }
    settle_first();
  }
  void arm_if_sooner(u32 timer, Instant deadline) {
    if (deadline < slots_[timer].deadline) arm(timer, deadline);
  }
  void disarm(u32 timer) { arm(timer, Instant::never()); }
  bool armed(u32 timer) const { return slots_[timer].position != absent; }
  Instant deadline_of(u32 timer) const { return slots_[timer].deadline; }
  Instant deadline() const { return heap_.empty() ? Instant::never() : heap_[0].at; }

  struct Due {
    u64 owner;
    u32 kind;
  };
  // Disarms and returns the earliest timer with a deadline at or before `now`; false when there is none.
  bool pop_due(Instant now, Due& due) {
    if (deadline() > now || heap_.empty()) return false;
    const u32 timer = heap_[0].timer;
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
  // A timer that is moved back stays where it was, as most are before they get to the front: a sign of life costs no
  // walk through the heap. Only the first entry is always right.
  struct Entry {
    Instant at;  // the timer's deadline, or before it
    u32 timer;
    constexpr bool operator<(const Entry& other) const { return at != other.at ? at < other.at : timer < other.timer; }
  };
  void place(u32 position, const Entry& entry) {
    heap_[position] = entry;
    slots_[entry.timer].position = position;
  }
  void sift_up(u32 position) {
    const Entry entry = heap_[position];
    while (position > 0 && entry < heap_[(position - 1) / 2]) {
      place(position, heap_[(position - 1) / 2]);
      position = (position - 1) / 2;
    }
    place(position, entry);
  }
  void sift_down(u32 position) {
    const Entry entry = heap_[position];
    for (;;) {
      u32 child = 2 * position + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
      if (!(heap_[child] < entry)) break;
      place(position, heap_[child]);
      position = child;
    }
    place(position, entry);
  }
  void settle_first() {
    while (!heap_.empty() && heap_[0].at != slots_[heap_[0].timer].deadline) {
      heap_[0].at = slots_[heap_[0].timer].deadline;
      sift_down(0);
    }
  }
  void remove(u32 timer) {
    const u32 position = slots_[timer].position;
    const Entry last = heap_.back();
    heap_.pop_back();
    slots_[timer].position = absent;
    if (last.timer != timer) {
      place(position, last);
      sift_up(position);
      sift_down(slots_[last.timer].position);
    }
    settle_first();
  }

  Vec<Entry> heap_;
  Vec<Slot> slots_;
};

}  // namespace keelson
