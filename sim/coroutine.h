// A second stack to run code on, and a way there and back: what fibers and steps are made of.
//
// Who uses it: fiber.h (workloads) and step_fiber.h (kernel steps). Sanitizers and the C++ runtime are told of every
// switch. A suspended coroutine is never destroyed from outside: it is resumed until it ends, or abandoned with its
// stack. Not here: when to run what.
#pragma once

#include <boost/context/fiber.hpp>
#include <boost/context/stack_context.hpp>
#include <cstddef>
#include <vector>

#include "keelson/base/check.h"

namespace keelson::sim {

// Stacks with a guard page below, used again last in, first out: what ran just now is still in the cache.
class StackPool {
 public:
  // 0: the default, 64 KiB (256 KiB under AddressSanitizer, whose frames are larger).
  explicit StackPool(std::size_t stack_bytes = 0);
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;
  ~StackPool();  // stacks still in use are leaked

  boost::context::stack_context take();
  void give_back(boost::context::stack_context stack);

  std::size_t stack_bytes() const { return stack_bytes_; }
  // The deepest that any returned stack was ever used; 0 where stacks are not filled with a pattern (NDEBUG, ASan).
  std::size_t high_water_bytes() const { return high_water_bytes_; }

 private:
  std::size_t stack_bytes_;
  std::size_t high_water_bytes_ = 0;
  std::vector<boost::context::stack_context> free_;
};

class Coroutine {
 public:
  using Entry = void (*)(void* argument);

  // Takes its stack at the first resume. The entry must not throw; it may return, which ends the coroutine.
  Coroutine(StackPool& stacks, Entry entry, void* argument) : stacks_(stacks), entry_(entry), argument_(argument) {}
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;
  ~Coroutine();  // not started, done or abandoned

  void resume();   // from outside: runs it until it suspends or ends
  void suspend();  // from inside: back to whoever resumed it
  // From outside, while suspended: never to be resumed nor unwound. What its frames own is leaked with its stack.
  void abandon();

  bool started() const { return state_ != State::fresh; }
  bool done() const { return state_ == State::done; }
  bool running() const { return state_ == State::running; }

 private:
  enum class State : unsigned char { fresh, running, suspended, done, abandoned };

  // What libstdc++ keeps per thread about exceptions in flight. Each stack has its own, or a fiber that blocks inside a
  // catch block would have its exception released by another one. Layout: Itanium C++ ABI §2.2.2.
  struct ExceptionState {
    void* caught = nullptr;
    unsigned uncaught = 0;
  };
  struct Side {  // one end of a switch, as sanitizers know it
    void* fake_stack = nullptr;
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    void* tsan_fiber = nullptr;
  };
  static void swap_exception_state(ExceptionState& other);
  void start();
  boost::context::fiber run(boost::context::fiber from);

  StackPool& stacks_;
  Entry entry_;
  void* argument_;
  State state_ = State::fresh;
  boost::context::fiber inside_;   // where resume() goes
  boost::context::fiber outside_;  // where suspend() goes
  Side inner_;
  Side outer_;
  ExceptionState exceptions_;
};

}  // namespace keelson::sim
