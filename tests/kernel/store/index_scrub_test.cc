// The scrub of index pages keeps to the live part of the ring.
#include "keelson/store/index_scrub.h"

#include <gtest/gtest.h>
#include <optional>

#include "keelson/store/layout.h"
#include "keelson/store/page.h"
#include "keelson/wire/bag.h"

namespace keelson::test {
namespace {

class IndexScrubTest : public testing::Test {
 protected:
  // Where the next Read begins, as a segment; none: there was none.
  std::optional<u64> read(u64 first, u64 end) {
    out.clear();
    if (!scrub.read(first, end, out)) return std::nullopt;
    return out.reads[0].offset / (u64{limits.index_pages_per_segment} * page_bytes);
  }
  void complete() { EXPECT_TRUE(scrub.on_completion(Completion{IoKind::read, out.reads[0].id, IoStatus::ok})); }

  Limits limits = Limits::tiny();
  IoIds ids;
  EffectBag out{limits};
  IndexScrub scrub{limits, 7, ids};
};

TEST_F(IndexScrubTest, WhatWasFreedMeanwhileIsPassedOver) {
  scrub.begin(0);
  EXPECT_EQ(read(0, 9), 0u);
  complete();
  EXPECT_EQ(read(5, 9), 5u);  // 0 to 4 may hold the next lap by now
}

TEST_F(IndexScrubTest, AReadUnderWayKeepsItsSegment) {
  scrub.begin(3);
  EXPECT_FALSE(scrub.reads_before(9));
  EXPECT_EQ(read(3, 9), 3u);
  EXPECT_TRUE(scrub.reads_before(4));
  EXPECT_FALSE(scrub.reads_before(3));
  complete();
  EXPECT_FALSE(scrub.reads_before(9));
}

TEST_F(IndexScrubTest, ItEndsBeforeTheSegmentsThatAreBeingWritten) {
  scrub.begin(0);
  EXPECT_EQ(read(0, 0), std::nullopt);
  EXPECT_EQ(read(4, 4), std::nullopt);
}

}  // namespace
}  // namespace keelson::test
