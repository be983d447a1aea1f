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

}  // namespace
}  // namespace keelson::test
