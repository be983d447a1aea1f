#include "keelson/base/marzullo.h"

#include <gtest/gtest.h>
#include <vector>

namespace keelson {
namespace {

ClockAgreement agree(std::vector<ClockInterval> sources) { return marzullo(sources); }

TEST(Marzullo, NoSourcesAgreeOnNothing) { EXPECT_EQ(agree({}).sources, 0u); }

TEST(Marzullo, OneSourceIsBelieved) {
  const auto agreed = agree({{-5, 7}});
  EXPECT_EQ(agreed.sources, 1u);
  EXPECT_EQ(agreed.interval, (ClockInterval{-5, 7}));
}

// The examples of the algorithm's literature.
TEST(Marzullo, FindsTheOverlapOfMost) {
  EXPECT_EQ(agree({{8, 12}, {11, 13}, {10, 12}}).interval, (ClockInterval{11, 12}));
  EXPECT_EQ(agree({{8, 12}, {11, 13}, {10, 12}}).sources, 3u);
  EXPECT_EQ(agree({{8, 12}, {11, 13}, {14, 15}}).interval, (ClockInterval{11, 12}));
  EXPECT_EQ(agree({{8, 12}, {11, 13}, {14, 15}}).sources, 2u);
}

TEST(Marzullo, TouchingIsAgreeing) {
  const auto agreed = agree({{0, 5}, {5, 9}});
  EXPECT_EQ(agreed.sources, 2u);
  EXPECT_EQ(agreed.interval, (ClockInterval{5, 5}));
}

TEST(Marzullo, TiesTakeTheSmallerThenTheLower) {
  EXPECT_EQ(agree({{0, 10}, {20, 25}}).interval, (ClockInterval{20, 25}));
  EXPECT_EQ(agree({{20, 25}, {0, 5}}).interval, (ClockInterval{0, 5}));
}

TEST(Marzullo, ExtremeEndsDoNotOverflow) {
  constexpr auto min = std::numeric_limits<std::int64_t>::min();
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  const auto agreed = agree({{min, max}, {min, max}});
  EXPECT_EQ(agreed.sources, 2u);
  EXPECT_EQ(agreed.interval, (ClockInterval{min, max}));
}

// Every set of up to three intervals with ends in 0..4, against a count of every point.
TEST(Marzullo, AgreesWithCountingEverySmallCase) {
  std::vector<ClockInterval> all;
  for (std::int64_t min = 0; min <= 4; ++min)
    for (std::int64_t max = min; max <= 4; ++max) all.push_back({min, max});
  const auto expect_right = [](const std::vector<ClockInterval>& sources) {
    // Points are counted at half steps, so that a gap between two touching ends is seen.
    const auto holders = [&](std::int64_t half) {
      u32 n = 0;
      for (const auto& s : sources) n += 2 * s.min <= half && half <= 2 * s.max ? 1 : 0;
      return n;
    };
    u32 most = 0;
    for (std::int64_t h = 0; h <= 8; ++h) most = std::max(most, holders(h));
    ClockInterval best{0, 1000};
    for (std::int64_t h = 0; h <= 8;) {
      if (holders(h) != most) {
        ++h;
        continue;
      }
      const std::int64_t start = h;
      while (h <= 8 && holders(h) == most) ++h;
      const ClockInterval run{start / 2, (h - 1) / 2};
      if (run.max - run.min < best.max - best.min) best = run;
    }
    const auto agreed = marzullo(sources);
    ASSERT_EQ(agreed.sources, most);
    ASSERT_EQ(agreed.interval, best) << agreed.interval.min << ".." << agreed.interval.max;
  };
  for (const auto& a : all) {
    expect_right({a});
    for (const auto& b : all) {
      expect_right({a, b});
      for (const auto& c : all) expect_right({a, b, c});
    }
  }
}

}  // namespace
}  // namespace keelson
