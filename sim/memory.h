// What this process takes from the heap, counted by an operator new of ours. The kernel and its drivers have none.
//
// Who uses it: `keelson bench` counts; the watch over machines of one's own limits what they take (embed/). With
// KEELSON_FILL_MEMORY=1..255 in the environment what is handed out (up to 1 MiB of a block) is filled with that byte,
// so that a run that reads memory before writing it does not come out the same twice. A program that links neither
// keeps the operator new it has, and one with an operator new of its own keeps that. Not under sanitizers.
#pragma once

#include "keelson/base/types.h"

namespace keelson::sim {

u64 allocations_so_far();

// What one thing holds of the heap; it is told while it is the meter of the thread.
class MemoryMeter {
 public:
  using Over = void (*)(void* context, u64 bytes);  // must not return
  MemoryMeter() = default;
  MemoryMeter(u64 bytes_max, void* context, Over over) : bytes_max_(bytes_max), context_(context), over_(over) {}

  void about_to_take(u64 bytes);
  void took(u64 bytes) { held_ += bytes; }
  void gave_back(u64 bytes) { held_ -= bytes < held_ ? bytes : held_; }
  u64 held() const { return held_; }

 private:
  u64 held_ = 0;
  u64 bytes_max_ = ~u64{0};
  void* context_ = nullptr;
  Over over_ = nullptr;
};

// Of this thread; none: null. Returns the former one.
MemoryMeter* set_memory_meter(MemoryMeter* meter);

}  // namespace keelson::sim
