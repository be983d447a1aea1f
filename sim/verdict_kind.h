// How a run ended, as a number: the exit code of `keelson sim`, and what a tape remembers.
#pragma once

#include "keelson/base/types.h"

namespace keelson::sim {

enum class Verdict : u8 { ok = 0, safety = 2, liveness = 3, nondeterministic = 4, inconclusive = 5, unavailable = 6 };

constexpr int exit_code_of(Verdict verdict) { return static_cast<int>(verdict); }
constexpr const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::safety:
      return "safety";
    case Verdict::liveness:
      return "liveness";
    case Verdict::nondeterministic:
      return "nondeterministic";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::unavailable:
      return "unavailable";
  }
  return "?";
}

}  // namespace keelson::sim
