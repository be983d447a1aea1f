// Marzullo's algorithm: the interval that the largest number of clocks agrees on.
//
// Who uses it: vsr/clock. Pure integer arithmetic. Source: K. Marzullo, "Maintaining the Time in a Distributed System",
// 1984. Not here: where the intervals come from, and how many clocks are enough.
#pragma once

#include <span>

#include "keelson/base/types.h"

namespace keelson {

// What one clock says of the offset between the true time and ours, nanoseconds, both ends included. min <= max.
struct ClockInterval {
  std::int64_t min = 0;
  std::int64_t max = 0;
  constexpr bool operator==(const ClockInterval&) const = default;
};

struct ClockAgreement {
  ClockInterval interval;
  u32 sources = 0;  // clocks whose interval holds all of it; 0: there were none
};

inline constexpr std::size_t clock_sources_max = 16;

// The interval common to the most sources; of several such, the smallest, then the lowest. At most clock_sources_max.
ClockAgreement marzullo(std::span<const ClockInterval> sources);

}  // namespace keelson
