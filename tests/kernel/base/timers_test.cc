// Timers: due in order of deadline, then of id, whatever was armed, moved and cancelled before.
#include "keelson/base/timers.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

TEST(Timers, NothingIsDueBeforeItsDeadline) {
  Timers timers(4);
  Timers::Due due{};
  EXPECT_EQ(timers.deadline(), Instant::never());
  EXPECT_FALSE(timers.pop_due(Instant::never(), due));
  const u32 timer = timers.create(7, 3);
  EXPECT_FALSE(timers.armed(timer));
  timers.arm(timer, Instant(10));
  EXPECT_TRUE(timers.armed(timer));
  EXPECT_EQ(timers.deadline(), Instant(10));
  EXPECT_EQ(timers.deadline_of(timer), Instant(10));
  EXPECT_FALSE(timers.pop_due(Instant(9), due));
  ASSERT_TRUE(timers.pop_due(Instant(10), due));
  EXPECT_EQ(due.owner, 7u);
  EXPECT_EQ(due.kind, 3u);
  EXPECT_FALSE(timers.armed(timer));
  EXPECT_FALSE(timers.pop_due(Instant(10), due));
}

TEST(Timers, EqualDeadlinesFireInOrderOfId) {
  Timers timers(8);
  u32 ids[8];
  for (u32 i = 0; i < 8; ++i) ids[i] = timers.create(i, 0);
  for (const u32 i : {5u, 2u, 7u, 0u, 3u, 6u, 1u, 4u}) timers.arm(ids[i], Instant(1));
  Timers::Due due{};
  for (u32 i = 0; i < 8; ++i) {
    ASSERT_TRUE(timers.pop_due(Instant(1), due));
    EXPECT_EQ(due.owner, i);
  }
}

TEST(Timers, ArmingAgainMovesBothWays) {
  Timers timers(2);
  const u32 a = timers.create(0, 0);
  const u32 b = timers.create(1, 0);
  timers.arm(a, Instant(10));
  timers.arm(b, Instant(20));
  timers.arm(a, Instant(30));
  EXPECT_EQ(timers.deadline(), Instant(20));
  timers.arm(a, Instant(5));
  EXPECT_EQ(timers.deadline(), Instant(5));
  timers.arm_if_sooner(a, Instant(6));
  EXPECT_EQ(timers.deadline_of(a), Instant(5));
  timers.arm_if_sooner(a, Instant(4));
  EXPECT_EQ(timers.deadline_of(a), Instant(4));
  timers.disarm(a);
  EXPECT_EQ(timers.deadline(), Instant(20));
  timers.disarm(a);
  timers.arm_if_sooner(a, Instant(7));
  EXPECT_EQ(timers.deadline(), Instant(7));
  timers.arm(a, Instant::never());
  timers.arm(b, Instant::never());
  EXPECT_EQ(timers.deadline(), Instant::never());
}

// The last leaf takes the place of a timer in another branch, whose parent is due later than it.
TEST(Timers, CancellingOneKeepsTheOrderOfTheOthers) {
  Timers timers(15);
  const u64 deadlines[] = {1, 20, 2, 21, 22, 3, 4, 30, 31, 32, 33, 5, 6, 7, 8};
  for (u32 i = 0; i < 15; ++i) timers.arm(timers.create(i, 0), Instant(deadlines[i]));
  timers.disarm(3);
  Timers::Due due{};
  for (const u64 expected : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 20u, 22u, 30u, 31u, 32u, 33u}) {
    EXPECT_EQ(timers.deadline(), Instant(expected));
    ASSERT_TRUE(timers.pop_due(Instant(100), due));
  }
  EXPECT_FALSE(timers.pop_due(Instant(100), due));
}

TEST(TimersDeathTest, HasACapacity) {
  Timers timers(1);
  timers.create(0, 0);
  EXPECT_DEATH(timers.create(1, 0), "check failed");
  EXPECT_DEATH(timers.arm(1, Instant(1)), "check failed");
}

}  // namespace
}  // namespace keelson
