#include "keelson/driver/check_hook.h"

#include <cstdio>
#include <cstdlib>

namespace keelson {
namespace {

// check_failed() gets no context from kernel code, so the way back to the driver is a property of its thread.
constinit thread_local CheckHook hook_of_thread;

}  // namespace

CheckHook set_check_hook(CheckHook hook) noexcept { return std::exchange(hook_of_thread, hook); }

[[noreturn]] void check_failed(const CheckSite& site) noexcept {
  const CheckHook hook = set_check_hook({});  // a check that fails inside the hook aborts
  if (hook.on_check_failed) hook.on_check_failed(hook.context, site);
  std::fprintf(stderr, "check failed: %s:%u: %s\n", site.file, site.line, site.function);
  std::abort();
}

}  // namespace keelson
