// The simulator's calendar: events in the order (time, rank, insertion), cancellable, with their payloads in a slab.
//
// Who uses it: World, once per run. Order is total and FIFO among equals, so a run is a function of its tape.
// Reordering of ties (feature tie_shuffle) is done by whoever pops: take several, put back the others under their old
// keys. Not here: time itself, or what an event does.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "keelson/base/types.h"
#include "keelson/sim/prng.h"

namespace keelson::sim {

// Among events of one instant, lower ranks go first.
enum class Rank : u8 { nemesis, process, disk, network, mailbox, deadline, fiber, checker };

// Names an event until it is popped or cancelled; later it names nothing, whatever has reused its slot.
struct EventRef {
  u32 slot = ~u32{0};
  u64 seq = 0;
  bool operator==(const EventRef&) const = default;
};

template <class Payload>
class EventQueue {
 public:
  struct Key {
    Instant at;
    Rank rank{};
    u64 seq = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Event {
    Key key;
    Payload payload;
  };

  EventRef push(Instant at, Rank rank, Payload payload) {
    return insert(Key{at, rank, next_seq_++}, std::move(payload));
  }
  // An event that was popped and isn't due yet after all: it keeps its place among its equals.
  EventRef put_back(Event event) { return insert(event.key, std::move(event.payload)); }

  // False if it was popped or cancelled before.
  bool cancel(EventRef event) {
    if (!pending(event)) return false;
    take(event.slot);
    if (heap_.size() > 64 && heap_.size() > 2 * live_) drop_cancelled();
    return true;
  }
  bool pending(EventRef event) const { return event.slot < slots_.size() && slots_[event.slot].seq == event.seq; }

  bool empty() const { return live_ == 0; }
  std::size_t size() const { return live_; }
  std::size_t entries_held() const { return heap_.size(); }  // with cancelled ones: what memory is spent on
  // The key of the event that pop() would give; the queue is not empty.
  Key next_key() {
    check(live_ > 0);
    drop_cancelled_top();
    return heap_.front().key();
  }
  Instant next_at() { return next_key().at; }

  Event pop() {
    check(live_ > 0);
    drop_cancelled_top();
    const Entry top = heap_.front();
    remove_top();
    return Event{top.key(), take(top.slot())};
  }

 private:
  // What the heap moves around: 16 bytes, four of them a cache line. seq is unique, so the slot below it never decides.
  // A cancelled event's entry stays until it surfaces; its slot then has another seq.
  struct Entry {
    u64 at_ns = 0;
    u64 rank_seq_slot = 0;

    static Entry of(Key key, u32 slot) {
      return Entry{key.at.ns(), (static_cast<u64>(key.rank) << (seq_bits + slot_bits)) | (key.seq << slot_bits) | slot};
    }
    // One wide comparison without a branch: which child is smaller is a coin flip that no predictor learns.
    bool before(const Entry& other) const { return order() < other.order(); }
    u128 order() const { return (static_cast<u128>(at_ns) << 64) | rank_seq_slot; }
    u32 slot() const { return static_cast<u32>(rank_seq_slot & ((u64{1} << slot_bits) - 1)); }
    u64 seq() const { return (rank_seq_slot >> slot_bits) & (seq_end - 1); }
    Key key() const { return Key{Instant(at_ns), static_cast<Rank>(rank_seq_slot >> (seq_bits + slot_bits)), seq()}; }
  };
  struct Slot {
    Payload payload{};
    u64 seq = no_seq;
  };
  static constexpr unsigned slot_bits = 24;  // 16 M live events
  static constexpr unsigned seq_bits = 36;   // 6.9e10 events in a run
  static constexpr u64 seq_end = u64{1} << seq_bits;
  static constexpr u64 no_seq = ~u64{0};

  EventRef insert(Key key, Payload payload) {
    check(key.seq < seq_end);
    u32 slot = 0;
    if (free_.empty()) {
      check(slots_.size() < (u64{1} << slot_bits));
      slot = static_cast<u32>(slots_.size());
      slots_.push_back(Slot{std::move(payload), key.seq});
    } else {
      slot = free_.back();
      free_.pop_back();
      slots_[slot] = Slot{std::move(payload), key.seq};
    }
    heap_.push_back(Entry::of(key, slot));
    sift_up(heap_.size() - 1, 0);
    ++live_;
    return EventRef{slot, key.seq};
  }

  Payload take(u32 slot) {
    slots_[slot].seq = no_seq;
    free_.push_back(slot);
    --live_;
    return std::exchange(slots_[slot].payload, Payload{});
  }

  bool cancelled(const Entry& entry) const { return slots_[entry.slot()].seq != entry.seq(); }

  void drop_cancelled_top() {
    while (cancelled(heap_.front())) remove_top();
  }
  // Half of the heap is stale: deadlines are moved at each step, so their old entries would pile up.
  void drop_cancelled() {
    std::erase_if(heap_, [this](const Entry& entry) { return cancelled(entry); });
    for (std::size_t i = heap_.size() / arity + 1; i-- > 0;)
      if (i < heap_.size()) sift_down(i);
  }

  // Four children per node: half the depth of a binary heap, and the four lie in two cache lines.
  static constexpr std::size_t arity = 4;

  void sift_up(std::size_t hole, std::size_t top) {
    const Entry entry = heap_[hole];
    while (hole != top) {
      const std::size_t parent = (hole - 1) / arity;
      if (!entry.before(heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = entry;
  }
  std::size_t smallest_child(std::size_t first) const {
    const std::size_t size = heap_.size();
    if (first + arity <= size) [[likely]] {
      const std::size_t left = first + (heap_[first + 1].before(heap_[first]) ? 1 : 0);
      const std::size_t right = first + 2 + (heap_[first + 3].before(heap_[first + 2]) ? 1 : 0);
      return heap_[right].before(heap_[left]) ? right : left;
    }
    std::size_t smallest = first;
    for (std::size_t child = first + 1; child < size; ++child)
      if (heap_[child].before(heap_[smallest])) smallest = child;
    return smallest;
  }
  // The hole goes down along the smallest children to a leaf, then the entry up from there: it came from the bottom and
  // mostly returns there, so comparing it on the way down would be wasted.
  void sift_down(const std::size_t top) {
    const Entry entry = heap_[top];
    std::size_t hole = top;
    const std::size_t size = heap_.size();
    for (std::size_t first = arity * hole + 1; first < size; first = arity * hole + 1) {
      const std::size_t child = smallest_child(first);
      heap_[hole] = heap_[child];
      hole = child;
    }
    heap_[hole] = entry;
    sift_up(hole, top);
  }
  void remove_top() {
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(0);
  }

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<u32> free_;
  std::size_t live_ = 0;
  u64 next_seq_ = 0;
};

}  // namespace keelson::sim
