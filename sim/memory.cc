#include "keelson/sim/memory.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <utility>

namespace {

std::atomic<keelson::u64> count{0};
constinit thread_local keelson::sim::MemoryMeter* meter_of_thread = nullptr;

}  // namespace

namespace keelson::sim {

u64 allocations_so_far() { return count.load(std::memory_order_relaxed); }

MemoryMeter* set_memory_meter(MemoryMeter* meter) { return std::exchange(meter_of_thread, meter); }

void MemoryMeter::about_to_take(u64 bytes) {
  if (held_ + bytes <= bytes_max_ || over_ == nullptr) return;
  meter_of_thread = nullptr;  // whoever tells it needs memory, too
  over_(context_, held_ + bytes);
}

}  // namespace keelson::sim

// Sanitizers have theirs, and check that what is freed came from it.
#if !defined(KEELSON_SANITIZED)

namespace {

// The pools of a shard are hundreds of megabytes, of which a run touches the beginning: filling all of it would cost
// more than the run.
constexpr std::size_t filled_bytes_max = 1 << 20;

int fill_byte() {
  static const int byte = [] {
    const char* variable = std::getenv("KEELSON_FILL_MEMORY");
    return variable ? std::atoi(variable) & 0xff : 0;
  }();
  return byte;
}

template <class Allocate>
void* take(std::size_t size, Allocate allocate) {
  keelson::sim::MemoryMeter* meter = meter_of_thread;
  if (meter) meter->about_to_take(size);
  void* memory = allocate();
  count.fetch_add(1, std::memory_order_relaxed);
  if (!memory) std::abort();  // what an uncaught bad_alloc would come to
  if (meter) meter->took(::malloc_usable_size(memory));
  if (const int byte = fill_byte()) std::memset(memory, byte, std::min(size, filled_bytes_max));
  return memory;
}

void give_back(void* memory) {
  if (meter_of_thread && memory) meter_of_thread->gave_back(::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// Weak: a program's own come first.
[[gnu::weak]] void* operator new(std::size_t size) {
  return take(size, [size] { return std::malloc(size ? size : 1); });
}
[[gnu::weak]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return take(size, [size, a] { return std::aligned_alloc(a, (size + a - 1) / a * a); });
}
[[gnu::weak]] void operator delete(void* memory) noexcept { give_back(memory); }
[[gnu::weak]] void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
[[gnu::weak]] void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
[[gnu::weak]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
#endif
