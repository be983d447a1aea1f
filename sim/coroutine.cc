#include "keelson/sim/coroutine.h"

#include <algorithm>
#include <boost/context/preallocated.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstring>
#include <cxxabi.h>
#include <sys/mman.h>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define KEELSON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEELSON_ASAN 1
#endif
#endif
#ifndef KEELSON_ASAN
#define KEELSON_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define KEELSON_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KEELSON_TSAN 1
#endif
#endif
#ifndef KEELSON_TSAN
#define KEELSON_TSAN 0
#endif

#if KEELSON_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if KEELSON_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace keelson::sim {
namespace {

constexpr std::size_t default_stack_bytes = KEELSON_ASAN ? 256 * 1024 : 64 * 1024;

#if !defined(NDEBUG) && !KEELSON_ASAN && !KEELSON_TSAN
constexpr bool fill_stacks = true;
#else
constexpr bool fill_stacks = false;
#endif
constexpr unsigned char fill_byte = 0xa5;

unsigned char* bottom_of(const boost::context::stack_context& stack) {
  return static_cast<unsigned char*>(stack.sp) - stack.size;
}

// Above the guard page, which protected_fixedsize_stack counts as part of the stack.
unsigned char* usable_bottom_of(const boost::context::stack_context& stack) {
  return bottom_of(stack) + boost::context::stack_traits::page_size();
}

std::size_t used_bytes(const boost::context::stack_context& stack) {
  const unsigned char* top = static_cast<unsigned char*>(stack.sp);
  const unsigned char* touched = std::find_if(static_cast<const unsigned char*>(usable_bottom_of(stack)), top,
                                              [](auto b) { return b != fill_byte; });
  return static_cast<std::size_t>(top - touched);
}

struct PooledStack {
  StackPool* pool;
  void deallocate(boost::context::stack_context& stack) const { pool->give_back(stack); }
};

}  // namespace

StackPool::StackPool(std::size_t stack_bytes) : stack_bytes_(stack_bytes == 0 ? default_stack_bytes : stack_bytes) {}

StackPool::~StackPool() {
  boost::context::protected_fixedsize_stack unmapper(stack_bytes_);
  for (auto& stack : free_) unmapper.deallocate(stack);
}

boost::context::stack_context StackPool::take() {
  if (free_.empty()) {
    auto stack = boost::context::protected_fixedsize_stack(stack_bytes_).allocate();
    if (fill_stacks)
      std::memset(usable_bottom_of(stack), fill_byte, stack.size - boost::context::stack_traits::page_size());
    return stack;
  }
  const auto stack = free_.back();
  free_.pop_back();
  return stack;
}

void StackPool::give_back(boost::context::stack_context stack) {
#if KEELSON_ASAN
  // The last frames of a coroutine never return, so their red zones are still there.
  ASAN_UNPOISON_MEMORY_REGION(bottom_of(stack), stack.size);
#endif
  if (fill_stacks) high_water_bytes_ = std::max(high_water_bytes_, used_bytes(stack));
  free_.push_back(stack);
}

Coroutine::~Coroutine() {
  check(state_ == State::fresh || state_ == State::done || state_ == State::abandoned);
#if KEELSON_TSAN
  if (state_ == State::done) __tsan_destroy_fiber(inner_.tsan_fiber);
#endif
}

void Coroutine::swap_exception_state(ExceptionState& other) {
  auto* current = reinterpret_cast<unsigned char*>(abi::__cxa_get_globals());
  ExceptionState mine;
  std::memcpy(&mine.caught, current, sizeof mine.caught);
  std::memcpy(&mine.uncaught, current + sizeof mine.caught, sizeof mine.uncaught);
  std::memcpy(current, &other.caught, sizeof other.caught);
  std::memcpy(current + sizeof other.caught, &other.uncaught, sizeof other.uncaught);
  other = mine;
}

void Coroutine::start() {
  const auto stack = stacks_.take();
  inner_.bottom = usable_bottom_of(stack);
  inner_.bytes = stack.size - boost::context::stack_traits::page_size();
  inside_ = boost::context::fiber(std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack),
                                  PooledStack{&stacks_},
                                  [this](boost::context::fiber&& from) { return run(std::move(from)); });
#if KEELSON_TSAN
  inner_.tsan_fiber = __tsan_create_fiber(0);
#endif
}

// The thread sanitizer follows function entries and exits, so it must be told in the very function that switches.
void Coroutine::resume() {
  check(state_ == State::fresh || state_ == State::suspended);
  if (state_ == State::fresh) start();
  state_ = State::running;
  swap_exception_state(exceptions_);
#if KEELSON_ASAN
  __sanitizer_start_switch_fiber(&outer_.fake_stack, inner_.bottom, inner_.bytes);
#endif
#if KEELSON_TSAN
  outer_.tsan_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(inner_.tsan_fiber, 0);
#endif
  inside_ = std::move(inside_).resume();
#if KEELSON_TSAN
  if (state_ == State::done) __tsan_switch_to_fiber(outer_.tsan_fiber, 0);
#endif
#if KEELSON_ASAN
  __sanitizer_finish_switch_fiber(outer_.fake_stack, nullptr, nullptr);
#endif
  swap_exception_state(exceptions_);
}

boost::context::fiber Coroutine::run(boost::context::fiber from) {
  outside_ = std::move(from);
#if KEELSON_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &outer_.bottom, &outer_.bytes);
#endif
  entry_(argument_);
  state_ = State::done;
#if KEELSON_ASAN
  __sanitizer_start_switch_fiber(nullptr, outer_.bottom, outer_.bytes);
#endif
  return std::move(outside_);
}

void Coroutine::suspend() {
  check(state_ == State::running);
  state_ = State::suspended;
#if KEELSON_ASAN
  __sanitizer_start_switch_fiber(&inner_.fake_stack, outer_.bottom, outer_.bytes);
#endif
#if KEELSON_TSAN
  __tsan_switch_to_fiber(outer_.tsan_fiber, 0);
#endif
  outside_ = std::move(outside_).resume();
#if KEELSON_ASAN
  __sanitizer_finish_switch_fiber(inner_.fake_stack, &outer_.bottom, &outer_.bytes);
#endif
}

void Coroutine::abandon() {
  check(state_ == State::suspended);
  state_ = State::abandoned;
#if KEELSON_ASAN
  __lsan_register_root_region(inner_.bottom, inner_.bytes);  // what its frames own is leaked on purpose
#endif
  // boost's destructor would unwind the stack, so this object must not see its end.
  alignas(boost::context::fiber) static std::byte grave[sizeof(boost::context::fiber)];
  new (grave) boost::context::fiber(std::move(inside_));
}

}  // namespace keelson::sim
