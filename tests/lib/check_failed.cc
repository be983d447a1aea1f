// A driver supplies keelson::check_failed. For tests that drive the kernel by hand it prints the site and aborts, so
// that a death test can match it. Weak: a test that links a real driver gets the driver's.
#include <cstdio>
#include <cstdlib>

#include "keelson/base/check.h"

namespace keelson {

[[noreturn]] __attribute__((weak)) void check_failed(const CheckSite& site) noexcept {
  std::fprintf(stderr, "check failed: %s:%u: %s\n", site.file, site.line, site.function);
  std::abort();
}

}  // namespace keelson
