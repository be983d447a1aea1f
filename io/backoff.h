// Backoff: when to try an address again.
//
// Who uses it: the bus, one per address that it dials. The n-th attempt waits a random time between the shortest pause
// and twice the one before; only a connection that lasted and carried a message starts the count anew, so a server that
// accepts and closes is not hammered. Not here: the dialing.
#pragma once

#include <algorithm>

#include "keelson/base/random.h"
#include "keelson/base/types.h"

namespace keelson::io {

class Backoff {
 public:
  static constexpr Duration lasted = seconds(10);

  Backoff(Duration min, Duration max) : min_(min), max_(max) {}

  bool due(Instant now) const { return now >= next_; }
  Instant next() const { return next_; }
  void failed(Instant now, Prng& prng) {
    attempts_ = std::min(attempts_ + 1, 16u);
    wait(now, prng, std::min(max_, min_ * (u64{1} << attempts_)));
  }
  // The fault is one of the configuration: only the longest pause makes sense.
  void hopeless(Instant now, Prng& prng) {
    attempts_ = 16;
    next_ = now + max_ + Duration(prng.below(min_.ns()));
  }
  void lost(Instant now, Instant opened, bool heard, Prng& prng) {
    if (heard && now.since(opened) >= lasted) attempts_ = 0;
    failed(now, prng);
  }

 private:
  void wait(Instant now, Prng& prng, Duration most) {
    next_ = now + min_ + Duration(prng.below(most.ns() - std::min(most, min_).ns() + 1));
  }
  Duration min_;
  Duration max_;
  Instant next_;
  u32 attempts_ = 0;
};

}  // namespace keelson::io
