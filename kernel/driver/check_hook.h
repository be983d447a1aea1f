// Where a failed check() goes: the one definition of keelson::check_failed that all of keelson's drivers share.
//
// Who uses it: sim::World, which turns a failed check of a step into a verdict; io, which says more before it aborts.
// A hook belongs to the thread that set it. Without one the site is printed and the process aborts. Not here: check()
// itself (base/check.h). A driver outside this tree links the kernel alone and defines check_failed as it likes.
#pragma once

#include <utility>

#include "keelson/base/check.h"

namespace keelson {

// Must not return: switches to another stack, or ends the process.
struct CheckHook {
  void (*on_check_failed)(void* context, const CheckSite& site) = nullptr;
  void* context = nullptr;
};

// Of this thread. Returns the former one.
CheckHook set_check_hook(CheckHook hook) noexcept;

class ScopedCheckHook {
 public:
  explicit ScopedCheckHook(CheckHook hook) noexcept : former_(set_check_hook(hook)) {}
  ScopedCheckHook(const ScopedCheckHook&) = delete;
  ScopedCheckHook& operator=(const ScopedCheckHook&) = delete;
  ~ScopedCheckHook() { set_check_hook(former_); }

 private:
  CheckHook former_;
};

}  // namespace keelson
