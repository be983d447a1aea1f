// The calls that read a clock, in front of the C library's: inside of a machine's function they end the run.
//
// Who uses it: programs that link WatchedMachine get these (machine_watch.cc is what names them); everything else, and
// everybody under sanitizers, calls the C library as ever. Weak, so that a program's own come first. Not here: hidden
// clocks such as rdtsc; those show when a machine is compared with its twin.
#include "keelson/sim/embed/clock_calls.h"

#include <ctime>
#include <dlfcn.h>
#include <sys/time.h>

#include "keelson/sim/embed/blame.h"
#include "keelson/sim/embed/machine_watch.h"

namespace keelson::sim {

void watch_clocks() {}

}  // namespace keelson::sim

#if !defined(KEELSON_SANITIZED)
namespace {

template <class Function>
Function behind_us(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void expect_no_machine(const char* function) {
  const auto* call = keelson::sim::MachineCall::of_thread();
  if (!call) return;
  const std::string detail =
      call->text() + " reads a clock (" + function + "), use ctx.timestamp" + keelson::sim::not_the_kernel;
  keelson::sim::leave_step({.kind = keelson::sim::ViolationKind::machine,
                            .checker = "machine",
                            .invariant = "clock",
                            .detail = detail,
                            .at = {}});
}

}  // namespace

extern "C" {
[[gnu::weak]] int clock_gettime(clockid_t clock, timespec* into) noexcept {
  static const auto real = behind_us<int (*)(clockid_t, timespec*)>("clock_gettime");
  expect_no_machine("clock_gettime");
  return real(clock, into);
}
[[gnu::weak]] int gettimeofday(timeval* into, void* zone) noexcept {
  static const auto real = behind_us<int (*)(timeval*, void*)>("gettimeofday");
  expect_no_machine("gettimeofday");
  return real(into, zone);
}
[[gnu::weak]] time_t time(time_t* into) noexcept {
  static const auto real = behind_us<time_t (*)(time_t*)>("time");
  expect_no_machine("time");
  return real(into);
}
}
#endif
