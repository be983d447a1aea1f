// Ring: first in, first out, over and over its end.
#include "keelson/base/ring.h"

#include <gtest/gtest.h>
#include <memory>

namespace keelson {
namespace {

TEST(Ring, IsFirstInFirstOutAcrossItsEnd) {
  Ring<int> ring(3);
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 10; ++round) {
    while (!ring.full()) ring.push_back(next_in++);
    EXPECT_EQ(ring.size(), 3u);
    EXPECT_EQ(ring.front(), next_out);
    EXPECT_EQ(ring.back(), next_in - 1);
    for (std::size_t i = 0; i < ring.size(); ++i) EXPECT_EQ(ring[i], next_out + static_cast<int>(i));
    EXPECT_EQ(ring.pop_front(), next_out++);
    EXPECT_EQ(ring.pop_front(), next_out++);
  }
}

TEST(Ring, DropsFromBothEnds) {
  auto counted = std::make_shared<int>(1);
  Ring<std::shared_ptr<int>> ring(4);
  for (int i = 0; i < 4; ++i) ring.push_back(counted);
  ring.pop_front();
  EXPECT_EQ(counted.use_count(), 4);
  ring.push_back(counted);
  ring.pop_back();
  EXPECT_EQ(counted.use_count(), 4) << "what was popped is not kept alive in its slot";
  ring.clear();
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_TRUE(ring.empty());
  ring.push_back(counted);
  EXPECT_EQ(ring.front(), counted);
}

TEST(RingDeathTest, ABoundIsNeverPassed) {
  Ring<int> ring(2);
  EXPECT_DEATH(ring.pop_front(), "check failed");
  EXPECT_DEATH(ring.pop_back(), "check failed");
  EXPECT_DEATH(ring.front(), "check failed");
  EXPECT_DEATH(ring.back(), "check failed");
  ring.push_back(1);
  EXPECT_DEATH(ring[1], "check failed");
  ring.push_back(2);
  EXPECT_DEATH(ring.push_back(3), "check failed");
  EXPECT_DEATH(Ring<int>().push_back(1), "check failed");
}

}  // namespace
}  // namespace keelson
