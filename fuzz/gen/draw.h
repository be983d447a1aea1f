// Draw: where a generator's choices come from, so that one generator serves RapidCheck (which shrinks them), libFuzzer
// (its input decides) and plain tests (a seed decides).
#pragma once

#include <functional>
#include <memory>

#include "keelson/base/bytes.h"
#include "keelson/base/random.h"

namespace keelson::gen {

// A number in [0, bound); 0 is the least interesting one. `bound` > 0.
using Draw = std::function<u64(u64 bound)>;

inline Draw seeded(u64 seed) {
  return [prng = std::make_shared<Prng>(seed)](u64 bound) { return prng->below(bound); };
}

// From bytes; zeros for ever when they have run out.
inline Draw from_bytes(Bytes bytes) {
  return [bytes](u64 bound) mutable {
    u64 raw = 0;
    for (u64 reach = 1; reach < bound && !bytes.empty(); reach = reach > ~u64{0} / 256 ? ~u64{0} : reach * 256) {
      raw = raw << 8 | std::to_integer<u64>(bytes[0]);
      bytes = bytes.subspan(1);
    }
    return raw % bound;
  };
}

}  // namespace keelson::gen
