// XXH3 checksums: 128 bits for messages and identities, 64 bits for page stamps. They find faults, not attackers.
//
// Who uses it: wire/ and store/, drivers through them. Source: xxHash 0.8 (XXH3), whose value is the same whatever
// vector width it was compiled for.
#pragma once

#include "keelson/base/bytes.h"

namespace keelson {

Digest digest_of(Bytes bytes, u64 seed = 0);
u64 check64_of(Bytes bytes, u64 seed);

// What a body of no bytes hashes to.
Digest digest_of_nothing();

// Incremental, for what isn't contiguous. 576 bytes of state; no allocation.
class DigestStream {
 public:
  explicit DigestStream(u64 seed = 0);
  void add(Bytes bytes);
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void add_value(const T& value) {
    static_assert(std::has_unique_object_representations_v<T>, "padding bytes would be hashed");
    add(bytes_of(value));
  }
  Digest finish() const;

 private:
  alignas(64) std::byte state_[576];
};

}  // namespace keelson
