#include "keelson/vsr/quorum.h"

#include <bit>
#include <gtest/gtest.h>

namespace keelson {
namespace {

TEST(Quorums, AreThoseOfTheTable) {
  const u8 table[6][4] = {{1, 1, 1, 1}, {2, 2, 1, 1}, {2, 2, 2, 2}, {2, 3, 3, 2}, {3, 3, 3, 3}, {3, 4, 4, 3}};
  for (u8 n = 1; n <= voters_max; ++n) {
    const Quorums q = Quorums::of(n);
    EXPECT_EQ(q.replication, table[n - 1][0]) << int{n};
    EXPECT_EQ(q.view_change, table[n - 1][1]) << int{n};
    EXPECT_EQ(q.nack, table[n - 1][2]) << int{n};
    EXPECT_EQ(q.read, table[n - 1][3]) << int{n};
  }
}

// Over every pair of subsets, not by arithmetic: what is committed is seen, what is nacked was not committed.
TEST(Quorums, IntersectForEverySize) {
  for (u8 n = 1; n <= voters_max; ++n) {
    const Quorums q = Quorums::of(n);
    for (unsigned a = 0; a < 1u << n; ++a)
      for (unsigned b = 0; b < 1u << n; ++b) {
        const int size_a = std::popcount(a), size_b = std::popcount(b);
        if (size_a < q.replication) continue;
        if (size_b >= q.view_change) {
          EXPECT_NE(a & b, 0u) << "a view change misses a commit, n = " << int{n};
        }
        if (size_b >= q.nack) {
          EXPECT_NE(a & b, 0u) << "a nack quorum beside a commit, n = " << int{n};
        }
      }
    for (unsigned a = 0; a < 1u << n; ++a)
      for (unsigned b = 0; b < 1u << n; ++b)
        if (std::popcount(a) >= q.read && std::popcount(b) >= q.view_change) {
          EXPECT_NE(a & b, 0u) << "a read misses a view change, n = " << int{n};
        }
  }
}

TEST(Votes, CountEachReplicaOnce) {
  Votes votes;
  EXPECT_TRUE(votes.add(ReplicaIndex(2)));
  EXPECT_FALSE(votes.add(ReplicaIndex(2)));
  EXPECT_EQ(votes.count(), 1);
  EXPECT_TRUE(votes.has(ReplicaIndex(2)));
  EXPECT_FALSE(votes.has(ReplicaIndex(0)));
  votes.clear();
  EXPECT_EQ(votes.count(), 0);
}

}  // namespace
}  // namespace keelson
