// The generator: the published sequence, a bound that holds, forks that go their own way.
#include "keelson/base/random.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace keelson {
namespace {

// xoshiro256** seeded by splitmix64(0): the values other implementations give.
TEST(Prng, IsTheGeneratorItSaysItIs) {
  Prng prng(0);
  for (const u64 expected : {u64{0x99ec5f36cb75f2b4}, u64{0xbf6e1f784956452a}, u64{0x1a5f849d4933e6e0},
                             u64{0x6aa594f1262d2d2c}, u64{0xbba5ad4a1f842e59}})
    EXPECT_EQ(prng.next(), expected);
}

TEST(Prng, StaysBelowItsBound) {
  Prng prng(1);
  EXPECT_EQ(prng.below(u64{0}), 0u);
  EXPECT_EQ(prng.below(u64{1}), 0u);
  for (const u64 bound : {u64{2}, u64{3}, u64{1000}, u64{1} << 63, ~u64{0}})
    for (int i = 0; i < 1000; ++i) ASSERT_LT(prng.below(bound), bound);
  for (int i = 0; i < 1000; ++i) ASSERT_LT(prng.below(milliseconds(1)), milliseconds(1));
}

TEST(Prng, ReachesEveryValueAboutEquallyOften) {
  Prng prng(2);
  std::map<u64, int> seen;
  for (int i = 0; i < 60'000; ++i) ++seen[prng.below(6)];
  EXPECT_EQ(seen.size(), 6u);
  for (const auto& [value, times] : seen) {
    EXPECT_GT(times, 9'500) << value;
    EXPECT_LT(times, 10'500) << value;
  }
}

TEST(Prng, DependsOnItsSeedAlone) {
  Prng a(5);
  Prng b(5);
  Prng c(6);
  for (int i = 0; i < 100; ++i) {
    const u64 value = a.next();
    EXPECT_EQ(b.next(), value);
    EXPECT_NE(c.next(), value);
  }
}

TEST(Prng, AForkSharesNothingWithItsParent) {
  Prng parent(5);
  Prng fork = parent.fork();
  std::set<u64> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(parent.next());
    seen.insert(fork.next());
  }
  EXPECT_EQ(seen.size(), 2000u);
}

}  // namespace
}  // namespace keelson
