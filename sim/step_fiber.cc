#include "keelson/sim/step_fiber.h"

#include <cstdlib>

#include "keelson/driver/check_hook.h"

namespace keelson::sim {

StepFiber::StepFiber() : coroutine_(stacks_, serve, this) {}

StepFiber::~StepFiber() {
  if (!coroutine_.started() || failed_) return;
  step_ = nullptr;
  coroutine_.resume();
}

bool StepFiber::run(void (*step)(void*), void* context) {
  check(!failed_);
  step_ = step;
  context_ = context;
  const ScopedCheckHook hook({on_check_failed, this});
  coroutine_.resume();
  if (failed_) coroutine_.abandon();
  return !failed_;
}

// One coroutine for all steps: a fresh one per step would cost more than most steps do.
void StepFiber::serve(void* self) {
  auto& fiber = *static_cast<StepFiber*>(self);
  while (fiber.step_ != nullptr) {
    fiber.step_(fiber.context_);
    fiber.coroutine_.suspend();
  }
}

void StepFiber::on_check_failed(void* self, const CheckSite& site) {
  auto& fiber = *static_cast<StepFiber*>(self);
  if (!fiber.coroutine_.running()) return;  // not the kernel's check but a driver's: the process ends
  fiber.failed_ = FailedCheck{site.file, site.function, site.line};
  fiber.coroutine_.suspend();
  std::abort();  // nobody resumes an abandoned coroutine
}

}  // namespace keelson::sim
