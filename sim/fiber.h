// Fibers: client code as straight lines, suspended while virtual time passes.
//
// Who uses it: workloads, through ClientContext; World owns the scheduler, supplies the time and runs one fiber per
// event. A blocking call may be made inside a fiber only, and never while an exception unwinds. Cancelling throws
// Cancelled out of the blocking call; code that must clean up does so in destructors that don't block. Not here: what
// clients do (workload/), or time itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "keelson/sim/coroutine.h"
#include "keelson/sim/event_queue.h"

namespace keelson::sim {

using FiberId = Id<struct FiberIdTag, u64>;
using FiberGroup = Id<struct FiberGroupTag, u32>;  // who a fiber belongs to, for instance one client

inline constexpr std::size_t fibers_max = 4'096;

// Thrown by blocking calls of a cancelled fiber. Not a std::exception, so that catching those does not swallow it.
class Cancelled {};

// Thrown by a workload whose expectation does not hold; ends the fiber with FiberError::expectation.
struct ExpectFailed {
  std::string what;
};

// Why there is no result of a fiber, or of a part of it.
enum class NoResult : u8 { cancelled, failed, timed_out };

struct FiberError {
  enum class Kind : u8 { expectation, exception, ignores_cancel };
  Kind kind{};
  std::string fiber;
  std::string what;
};

// One wait of one fiber. Waking it later, or twice, does nothing.
struct Waiter {
  FiberId fiber;
  u64 wait = 0;
};

// What the owner of the scheduler supplies.
class FiberOwner {
 public:
  virtual ~FiberOwner() = default;
  virtual Instant now() const = 0;
  // Which of the fibers that are ready goes first; 0 is the longest ready. Asked only with FiberOrder::chosen.
  virtual u64 choose(u64 ready) {
    static_cast<void>(ready);
    return 0;
  }
};

enum class FiberOrder : u8 { fifo, chosen };

template <class R>
class Join;

class Fibers {
 public:
  explicit Fibers(FiberOwner& owner, FiberOrder order = FiberOrder::fifo);
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;
  ~Fibers();  // cancels what is left and lets it end

  // For the owner. Between two calls no fiber runs.
  Instant next_ready();  // run_next() then; never: nothing to do
  void run_next();
  void test_predicates();  // after every event: makes those fibers ready whose awaited condition holds now

  // From anywhere. The fiber starts at the current instant, when the owner next runs fibers. A name used before gets a
  // number appended. The group is that of the running fiber unless given.
  template <class F>
  auto spawn(std::string_view name, F&& body, std::optional<FiberGroup> group = {});
  void cancel(FiberId id);
  void cancel_group(FiberGroup group);
  bool wake(const Waiter& waiter);  // false: the wait is over, or its fiber is
  std::size_t live() const { return fibers_.size(); }

  // From inside of a fiber.
  void sleep(Duration duration);
  void sleep_until(Instant until);
  void yield();                                                       // after all that are ready now
  bool await_until(std::function<bool()> predicate, Duration limit);  // false: the limit passed first
  Waiter next_wait() const;                                           // of the next wait() of this fiber
  bool wait(Instant limit);                                           // true: woken, perhaps before it began
  template <class F>
  auto with_timeout(Duration limit, F&& body)
      -> tl::expected<std::invoke_result_t<F&>, NoResult>;  // a cancelled body has ended when this returns
  const std::string& name() const;
  bool cancelled() const;

  const std::vector<FiberError>& errors() const { return errors_; }
  std::size_t stack_bytes() const { return stacks_.stack_bytes(); }
  std::size_t stack_high_water_bytes() const { return stacks_.high_water_bytes(); }
  // Empty between fibers. For a SIGSEGV handler, which finds a stack overflow here.
  std::string_view running_name() const;

 private:
  template <class R>
  friend class Join;
  enum class End : u8 { none, finished, cancelled, failed };
  // Shared by a fiber and its Join; outlives both.
  struct Fate {
    End end = End::none;
    std::vector<Waiter> waiters;
  };
  template <class R>
  struct Outcome final : Fate {
    std::optional<R> value;
  };
  struct Fiber;

  FiberId start(std::string name, std::function<void()> body, std::shared_ptr<Fate> fate,
                std::optional<FiberGroup> group);
  Fiber* find(FiberId id) const;
  Fiber& current() const;
  FiberId pop_chosen();
  void resume(Fiber& fiber);
  static void entry(void* fiber);
  void live_through(Fiber& fiber);
  void block(Instant until);
  void throw_if_cancelled(Fiber& fiber);
  void make_ready(Fiber& fiber, Instant at);
  void finish(Fiber& fiber);
  void end_now(FiberId id);  // by cancelling and running it here and now, from inside or outside of another fiber
  void join(const std::shared_ptr<Fate>& fate, Instant limit);
  void report(FiberError::Kind kind, const Fiber& fiber, std::string what);

  FiberOwner& owner_;
  FiberOrder order_;
  StackPool stacks_;
  EventQueue<FiberId> ready_;
  std::map<FiberId, std::unique_ptr<Fiber>> fibers_;
  std::set<FiberId> awaiting_;  // a predicate
  std::map<std::string, u64, std::less<>> names_;
  Fiber* running_ = nullptr;
  u64 next_id_ = 1;
  bool closing_ = false;
  std::vector<FiberError> errors_;
};

// The end of a fiber, to be awaited by others. Cheap to copy; need not be awaited.
template <class R>
class Join {
 public:
  FiberId id() const { return id_; }
  bool ended() const { return fate_->end != Fibers::End::none; }
  // Blocks the running fiber. The value is moved out: await once.
  tl::expected<R, NoResult> await(Instant limit = Instant::never()) const;

 private:
  friend class Fibers;
  // void needs a stand-in that can be stored.
  using Stored = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
  Join(Fibers& fibers, std::shared_ptr<Fibers::Outcome<Stored>> fate) : fibers_(&fibers), fate_(std::move(fate)) {}

  Fibers* fibers_;
  FiberId id_;
  std::shared_ptr<Fibers::Outcome<Stored>> fate_;
};

template <class F>
auto Fibers::spawn(std::string_view name, F&& body, std::optional<FiberGroup> group) {
  using R = std::invoke_result_t<std::decay_t<F>&>;
  using Stored = typename Join<R>::Stored;
  auto fate = std::make_shared<Outcome<Stored>>();
  Join<R> join(*this, fate);
  // std::function wants copyable targets; bodies may own what can't be copied.
  auto owned = std::make_shared<std::decay_t<F>>(std::forward<F>(body));
  auto run = [fate, owned] {
    if constexpr (std::is_void_v<R>) {
      (*owned)();
      fate->value.emplace();
    } else {
      fate->value.emplace((*owned)());
    }
  };
  join.id_ = start(std::string(name), std::move(run), fate, group);
  return join;
}

template <class R>
tl::expected<R, NoResult> Join<R>::await(Instant limit) const {
  fibers_->join(fate_, limit);
  switch (fate_->end) {
    case Fibers::End::none:
      return tl::unexpected(NoResult::timed_out);
    case Fibers::End::cancelled:
      return tl::unexpected(NoResult::cancelled);
    case Fibers::End::failed:
      return tl::unexpected(NoResult::failed);
    case Fibers::End::finished:
      break;
  }
  if constexpr (std::is_void_v<R>) {
    return {};
  } else {
    check(fate_->value.has_value());
    auto value = std::move(*fate_->value);
    fate_->value.reset();
    return value;
  }
}

template <class F>
auto Fibers::with_timeout(Duration limit, F&& body) -> tl::expected<std::invoke_result_t<F&>, NoResult> {
  auto inner = spawn(name() + "/timed", std::ref(body));
  // The body may use this frame: whatever ends this call, the body ends first.
  struct Ender {
    Fibers& fibers;
    FiberId id;
    ~Ender() { fibers.end_now(id); }
  };
  const Ender ender{*this, inner.id()};
  return inner.await(owner_.now() + limit);
}

}  // namespace keelson::sim
