// One stack on which a World runs all kernel steps, so that a failed check() of the kernel leaves the step at once,
// without unwinding frames that are noexcept and without ending the process.
//
// Who uses it: World, for every Shard::step and Client::step. After a failed check the step never goes on: the stack
// and what it owns are leaked, the kernel objects may be read for reports but never be stepped again. Not for:
// workloads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "keelson/sim/coroutine.h"

namespace keelson::sim {

struct FailedCheck {
  std::string file;
  std::string function;
  unsigned line = 0;
};

class StepFiber {
 public:
  StepFiber();
  ~StepFiber();

  // Runs the step to its end: true; or to a failed check: false, and nothing may be run here again.
  template <class Step>
  bool run(Step&& step) {
    return run([](void* context) { (*static_cast<std::remove_reference_t<Step>*>(context))(); }, std::addressof(step));
  }

  const std::optional<FailedCheck>& failed() const { return failed_; }

 private:
  bool run(void (*step)(void*), void* context);
  static void serve(void* self);
  static void on_check_failed(void* self, const CheckSite& site);

  static constexpr std::size_t stack_bytes = 256 * 1024;
  StackPool stacks_{stack_bytes};
  Coroutine coroutine_;
  void (*step_)(void*) = nullptr;  // null: serve() ends
  void* context_ = nullptr;
  std::optional<FailedCheck> failed_;
};

}  // namespace keelson::sim
