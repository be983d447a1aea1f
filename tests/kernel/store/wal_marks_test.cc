// Marks: when a strict record is stored, and when a marker travels alone.
#include <gtest/gtest.h>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

TEST(WalMarks, AStrictRecordWaitsForAMarkWrittenAtOnce) {
  WalRig rig;
  const auto record = rig.append(64, true);
  rig.seal();
  rig.complete();
  EXPECT_EQ(rig.counters[Counter::wal_markers], 0u);
  rig.complete();
  EXPECT_FALSE(rig.is_stored(record));
  ASSERT_EQ(rig.disk.in_flight(), 1u);  // the lone marker: an index page, no WAL pages
  EXPECT_EQ(rig.disk.zone_of(0), Zone::index);
  rig.complete();
  EXPECT_TRUE(rig.is_stored(record));
  EXPECT_TRUE(rig.disk.idle());
  const auto index = rig.index_of();
  EXPECT_EQ(index[1].head.durable_batch, BatchNo(1));
  EXPECT_EQ(index[1].head.batch_no, BatchNo(2));
  EXPECT_EQ(index[1].head.count, 0);
  EXPECT_EQ(index[2].state, PageState::blank);
  EXPECT_EQ(rig.wal->deadline(), Instant::never());  // a marker needs no marker
}

TEST(WalMarks, TheNextBatchIsAsGoodAsALoneMarker) {
  WalRig rig;
  const auto strict = rig.append(64, true);
  rig.seal();
  rig.complete();
  rig.complete_only();
  const auto plain = rig.append();
  rig.seal();
  EXPECT_EQ(rig.counters[Counter::wal_markers], 0u);
  ASSERT_EQ(rig.disk.in_flight(), 2u);
  ASSERT_EQ(rig.disk.zone_of(1), Zone::index);
  rig.complete(1);
  EXPECT_TRUE(rig.is_stored(strict));  // its mark is on the disk, whatever becomes of that batch's pages
  EXPECT_FALSE(rig.is_stored(plain));
  rig.complete();
  EXPECT_TRUE(rig.is_stored(plain));
}

TEST(WalMarks, ABatchEmittedTooEarlyMarksNothing) {
  WalRig rig;
  const auto strict = rig.append(64, true);
  rig.seal();
  rig.append();
  rig.seal();  // batch 2 leaves before batch 1 is stored
  rig.complete(2);
  rig.complete(2);
  rig.complete();
  rig.complete();
  EXPECT_FALSE(rig.is_stored(strict));
  EXPECT_EQ(rig.counters[Counter::wal_markers], 1u);
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(strict));
  EXPECT_EQ(rig.index_of()[2].head.durable_batch, BatchNo(2));
}

TEST(WalMarks, NoMarkReachesAcrossABatchThatIsNotStored) {
  WalRig rig;
  rig.append();
  rig.seal();
  const auto strict = rig.append(64, true);
  rig.seal();
  rig.complete(2);
  rig.complete(2);
  EXPECT_EQ(rig.disk.in_flight(), 2u);  // batch 1 is under way, so a marker would say nothing
  const auto third = rig.append();
  rig.seal();
  rig.complete(2);
  rig.complete(2);
  EXPECT_TRUE(rig.is_stored(third));
  EXPECT_EQ(rig.index_of()[2].head.durable_batch, BatchNo(0));
  EXPECT_FALSE(rig.is_stored(strict));
  rig.complete();
  rig.complete();
  EXPECT_FALSE(rig.is_stored(strict));
  rig.complete();
  EXPECT_TRUE(rig.is_stored(strict));
  EXPECT_EQ(rig.index_of()[3].head.durable_batch, BatchNo(3));
}

TEST(WalMarks, WhenNobodyWaitsTheMarkerTakesItsTime) {
  WalRig rig;
  rig.append();
  rig.seal();
  rig.complete_all();
  const Instant due = rig.now + Tunables::tiny().marker_delay;
  EXPECT_EQ(rig.wal->deadline(), due);
  rig.pass(Tunables::tiny().marker_delay / 2);
  EXPECT_TRUE(rig.disk.idle());
  EXPECT_EQ(rig.wal->deadline(), due);
  rig.pass(Tunables::tiny().marker_delay / 2);
  EXPECT_EQ(rig.disk.in_flight(), 1u);
  rig.complete();
  EXPECT_EQ(rig.index_of()[1].head.durable_batch, BatchNo(1));
  rig.pass(Tunables::tiny().marker_delay * 10);
  EXPECT_TRUE(rig.disk.idle());
  EXPECT_EQ(rig.counters[Counter::wal_markers], 1u);
}

TEST(WalMarks, ABatchThatFollowsInTimeSavesTheMarker) {
  WalRig rig;
  rig.append();
  rig.seal();
  rig.complete_all();
  rig.now = rig.wal->deadline();
  rig.wal->on_deadline(rig.now, rig.out);
  rig.append();
  rig.seal();
  EXPECT_EQ(rig.counters[Counter::wal_markers], 0u);
  rig.complete_all();
  EXPECT_EQ(rig.index_of()[1].head.durable_batch, BatchNo(1));
  EXPECT_NE(rig.wal->deadline(), Instant::never());  // for the second batch
}

TEST(WalMarks, UnderStrictAckEveryRecordWaits) {
  Tunables tunables = Tunables::tiny();
  tunables.strict_ack = true;
  WalRig rig(Limits::tiny(), tunables);
  const auto record = rig.append(64, false);
  rig.seal();
  rig.complete();
  rig.complete();
  EXPECT_FALSE(rig.is_stored(record));
  rig.complete();
  EXPECT_TRUE(rig.is_stored(record));
  const auto page = rig.disk.read(Zone::index, 0, page_bytes);
  EXPECT_EQ(index_entry(page.data(), 0).flags, index_flag::strict);
}

TEST(WalMarks, ManyWaitingBatchesDoNotBlockTheirMarker) {
  WalRig rig;
  std::vector<MessageRef> records;
  for (u32 i = 0; i < rig.limits.wal_batches_in_flight_max; ++i) {
    records.push_back(rig.append(64, true));
    rig.seal();
  }
  records.push_back(rig.append(64, true));  // stays open: the others hold every slot
  for (std::size_t i = rig.disk.in_flight(); i-- > 2;) rig.complete_only(i);
  rig.seal();
  rig.complete_all();
  for (const auto& record : records) EXPECT_TRUE(rig.is_stored(record));
  EXPECT_EQ(rig.slabs.in_use(), records.size());
}

TEST(WalMarks, UntilTheFirstBatchIsStoredTheMarkerIsThatOfTheRecoveryBefore) {
  WalStart start = WalRig::fresh();
  start.incarnation = Incarnation(4);
  start.next_page = PageNo(33);
  start.next_index_page = 5;
  start.next_batch = BatchNo(20);
  start.durable_batch = BatchNo(17);
  start.prev_groups = GroupBloom::of_all();
  WalRig rig(Limits::tiny(), Tunables::tiny(), start);
  EXPECT_EQ(rig.wal->deadline(), Instant::never());
  const auto a = rig.append(64, true);
  rig.seal();
  EXPECT_FALSE(rig.is_stored(a));
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(a));
  EXPECT_EQ(rig.place_of(a).page, PageNo(33));
  const auto index = rig.index_of(2);
  EXPECT_EQ(index[4].state, PageState::blank);
  EXPECT_EQ(index[5].head.durable_batch, BatchNo(17));
  EXPECT_EQ(index[5].head.incarnation, Incarnation(4));
  EXPECT_TRUE(index[5].head.prev_groups.may_contain(GroupId(99)));
  EXPECT_EQ(index[6].head.durable_batch, BatchNo(20));
  EXPECT_FALSE(index[6].head.prev_groups == GroupBloom::of_all());
}

}  // namespace
}  // namespace keelson::test
