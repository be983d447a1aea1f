// A user brings a driver of their own: it links the kernel, and says what a failed check does.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "keelson/base/check.h"
#include "keelson/base/types.h"
#include "keelson/wire/header.h"

namespace keelson {

[[noreturn]] void check_failed(const CheckSite& site) noexcept {
  std::fprintf(stderr, "check failed: %s:%u: %s\n", site.file, site.line, site.function);
  std::abort();
}

}  // namespace keelson

int main() {
  auto beat = keelson::make<keelson::Beat>();
  beat.catalog_op = keelson::Op(41).raw() + 1;
  std::array<std::byte, keelson::header_size> bytes{};
  std::memcpy(bytes.data(), &beat, sizeof(beat));
  const keelson::Digest before = keelson::header_checksum(bytes.data());
  bytes[keelson::header_size - 1] ^= std::byte{1};
  return before == keelson::header_checksum(bytes.data()) ? 1 : 0;
}
