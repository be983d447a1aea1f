// The WAL as its users see it: what is stored when, and what the disk then holds.
#include <gtest/gtest.h>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

TEST(Wal, ARecordIsStoredWhenItsPageAndItsIndexPageAre) {
  for (const std::size_t first : {0u, 1u}) {
    WalRig rig;
    const auto record = rig.append();
    EXPECT_TRUE(rig.disk.idle());  // nothing before the turn ends
    rig.seal();
    ASSERT_EQ(rig.disk.in_flight(), 2u);
    rig.complete(first);
    EXPECT_FALSE(rig.is_stored(record));
    rig.complete();
    EXPECT_TRUE(rig.is_stored(record));
    EXPECT_EQ(rig.stored.size(), 1u);
  }
}

TEST(Wal, RecordsOfATurnShareABatchAndTheNextOneBeginsOnItsOwnPage) {
  WalRig rig;
  const auto a = rig.append();
  const auto b = rig.append(100);
  rig.seal();
  const auto c = rig.append();
  rig.seal();
  EXPECT_EQ(rig.disk.in_flight(), 4u);
  rig.complete_all();
  EXPECT_EQ(rig.place_of(a).page, PageNo(0));
  EXPECT_EQ(rig.place_of(a).offset, 0);
  EXPECT_EQ(rig.place_of(b).page, PageNo(0));
  EXPECT_EQ(rig.place_of(b).offset, a.size());
  EXPECT_EQ(rig.place_of(c).page, PageNo(1));
  EXPECT_EQ(rig.counters[Counter::wal_batches], 2u);
}

TEST(Wal, AnEmptyTurnWritesNothing) {
  WalRig rig;
  rig.seal();
  EXPECT_TRUE(rig.disk.idle());
  EXPECT_EQ(rig.wal->deadline(), Instant::never());
}

TEST(Wal, ALaterBatchMayBeStoredFirst) {
  WalRig rig;
  const auto a = rig.append();
  rig.seal();
  const auto b = rig.append();
  rig.seal();
  rig.complete(2);
  rig.complete(2);
  EXPECT_FALSE(rig.is_stored(a));
  EXPECT_TRUE(rig.is_stored(b));
  EXPECT_EQ(rig.counters[Mark::wal_batch_completed_out_of_order], 1u);
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(a));
}

TEST(Wal, TheIndexRepeatsWhatARecordIs) {
  WalRig rig;
  const auto message = make_prepare(rig.slabs, {.group = GroupId(4), .op = Op(9), .view = View(3)});
  RecordMeta meta = WalRig::meta_of(message, true);
  rig.wal->append(meta, message);
  rig.append(64, false, GroupId(5));
  rig.seal();
  rig.complete_all();
  const auto page = rig.disk.read(Zone::index, 0, page_bytes);
  const auto read = read_index_page(page.data(), page_seed(cluster_of_tests, ShardId(0)), rig.limits);
  ASSERT_EQ(read.state, PageState::ok);
  EXPECT_EQ(read.head.batch_no, BatchNo(1));
  EXPECT_EQ(read.head.durable_batch, BatchNo(0));
  EXPECT_EQ(read.head.count, 2);
  EXPECT_EQ(read.head.page_count, 1u);
  const IndexEntry entry = index_entry(page.data(), 0);
  EXPECT_EQ(entry.group, GroupId(4));
  EXPECT_EQ(entry.op, Op(9));
  EXPECT_EQ(entry.identity, message.as<Prepare>().identity);
  EXPECT_EQ(entry.log_view, View(3));
  EXPECT_EQ(entry.size, message.size());
  EXPECT_EQ(entry.flags, index_flag::strict);
  EXPECT_EQ(index_entry(page.data(), 1).flags, 0);
}

TEST(Wal, APageSaysWhichBatchAndWhereItsFirstRecordBegins) {
  WalRig rig;
  rig.append(5000);  // the second and the third record begin on the second page
  rig.append();
  rig.append();
  rig.seal();
  rig.complete_all();
  const u64 seed = page_seed(cluster_of_tests, ShardId(0));
  const auto first = read_stamp(rig.disk.read(Zone::wal, 0, page_bytes).data(), seed);
  const auto second = read_stamp(rig.disk.read(Zone::wal, page_bytes, page_bytes).data(), seed);
  ASSERT_EQ(first.state, PageState::ok);
  ASSERT_EQ(second.state, PageState::ok);
  EXPECT_EQ(first.stamp.first_record, 0);
  EXPECT_EQ(first.stamp.used, payload_bytes);
  EXPECT_EQ(second.stamp.page_no, PageNo(1));
  EXPECT_EQ(second.stamp.first_record, 256 + 64 + round_up(5000, 16) - payload_bytes);
  EXPECT_EQ(second.stamp.batch_no, BatchNo(1));
  EXPECT_EQ(second.stamp.incarnation, Incarnation(1));
}

TEST(Wal, TheNextBatchNamesTheGroupsOfTheOneBefore) {
  WalRig rig;
  rig.append(64, false, GroupId(4));
  rig.seal();
  rig.append(64, false, GroupId(5));
  rig.seal();
  rig.complete_all();
  const auto index = rig.index_of();
  EXPECT_FALSE(index[0].head.prev_groups.may_contain(GroupId(4)));
  EXPECT_TRUE(index[1].head.prev_groups.may_contain(GroupId(4)));
  EXPECT_FALSE(index[1].head.prev_groups.may_contain(GroupId(5)));
}

TEST(Wal, ARecordOfAnySizeIsPaddedWithZeros) {
  WalRig rig;
  MessageRef odd = allocate_message(rig.slabs, 5);
  Header h{};
  h.command = Command::group_create;
  std::fill_n(odd.mutable_data(), 261, std::byte{0xee});
  store(odd.mutable_data(), h);
  seal_bytes(odd.mutable_data(), {}, 261);
  rig.wal->append({GroupId(1), Command::group_create, Epoch(1), View(0), View(0), Op(0), {}, 0, false}, odd);
  const auto next = rig.append();
  rig.seal();
  rig.complete_all();
  EXPECT_EQ(rig.place_of(next).offset, 272);
  const auto page = rig.disk.read(Zone::wal, 0, page_bytes);
  EXPECT_EQ(page[stamp_bytes + 260], std::byte{0xee});
  EXPECT_TRUE(all_zero(Bytes(page).subspan(stamp_bytes + 261, 11)));
}

// ---- marks

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

// ---- group commit

TEST(WalBatches, WithEnoughUnderWayTheOpenBatchCollects) {
  WalRig rig;
  for (u32 i = 0; i < rig.limits.wal_batches_in_flight_max; ++i) {
    rig.append();
    rig.seal();
  }
  const std::size_t under_way = rig.disk.in_flight();
  const auto a = rig.append();
  rig.seal();
  const auto b = rig.append();
  rig.seal();
  EXPECT_EQ(rig.disk.in_flight(), under_way);
  rig.complete();
  EXPECT_EQ(rig.disk.in_flight(), under_way - 1);
  rig.complete();  // the first batch is done
  EXPECT_EQ(rig.disk.in_flight(), under_way);
  rig.complete_all();
  EXPECT_EQ(rig.place_of(a).page, rig.place_of(b).page);
}

TEST(WalBatches, NoMoreWritesAreUnderWayThanTheLimitSays) {
  Limits limits = Limits::tiny();
  limits.writes_in_flight_max = 3;
  WalRig rig(limits);
  rig.append();
  rig.seal();
  const auto later = rig.append();
  rig.seal();
  EXPECT_EQ(rig.disk.in_flight(), 2u);
  rig.complete();
  EXPECT_EQ(rig.disk.in_flight(), 3u);
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(later));
}

TEST(WalBatches, RoomEndsWithTheBatchAndComesBackWithTheNext) {
  WalRig rig;
  for (u32 i = 0; i < rig.limits.wal_batches_in_flight_max; ++i) {
    rig.append();
    rig.seal();
  }
  u32 collected = 0;
  while (rig.wal->has_room(1, 256 + 64 + 4000)) {
    rig.append(4000);
    ++collected;
  }
  EXPECT_EQ(collected, 7u);  // 8 pages of 4064
  EXPECT_FALSE(rig.wal->has_room(1, 8192));
  rig.seal();
  rig.complete_all();
  EXPECT_TRUE(rig.wal->has_room(1, 8192));
  EXPECT_TRUE(rig.wal->has_room(rig.limits.wal_batch_records_max, 0));
  EXPECT_FALSE(rig.wal->has_room(rig.limits.wal_batch_records_max + 1, 0));
  for (u32 i = 0; i < rig.limits.wal_batch_records_max; ++i) rig.append();
  EXPECT_FALSE(rig.wal->has_room(1, 256));
  rig.seal();
  rig.complete_all();
  EXPECT_EQ(rig.all_stored.size(), rig.op.raw());
  EXPECT_EQ(rig.slabs.in_use(), 0u);
}

TEST(WalBatches, ABigBatchIsSplitIntoWritesOfAtMost1024Parts) {
  Limits limits = Limits::tiny();
  limits.wal_batch_records_max = 4000;
  limits.wal_batch_pages_max = 400;
  limits.wal_segment_pages = 512;
  limits.index_pages_per_segment = 512;
  limits.wal_segments = 8;
  limits.slabs_small = 5000;
  limits.writes_in_flight_max = 16;
  WalRig rig(limits);
  std::vector<MessageRef> records;
  while (rig.wal->has_room(1, 400)) records.push_back(rig.append(16));
  EXPECT_EQ(records.size(), 4000u);
  rig.seal();
  EXPECT_GT(rig.disk.in_flight(), 3u);
  rig.complete_all();
  EXPECT_EQ(rig.all_stored.size(), records.size());
  for (const auto& record : {records.front(), records[2000], records.back()}) {
    ASSERT_TRUE(rig.load(record, rig.place_of(record)));
    rig.complete();
    ASSERT_EQ(rig.loaded.size(), 1u);
    EXPECT_TRUE(rig.loaded[0].ok);
  }
}

// ---- segments

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

// ---- failures

TEST(WalFailures, AFailedWritePoisons) {
  WalRig rig;
  const auto a = rig.append();
  rig.seal();
  const auto b = rig.append();
  rig.seal();
  const auto c = rig.append();
  rig.complete_only(0, IoStatus::io_error);
  EXPECT_TRUE(rig.wal->poisoned());
  EXPECT_FALSE(rig.wal->has_room(1, 256));
  rig.seal();
  rig.complete_all();
  EXPECT_TRUE(rig.all_stored.empty());
  EXPECT_EQ(rig.counters[Counter::wal_batches], 2u);
  EXPECT_EQ(rig.wal->deadline(), Instant::never());
  rig.pass(seconds(1));
  EXPECT_TRUE(rig.disk.idle());
  EXPECT_EQ(rig.slabs.in_use(), 3u);  // a, b and c themselves: the WAL let go of them
}

TEST(WalFailures, APoisonedWalReportsNoMark) {
  WalRig rig;
  rig.append(64, true);
  rig.seal();
  rig.complete();
  rig.complete();
  rig.append();
  rig.seal();
  rig.complete(1, IoStatus::io_error);
  rig.complete(0);
  rig.complete_all();
  EXPECT_TRUE(rig.all_stored.empty());
}

TEST(WalFailures, AForeignCompletionIsNotTaken) {
  WalRig rig;
  rig.append();
  rig.seal();
  EXPECT_FALSE(
      rig.wal->on_completion(rig.now, {IoKind::write, IoId(999), IoStatus::ok}, rig.stored, rig.loaded, rig.out));
  EXPECT_FALSE(rig.wal->on_completion(rig.now, {IoKind::read, IoId(1), IoStatus::ok}, rig.stored, rig.loaded, rig.out));
}

TEST(WalFailures, ItMayEndWithEffectsUnderWay) {
  WalRig rig;
  const auto stored = rig.append();
  rig.seal();
  rig.complete_all();
  rig.append();
  rig.seal();
  rig.append();
  EXPECT_TRUE(rig.load(stored, rig.place_of(stored)));
  rig.wal.reset();
  EXPECT_EQ(rig.slabs.in_use(), 1u);
  rig.disk.forget_in_flight();
}

// ---- loading

class WalLoad : public testing::Test {
 protected:
  WalLoad() {
    rig.append(3000);
    record = rig.append(7000);
    rig.seal();
    rig.complete_all();
    place = rig.place_of(record);
  }
  LoadedRecord load() {
    EXPECT_TRUE(rig.load(record, place));
    rig.complete();
    EXPECT_EQ(rig.loaded.size(), 1u);
    return std::move(rig.loaded[0]);
  }

  WalRig rig;
  MessageRef record;
  RecordPlace place;
};

TEST_F(WalLoad, ReturnsTheSameBytes) {
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok);
  EXPECT_TRUE(equal(loaded.message.bytes(), record.bytes()));
  EXPECT_EQ(loaded.op, Op(2));
  EXPECT_EQ(loaded.purpose, 77u);
  EXPECT_EQ(loaded.group, GroupId(1));
}

TEST_F(WalLoad, FindsEveryKindOfDamage) {
  const auto clean = rig.disk.snapshot();
  const u64 at = wal_offset(rig.limits, place.page);
  const auto damaged = [&](auto damage) {
    rig.disk = clean;
    damage(rig.disk);
    const auto loaded = load();
    return !loaded.ok && !loaded.message;
  };
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + page_bytes + 3); }));                   // a stamp
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + stamp_bytes + place.offset + 60); }));  // header
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + page_bytes + 900); }));                 // body
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.fill(Zone::wal, at + page_bytes, 512, std::byte{0}); }));
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.make_unreadable(Zone::wal, at + page_bytes); }));
  EXPECT_TRUE(damaged([&](MemoryDisk& d) {  // misdirected
    d.write(Zone::wal, at + page_bytes, d.read(Zone::wal, at, page_bytes));
  }));
  rig.disk = clean;
  EXPECT_TRUE(load().ok);
}

TEST_F(WalLoad, AnotherRecordThanAskedForIsNotIt) {
  const auto p = record.as<Prepare>();
  const auto ask = [&](GroupId group, Op op, Digest identity) {
    EXPECT_TRUE(rig.wal->load(group, op, identity, place, 1, IoClass::repair, rig.out));
    rig.disk.submit(rig.out);
    rig.out.clear();
    rig.complete();
    return bool{rig.loaded[0].ok};
  };
  EXPECT_TRUE(ask(p.group, p.op, p.identity));
  EXPECT_FALSE(ask(GroupId(2), p.op, p.identity));
  EXPECT_FALSE(ask(p.group, p.op + 1, p.identity));
  EXPECT_FALSE(ask(p.group, p.op, p.parent));
}

TEST_F(WalLoad, AtTheLimitOfReadsNothingIsEmitted) {
  for (u32 i = 0; i < rig.limits.reads_in_flight_max; ++i) EXPECT_TRUE(rig.load(record, place));
  EXPECT_FALSE(rig.load(record, place));
  rig.complete(2);
  EXPECT_TRUE(rig.loaded[0].ok);
  EXPECT_TRUE(rig.load(record, place));
  rig.complete_all();
}

TEST_F(WalLoad, WantOfMemoryIsNoDamage) {
  std::vector<MessageRef> hoard;
  while (Slab* slab = rig.slabs.acquire(record.size())) hoard.emplace_back(slab);
  EXPECT_FALSE(rig.load(record, place));
  hoard.pop_back();
  EXPECT_TRUE(load().ok);
}

TEST_F(WalLoad, APoisonedWalStillServes) {
  rig.append();
  rig.seal();
  rig.complete_only(0, IoStatus::io_error);
  rig.complete();
  EXPECT_TRUE(load().ok);
}

}  // namespace
}  // namespace keelson::test
