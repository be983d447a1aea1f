// Strong types: only the arithmetic that means something, and none that wraps.
#include "keelson/base/types.h"

#include <gtest/gtest.h>
#include <type_traits>

namespace keelson {
namespace {

template <class A, class B>
concept Addable = requires(A a, B b) { a + b; };
template <class A, class B>
concept Comparable = requires(A a, B b) { a == b; };

static_assert(!std::is_convertible_v<u64, Op> && !std::is_convertible_v<Op, u64>);
static_assert(!Comparable<Op, SessionId> && !Comparable<View, Epoch> && !Comparable<Op, u64>);
static_assert(!Addable<NodeId, u16> && !Addable<Op, Op> && Addable<Op, u64>);
static_assert(!Comparable<Instant, Timestamp> && !Comparable<Timestamp, WallTime>);
static_assert(Addable<Instant, Duration> && !Addable<Instant, Instant>);
static_assert(!Comparable<ClientId, Digest>);

TEST(Ordinal, CountsUpAndDown) {
  EXPECT_EQ(Op(5) + 2, Op(7));
  EXPECT_EQ(Op(5) - u64{2}, Op(3));
  EXPECT_EQ(Op(5) - Op(2), 3u);
  Op op(9);
  EXPECT_EQ(++op, Op(10));
  EXPECT_LT(View(1), View(2));
  EXPECT_EQ(Op(5).minus_saturating(7), Op(0));
  EXPECT_EQ(Op(5).minus_saturating(5), Op(0));
  EXPECT_EQ(Op(5).minus_saturating(4), Op(1));
}

TEST(OrdinalDeathTest, NeverWraps) {
  EXPECT_DEATH(Op(~u64{0}) + 1, "check failed");
  EXPECT_DEATH(View(~u32{0}) + 1, "check failed");
  EXPECT_DEATH(Op(1) - u64{2}, "check failed");
  EXPECT_DEATH(Op(1) - Op(2), "check failed");
  Op last(~u64{0});
  EXPECT_DEATH(++last, "check failed");
  EXPECT_EQ(Op(~u64{0} - 1) + 1, last);
}

TEST(Duration, SubtractsDownToZero) {
  EXPECT_EQ(milliseconds(3) - milliseconds(1), milliseconds(2));
  EXPECT_EQ(milliseconds(1) - milliseconds(3), Duration());
  EXPECT_EQ(seconds(2), milliseconds(2000));
  EXPECT_EQ(milliseconds(2), microseconds(2000));
  EXPECT_EQ(milliseconds(6) / 3 * 2, milliseconds(4));
}

TEST(PointInTime, SaturatesAtNeverAndAtZero) {
  EXPECT_EQ(Instant(5) + Duration(6), Instant(11));
  EXPECT_EQ(Instant(5) + Duration(~u64{0}), Instant::never());
  EXPECT_EQ(Instant::never() + Duration(1), Instant::never());
  EXPECT_EQ(Instant(5) - Duration(6), Instant(0));
  EXPECT_EQ(Instant(9).since(Instant(4)), Duration(5));
  EXPECT_EQ(Instant(4).since(Instant(9)), Duration(0));
  EXPECT_LT(Instant(1), Instant::never());
}

TEST(ViewId, ComparesByEpochFirst) {
  EXPECT_LT((ViewId{Epoch(1), View(9)}), (ViewId{Epoch(2), View(0)}));
  EXPECT_LT((ViewId{Epoch(2), View(0)}), (ViewId{Epoch(2), View(1)}));
}

TEST(Life, ANewDataFileOutlivesAnyIncarnationOfTheOldOne) {
  EXPECT_LT((Life{Generation(1), Incarnation(900)}), (Life{Generation(2), Incarnation(1)}));
  EXPECT_LT((Life{Generation(2), Incarnation(1)}), (Life{Generation(2), Incarnation(2)}));
}

TEST(Wide, IsZeroOnlyWithoutAnyBit) {
  EXPECT_TRUE(Digest{}.is_zero());
  EXPECT_FALSE((Digest{0, 1}).is_zero());
  EXPECT_FALSE((Digest{1, 0}).is_zero());
}

}  // namespace
}  // namespace keelson
