// NodeClock: what one machine believes about time. Its monotonic clock runs at its own rate from an arbitrary start,
// its wall clock is some offset away and may jump.
//
// Who uses it: World, at the border of each process: `truth` is the World's time, everything a kernel sees is local.
// The calculations are exact integers. Not here: the cluster's agreed time (vsr/clock).
#pragma once

#include "keelson/sim/settings.h"
#include "keelson/sim/tape.h"

namespace keelson::sim {

class NodeClock {
 public:
  explicit NodeClock(Stream stream) : stream_(stream) {}

  // A machine that was installed at `truth`: draws the error of its wall clock.
  void install(Instant truth, const ClockSettings& settings);
  // A process start: draws where the monotonic clock begins, and its rate.
  void boot(Instant truth, const ClockSettings& settings);

  Instant local(Instant truth) const;
  WallTime wall(Instant truth) const;
  static WallTime true_wall(Instant truth);  // what a wall clock without an error shows
  // The first moment at which local() is `local` or later; never for never.
  Instant truth_of(Instant local) const;

  void set_drift(Instant truth, std::int64_t ppm);  // from now on
  std::int64_t draw_drift(const ClockSettings& settings) const;
  void step_wall(std::int64_t delta_ns);
  void mend_wall(Instant truth);  // somebody sets it right
  std::int64_t drift_ppm() const { return drift_ppm_; }

 private:
  Stream stream_;
  Instant anchor_truth_;  // here both clocks show exactly this
  Instant anchor_local_;
  WallTime anchor_wall_;
  std::int64_t drift_ppm_ = 0;
};

// A draw between -max and max whose quiet value is 0: 0, 1, -1, 2, -2, ...
std::int64_t draw_signed(const Stream& stream, Site site, u64 max);

}  // namespace keelson::sim
