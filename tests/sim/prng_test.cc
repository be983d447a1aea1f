#include "keelson/sim/prng.h"

#include <gtest/gtest.h>

namespace keelson::sim {
namespace {

// Computed once; g++ and clang, any optimisation, must give the same.
TEST(StreamPrng, GivesTheSameNumbersOnEveryCompiler) {
  StreamPrng link(42, "net/0.0>1.0");
  for (const u64 expected : {2816258466490205902u, 11065488742585657240u, 11124138392389665797u, 1291721872424127407u})
    EXPECT_EQ(link.next(), expected);
}

TEST(StreamPrng, DependsOnSeedAndNameOnly) {
  StreamPrng a(1, "disk/0.0");
  StreamPrng same(1, "disk/0.0");
  StreamPrng other_seed(2, "disk/0.0");
  StreamPrng other_name(1, "disk/0.1");
  const u64 first = a.next();
  EXPECT_EQ(first, same.next());
  EXPECT_NE(first, other_seed.next());
  EXPECT_NE(first, other_name.next());
}

TEST(Scale, CoversTheBoundAndKeepsZeroQuiet) {
  EXPECT_EQ(scale(0, 10), 0u);
  EXPECT_EQ(scale(~u64{0}, 10), 9u);
  EXPECT_EQ(scale(u64{1} << 63, 10), 5u);
  EXPECT_EQ(scale(1234, 0), 1234u) << "bound 0 means 2^64";
  EXPECT_EQ(scale(~u64{0}, 1), 0u);
}

TEST(Exponential, IsQuietAtZeroAndMonotonic) {
  EXPECT_EQ(exponential(0, 1'000'000), 0u);
  u64 last = 0;
  for (u32 v = 1; v < 0xffff'0000u; v += 65'521) {
    const u64 value = exponential(v, u64{1} << 40);
    ASSERT_GE(value, last) << v;
    last = value;
  }
}

TEST(Exponential, HasTheMeanAndTheTailOfTheDistribution) {
  StreamPrng prng(7, "exp");
  constexpr u64 mean = 1'000'000;
  constexpr u64 draws = 1'000'000;
  u64 sum = 0;
  u64 beyond_three_means = 0;
  for (u64 i = 0; i < draws; ++i) {
    const u64 value = exponential(static_cast<u32>(scale(prng.next(), u64{1} << 32)), mean);
    sum += value;
    beyond_three_means += value > 3 * mean ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(sum / draws), 1e6, 3e3);            // standard error 1e3
  EXPECT_NEAR(static_cast<double>(beyond_three_means), 49'787, 900);  // e^-3, standard error 220
}

TEST(Exponential, GoldenValues) {
  constexpr u64 mean = 1'000'000'000'000;
  EXPECT_EQ(exponential(1, mean), 10'576'564u);
  EXPECT_EQ(exponential(u32{1} << 30, mean), 287'682'563'066u);
  EXPECT_EQ(exponential(u32{1} << 31, mean), 693'145'751'953u);
  EXPECT_EQ(exponential(u32{3} << 30, mean), 1'386'291'503'906u);
  EXPECT_EQ(exponential(0xffff'ffff, mean), 22'180'664'062'500u);
}

TEST(Exponential, SaturatesInsteadOfWrapping) { EXPECT_EQ(exponential(0xffff'ffff, ~u64{0}), ~u64{0}); }

}  // namespace
}  // namespace keelson::sim
