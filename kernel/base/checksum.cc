#include "keelson/base/checksum.h"

// Inlined, XXH3 is as fast as the library at the x86-64 baseline and costs no symbol of libxxhash in the archive.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace keelson {
namespace {

Digest to_digest(XXH128_hash_t hash) { return Digest{hash.low64, hash.high64}; }

XXH3_state_t* state_of(std::byte* bytes) { return reinterpret_cast<XXH3_state_t*>(bytes); }
const XXH3_state_t* state_of(const std::byte* bytes) { return reinterpret_cast<const XXH3_state_t*>(bytes); }

}  // namespace

Digest digest_of(Bytes bytes, u64 seed) { return to_digest(XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed)); }

u64 check64_of(Bytes bytes, u64 seed) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed); }

Digest digest_of_nothing() { return digest_of({}); }

DigestStream::DigestStream(u64 seed) {
  static_assert(sizeof(XXH3_state_t) <= sizeof state_);
  XXH3_INITSTATE(state_of(state_));
  XXH3_128bits_reset_withSeed(state_of(state_), seed);
}

void DigestStream::add(Bytes bytes) { XXH3_128bits_update(state_of(state_), bytes.data(), bytes.size()); }

Digest DigestStream::finish() const { return to_digest(XXH3_128bits_digest(state_of(state_))); }

}  // namespace keelson
