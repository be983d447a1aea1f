// IndexSet against a sorted set.
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include "keelson/base/index_set.h"
#include "keelson/base/random.h"

namespace keelson {
namespace {

std::vector<u32> walk(const IndexSet& set) {
  std::vector<u32> seen;
  set.for_each([&](u32 i) { seen.push_back(i); });
  return seen;
}

TEST(IndexSetProperty, IsASortedSet) {
  for (const u32 capacity : {1u, 63u, 64u, 65u, 4096u, 4097u, 70'000u, IndexSet::capacity_max}) {
    Prng prng(capacity);
    IndexSet set(capacity);
    std::set<u32> model;
    EXPECT_EQ(set.next(0), IndexSet::none);
    for (int round = 0; round < 300; ++round) {
      const auto i = static_cast<u32>(prng.below(capacity));
      const bool member = prng.below(3) != 0;
      set.put(i, member);
      if (member)
        model.insert(i);
      else
        model.erase(i);
      EXPECT_EQ(set.contains(i), member);
      EXPECT_EQ(set.empty(), model.empty());
      const auto from = static_cast<u32>(prng.below(capacity));
      const auto at = model.lower_bound(from);
      EXPECT_EQ(set.next(from), at == model.end() ? IndexSet::none : *at);
    }
    EXPECT_EQ(walk(set), std::vector<u32>(model.begin(), model.end()));
    EXPECT_EQ(set.next(capacity - 1), model.contains(capacity - 1) ? capacity - 1 : IndexSet::none);
  }
}

TEST(IndexSetProperty, AWalkGoesRoundOnceAndStopsWhereItIsTold) {
  IndexSet set(1000);
  for (const u32 i : {3u, 64u, 500u, 999u}) set.insert(i);
  std::vector<u32> seen;
  const auto see = [&](u32 i) { return seen.push_back(i), true; };
  EXPECT_EQ(set.walk_from(65, see), 0u);
  EXPECT_EQ(seen, (std::vector<u32>{500, 999, 3, 64}));
  EXPECT_EQ(set.walk_from(500, [](u32 i) { return i != 3; }), 3u);
  seen.clear();
  EXPECT_EQ(set.walk_from(0, [&](u32 i) { return set.erase(i), see(i); }), 0u);
  EXPECT_EQ(seen, (std::vector<u32>{3, 64, 500, 999}));
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace keelson
