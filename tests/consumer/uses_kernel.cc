// A user brings a driver of their own: it links the kernel, and says what a failed check does.
#include <cstdio>
#include <cstdlib>

#include "keelson/base/check.h"
#include "keelson/base/checksum.h"
#include "keelson/base/types.h"

namespace keelson {

[[noreturn]] void check_failed(const CheckSite& site) noexcept {
  std::fprintf(stderr, "check failed: %s:%u: %s\n", site.file, site.line, site.function);
  std::abort();
}

}  // namespace keelson

int main() {
  const keelson::Op op = keelson::Op(41) + 1;
  return op.raw() == 42 ? 0 : 1;
}
