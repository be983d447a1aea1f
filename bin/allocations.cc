#include "allocations.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<keelson::u64> count{0};

}  // namespace

namespace keelson::bin {

u64 allocations_so_far() { return count.load(std::memory_order_relaxed); }

}  // namespace keelson::bin

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

void* counted(void* memory, std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (!memory) std::abort();  // what an uncaught bad_alloc would come to
  if (const int byte = fill_byte()) std::memset(memory, byte, std::min(size, filled_bytes_max));
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size ? size : 1), size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(a, (size + a - 1) / a * a), size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif
