// Segments: where batches begin, and what happens when there are no more.
#include <gtest/gtest.h>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

TEST(WalSegments, ABatchThatDoesNotFitTheRestBeginsTheNextSegment) {
  WalRig rig;
  std::vector<MessageRef> records;
  for (int i = 0; i < 3; ++i) {
    records.push_back(rig.append(7000));
    records.push_back(rig.append(7000));
    records.push_back(rig.append(7000));  // 21,960 bytes: six pages
    rig.seal();
    rig.complete_all();
  }
  EXPECT_EQ(rig.place_of(records[3]).page, PageNo(6));
  EXPECT_EQ(rig.place_of(records[6]).page, PageNo(16));
  EXPECT_EQ(rig.index_of(1)[0].head.first_page, PageNo(16));
  EXPECT_GE(rig.counters[Mark::wal_segment_full], 1u);
}

TEST(WalSegments, ASegmentIsAlsoFullWhenItsIndexPagesAre) {
  Limits limits = Limits::tiny();
  limits.index_pages_per_segment = 6;
  WalRig rig(limits);
  std::vector<MessageRef> records;
  for (int i = 0; i < 7; ++i) {
    records.push_back(rig.append());
    rig.seal();
    rig.complete_all();
  }
  EXPECT_EQ(rig.place_of(records[5]).page, PageNo(5));
  EXPECT_EQ(rig.place_of(records[6]).page, PageNo(16));
  rig.pass(Tunables::tiny().marker_delay * 2);
  rig.complete_all();
  EXPECT_EQ(rig.index_of(1)[1].head.count, 0);
}

TEST(WalSegments, ABatchThatFillsItsSegmentLeavesTheNextOneWhole) {
  WalRig rig;
  for (int i = 0; i < 2; ++i) {
    for (int n = 0; n < 4; ++n) rig.append(7680);  // 4 x 8,000 bytes: eight pages
    rig.seal();
    rig.complete_all();
  }
  const auto next = rig.append();
  rig.seal();
  rig.complete_all();
  EXPECT_EQ(rig.place_of(next).page, PageNo(16));
  EXPECT_EQ(rig.index_of(1)[0].state, PageState::ok);
}

TEST(WalSegments, AMarkerGoesToTheNextSegmentToo) {
  Limits limits = Limits::tiny();
  limits.index_pages_per_segment = 6;
  WalRig rig(limits);
  for (int i = 0; i < 6; ++i) {
    rig.append(64, i == 5);
    rig.seal();
    if (i < 5) rig.complete_all();
  }
  rig.complete_all();
  EXPECT_EQ(rig.all_stored.size(), 6u);
  EXPECT_EQ(rig.index_of(1)[0].head.first_page, PageNo(16));
  EXPECT_EQ(rig.index_of(1)[0].head.count, 0);
  const auto next = rig.append();
  rig.seal();
  rig.complete_all();
  EXPECT_EQ(rig.place_of(next).page, PageNo(16));
}

TEST(WalSegments, WhenTheyAreUsedUpOnlyGroupStatesFitAndThenNothing) {
  Limits limits = Limits::tiny();
  limits.wal_segments = 6;
  WalRig rig(limits);
  EXPECT_EQ(rig.wal->free_permille(), 1000);
  const auto write = [&](bool strict) {
    rig.append(64, strict);
    rig.seal();
    rig.complete_all();
  };
  u16 free = 1000;
  u64 refused_at = 0;
  while (rig.wal->has_room(1, 8192)) {
    write(false);
    EXPECT_LE(rig.wal->free_permille(), free);
    free = rig.wal->free_permille();
    if (free == 0 && refused_at == 0) refused_at = rig.op.raw();
  }
  EXPECT_EQ(free, 0);
  EXPECT_GT(rig.op.raw(), refused_at + 10);  // prepares that were admitted elsewhere still fit
  u32 states = 0;
  while (rig.wal->has_room(1, 4096, Command::group_state)) {
    write(true);
    ++states;
  }
  EXPECT_GE(states, 3u);
  EXPECT_EQ(rig.all_stored.size(), rig.op.raw());  // each of them was still marked
  EXPECT_DEATH(rig.append(), "check failed");
}

TEST(WalSegments, TheLastIndexPagesAreKeptForMarks) {
  for (const u32 index_pages : {7u, 8u, 9u}) {
    Limits limits = Limits::tiny();
    limits.wal_segments = 4;
    limits.index_pages_per_segment = index_pages;
    WalRig rig(limits);
    // Some are always under way, so that several wait for a mark when the room ends.
    while (rig.wal->has_room(1, 4096, Command::group_state) || !rig.disk.idle()) {
      if (rig.wal->has_room(1, 4096, Command::group_state)) rig.append(64, true);
      rig.seal();
      if (rig.disk.in_flight() > 3 || !rig.wal->has_room(1, 4096, Command::group_state)) rig.complete();
    }
    EXPECT_EQ(rig.wal->free_permille(), 0);
    rig.complete_all();
    EXPECT_EQ(rig.all_stored.size(), rig.op.raw());
  }
}

}  // namespace
}  // namespace keelson::test
