// LeaksAreMeant: while one lives, what is allocated and never freed is no leak to AddressSanitizer.
//
// Who uses it: tests in which something is left as it was, since a check failed in the middle of it.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace keelson::test {

#if defined(__SANITIZE_ADDRESS__)
using LeaksAreMeant = __lsan::ScopedDisabler;
#else
struct LeaksAreMeant {
  ~LeaksAreMeant() {}  // so that it does not look unused
};
#endif

}  // namespace keelson::test
