#include "keelson/vsr/body_cache.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

class BodyCacheTest : public testing::Test {
 protected:
  static Digest identity(u64 op) { return Digest{op, ~op}; }
  void put(u64 op) { cache_.put(Op(op), identity(op), body_); }
  bool has(u64 op) const { return cache_.get(Op(op), identity(op)) != nullptr; }

  static constexpr u32 capacity = 100;  // no power of two, as a user may choose
  Slabs slabs_{Limits::tiny()};
  MessageRef body_ = make_message(slabs_, make<GetView>());
  BodyCache cache_{capacity};
};

TEST_F(BodyCacheTest, GrowingForgetsNothingThatItHasRoomFor) {
  for (u64 op = 37; op < 500; ++op) {
    put(op);
    const u64 oldest = op < 37 + capacity ? 37 : op - capacity + 1;
    for (u64 kept = oldest; kept <= op; ++kept) ASSERT_TRUE(has(kept)) << kept << " after " << op;
  }
  EXPECT_FALSE(has(500 - capacity - 1));
}

TEST_F(BodyCacheTest, AnOpOfAnotherIdentityIsNotHere) {
  put(7);
  EXPECT_EQ(cache_.get(Op(7), identity(8)), nullptr);
  EXPECT_EQ(cache_.get(Op(7 + capacity), identity(7)), nullptr);
}

TEST_F(BodyCacheTest, OnlyTheOpThatIsHereIsDropped) {
  put(7);
  cache_.drop(Op(7 + capacity));
  EXPECT_TRUE(has(7));
  cache_.drop(Op(7));
  EXPECT_FALSE(has(7));
}

}  // namespace
}  // namespace keelson
