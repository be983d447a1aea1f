#include "keelson/sim/fiber.h"

#include <algorithm>
#include <exception>

namespace keelson::sim {
namespace {

// How often a cancelled fiber may swallow Cancelled before it is given up.
constexpr int cancels_max = 3;

}  // namespace

struct Fibers::Fiber {
  Fiber(Fibers& scheduler, FiberId fiber_id)
      : fibers(scheduler), id(fiber_id), coroutine(scheduler.stacks_, entry, this) {}

  Fibers& fibers;
  const FiberId id;
  std::string name;
  FiberGroup group;
  std::function<void()> body;
  std::shared_ptr<Fate> fate;
  End end = End::none;  // set at its end inside, published by finish()
  EventRef ready;       // its entry in ready_, if it has one
  bool cancelled = false;
  bool given_up = false;
  int cancels_thrown = 0;
  std::function<bool()> predicate;  // while in awaiting_
  bool satisfied = false;
  u64 wait = 0;   // number of the current or last wait
  u64 woken = 0;  // the newest wait that was woken
  bool waiting = false;
  Coroutine coroutine;
};

Fibers::Fibers(FiberOwner& owner, FiberOrder order) : owner_(owner), order_(order) {}

Fibers::~Fibers() {
  closing_ = true;
  while (!fibers_.empty()) end_now(fibers_.begin()->first);
}

Instant Fibers::next_ready() { return ready_.empty() ? Instant::never() : ready_.next_at(); }

void Fibers::run_next() {
  check(running_ == nullptr);
  check(next_ready() <= owner_.now());
  Fiber* fiber = find(order_ == FiberOrder::chosen ? pop_chosen() : ready_.pop().payload);
  check(fiber != nullptr);  // what ends takes its entry along
  resume(*fiber);
}

FiberId Fibers::pop_chosen() {
  std::vector<EventQueue<FiberId>::Event> ready;
  while (!ready_.empty() && ready_.next_at() <= owner_.now()) ready.push_back(ready_.pop());
  const u64 chosen = ready.size() > 1 ? owner_.choose(ready.size()) : 0;
  check(chosen < ready.size());
  for (u64 i = 0; i < ready.size(); ++i)
    if (i != chosen) find(ready[i].payload)->ready = ready_.put_back(ready[i]);
  return ready[chosen].payload;
}

void Fibers::test_predicates() {
  for (auto awaiting = awaiting_.begin(); awaiting != awaiting_.end();) {
    Fiber& fiber = *find(*awaiting);
    if (!fiber.predicate()) {
      ++awaiting;
      continue;
    }
    fiber.satisfied = true;
    awaiting = awaiting_.erase(awaiting);
    make_ready(fiber, owner_.now());
  }
}

FiberId Fibers::start(std::string name, std::function<void()> body, std::shared_ptr<Fate> fate,
                      std::optional<FiberGroup> group) {
  check(fibers_.size() < fibers_max);
  const FiberId id(next_id_++);
  auto& fiber = *fibers_.emplace(id, std::make_unique<Fiber>(*this, id)).first->second;
  const u64 uses = ++names_[name];
  fiber.name = uses == 1 ? std::move(name) : name + '#' + std::to_string(uses);
  fiber.group = group.value_or(running_ != nullptr ? running_->group : FiberGroup());
  fiber.body = std::move(body);
  fiber.fate = std::move(fate);
  fiber.cancelled = closing_;
  make_ready(fiber, owner_.now());
  return id;
}

void Fibers::cancel(FiberId id) {
  Fiber* fiber = find(id);
  if (fiber == nullptr || fiber->cancelled) return;
  fiber->cancelled = true;
  awaiting_.erase(id);
  if (!fiber->coroutine.running()) make_ready(*fiber, owner_.now());
}

void Fibers::cancel_group(FiberGroup group) {
  for (const auto& [id, fiber] : fibers_)
    if (fiber->group == group) cancel(id);
}

bool Fibers::wake(const Waiter& waiter) {
  Fiber* fiber = find(waiter.fiber);
  if (fiber == nullptr || waiter.wait <= fiber->woken) return false;
  if (waiter.wait != (fiber->waiting ? fiber->wait : fiber->wait + 1)) return false;
  fiber->woken = waiter.wait;
  if (fiber->waiting) make_ready(*fiber, owner_.now());
  return true;
}

void Fibers::sleep(Duration duration) { block(owner_.now() + duration); }
void Fibers::sleep_until(Instant until) { block(std::max(until, owner_.now())); }
void Fibers::yield() { block(owner_.now()); }

bool Fibers::await_until(std::function<bool()> predicate, Duration limit) {
  Fiber& fiber = current();
  throw_if_cancelled(fiber);
  if (predicate()) return true;
  fiber.predicate = std::move(predicate);
  fiber.satisfied = false;
  awaiting_.insert(fiber.id);
  block(owner_.now() + limit);
  awaiting_.erase(fiber.id);
  fiber.predicate = nullptr;
  return fiber.satisfied;
}

Waiter Fibers::next_wait() const { return Waiter{current().id, current().wait + 1}; }

bool Fibers::wait(Instant limit) {
  Fiber& fiber = current();
  ++fiber.wait;
  if (fiber.woken != fiber.wait) {
    struct Waiting {
      Fiber& fiber;
      explicit Waiting(Fiber& of) : fiber(of) { fiber.waiting = true; }
      ~Waiting() { fiber.waiting = false; }
    };
    const Waiting waiting(fiber);
    block(limit);
  }
  return fiber.woken == fiber.wait;
}

const std::string& Fibers::name() const { return current().name; }
bool Fibers::cancelled() const { return current().cancelled; }
std::string_view Fibers::running_name() const { return running_ == nullptr ? std::string_view() : running_->name; }

Fibers::Fiber* Fibers::find(FiberId id) const {
  const auto found = fibers_.find(id);
  return found == fibers_.end() ? nullptr : found->second.get();
}

Fibers::Fiber& Fibers::current() const {
  check(running_ != nullptr);  // blocking calls are for fibers
  return *running_;
}

void Fibers::make_ready(Fiber& fiber, Instant at) {
  ready_.cancel(fiber.ready);
  fiber.ready = at == Instant::never() ? EventRef{} : ready_.push(at, Rank::fiber, fiber.id);
}

void Fibers::resume(Fiber& fiber) {
  if (fiber.cancelled && !fiber.coroutine.started()) {
    fiber.end = End::cancelled;
    return finish(fiber);
  }
  Fiber* const resumer = std::exchange(running_, &fiber);
  fiber.coroutine.resume();
  running_ = resumer;
  if (fiber.given_up) {
    report(FiberError::Kind::ignores_cancel, fiber, "went on after Cancelled was thrown three times");
    fiber.coroutine.abandon();
    fiber.end = End::failed;
  }
  if (fiber.end != End::none) finish(fiber);
}

void Fibers::entry(void* fiber) {
  auto& self = *static_cast<Fiber*>(fiber);
  self.fibers.live_through(self);
}

// Nothing may leave a coroutine by exception.
void Fibers::live_through(Fiber& fiber) {
  End end = End::failed;
  try {
    fiber.body();
    end = End::finished;
  } catch (const Cancelled&) {
    end = End::cancelled;
  } catch (const ExpectFailed& failed) {
    report(FiberError::Kind::expectation, fiber, failed.what);
  } catch (const std::exception& error) {
    report(FiberError::Kind::exception, fiber, error.what());
  } catch (...) {
    report(FiberError::Kind::exception, fiber, "something that is no std::exception");
  }
  fiber.end = end;
}

void Fibers::block(Instant until) {
  Fiber& fiber = current();
  check(std::uncaught_exceptions() == 0);  // destructors must not block while an exception unwinds
  throw_if_cancelled(fiber);
  make_ready(fiber, until);
  fiber.coroutine.suspend();
  throw_if_cancelled(fiber);
}

void Fibers::throw_if_cancelled(Fiber& fiber) {
  if (!fiber.cancelled) return;
  if (fiber.cancels_thrown == cancels_max) {
    fiber.given_up = true;
    fiber.coroutine.suspend();  // for ever
  }
  ++fiber.cancels_thrown;
  throw Cancelled();
}

void Fibers::finish(Fiber& fiber) {
  ready_.cancel(fiber.ready);
  awaiting_.erase(fiber.id);
  fiber.fate->end = fiber.end;
  const auto waiters = std::move(fiber.fate->waiters);
  const auto ended = fibers_.extract(fiber.id);  // destroyed last: its body may own handles to this scheduler
  for (const auto& waiter : waiters) wake(waiter);
}

void Fibers::end_now(FiberId id) {
  Fiber* fiber = find(id);
  if (fiber == nullptr) return;
  check(!fiber->coroutine.running());
  fiber->cancelled = true;
  while (find(id) != nullptr) resume(*fiber);  // each resume throws at a blocking call, and those are counted
}

void Fibers::join(const std::shared_ptr<Fate>& fate, Instant limit) {
  throw_if_cancelled(current());
  while (fate->end == End::none && owner_.now() < limit) {
    fate->waiters.push_back(next_wait());
    wait(limit);
  }
}

void Fibers::report(FiberError::Kind kind, const Fiber& fiber, std::string what) {
  errors_.push_back(FiberError{kind, fiber.name, std::move(what)});
}

}  // namespace keelson::sim
