#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <vector>

#include "keelson/base/marzullo.h"

namespace keelson {
namespace {

std::vector<ClockInterval> any_sources() {
  std::vector<ClockInterval> sources(*rc::gen::inRange<std::size_t>(1, 8));
  for (auto& source : sources) {
    source.min = *rc::gen::inRange<std::int64_t>(-1000, 1000);
    source.max = source.min + *rc::gen::inRange<std::int64_t>(0, 400);
  }
  return sources;
}

u32 holders(const std::vector<ClockInterval>& sources, ClockInterval of) {
  u32 count = 0;
  for (const auto& s : sources) count += s.min <= of.min && of.max <= s.max ? 1 : 0;
  return count;
}

// A deepest overlap begins at some source's min and ends at some source's max: try all pairs.
RC_GTEST_PROP(MarzulloProperty, AgreesWithAllPairsOfEnds, ()) {
  const auto sources = any_sources();
  const auto agreed = marzullo(sources);
  ClockAgreement best;
  for (const auto& a : sources)
    for (const auto& b : sources) {
      if (a.min > b.max) continue;
      const ClockInterval candidate{a.min, b.max};
      const u32 count = holders(sources, candidate);
      // Only maximal intervals count: a part of an overlap is not a smaller answer.
      const bool maximal = holders(sources, {candidate.min - 1, candidate.max}) < count &&
                           holders(sources, {candidate.min, candidate.max + 1}) < count;
      if (!maximal) continue;
      const auto width = candidate.max - candidate.min;
      const auto best_width = best.interval.max - best.interval.min;
      if (count > best.sources ||
          (count == best.sources && (width < best_width || (width == best_width && candidate.min < best.interval.min))))
        best = {candidate, count};
    }
  RC_ASSERT(agreed.sources == best.sources);
  RC_ASSERT(agreed.interval == best.interval);
}

RC_GTEST_PROP(MarzulloProperty, OrderOfSourcesDoesNotMatter, ()) {
  auto sources = any_sources();
  const auto agreed = marzullo(sources);
  std::reverse(sources.begin(), sources.end());
  RC_ASSERT(marzullo(sources).interval == agreed.interval);
  RC_ASSERT(marzullo(sources).sources == agreed.sources);
}

}  // namespace
}  // namespace keelson
