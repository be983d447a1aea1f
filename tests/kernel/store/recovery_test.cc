// Recovery of whole data files: fresh ones, clean ones, and what a crash leaves of the tail.
#include <gtest/gtest.h>

#include "keelson/store/log_reach.h"
#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {
namespace {

constexpr RecoveryConfig::Group three_voters[] = {{GroupId(1), 3}, {GroupId(2), 3}};

class RecoveryOfFiles : public testing::Test {
 protected:
  std::unique_ptr<Life> life() { return std::make_unique<Life>(disk, recovery_config_of_tests(three_voters)); }

  MemoryDisk disk = formatted_disk();
};

TEST_F(RecoveryOfFiles, AFreshFileBeginsItsFirstIncarnation) {
  auto first = life();
  first->boot();
  ASSERT_TRUE(first->done());
  EXPECT_EQ(first->recovery->incarnation(), Incarnation(1));
  const RecoveredGroup group = first->take();
  EXPECT_EQ(group.group, GroupId(1));
  EXPECT_FALSE(group.has_state || group.head_unknown || group.amnesiac || group.log_damaged);
  EXPECT_EQ(group.head, Op(0));
  EXPECT_EQ(group.commit_max, Op(0));
}

TEST_F(RecoveryOfFiles, EachStartIsANewIncarnation) {
  for (u32 i = 1; i <= 4; ++i) {
    auto next = life();
    next->boot();
    ASSERT_TRUE(next->done());
    EXPECT_EQ(next->recovery->incarnation(), Incarnation(i));
  }
}

TEST_F(RecoveryOfFiles, ARefusalNamesWhatIsWrong) {
  RecoveryConfig other = recovery_config_of_tests(three_voters);
  other.node = NodeId(7);
  Life refused(disk, other);
  refused.boot();
  ASSERT_EQ(refused.recovery->state(), Recovery::State::refused);
  EXPECT_STREQ(refused.recovery->refusal().code, "wrong_node");
  EXPECT_EQ(refused.recovery->refusal().detail[0], 1u);
  EXPECT_EQ(refused.recovery->refusal().detail[1], 7u);
}

TEST_F(RecoveryOfFiles, AFileThatWasCutShortIsRefused) {
  const StoreLayout layout = StoreLayout::of(Limits::tiny());
  disk.make_unreadable(Zone::wal, layout.wal_bytes - page_bytes);
  disk.make_unreadable(Zone::index, layout.index_bytes - page_bytes);
  auto next = life();
  next->boot();
  ASSERT_EQ(next->recovery->state(), Recovery::State::refused);
  EXPECT_STREQ(next->recovery->refusal().code, "truncated");
}

TEST_F(RecoveryOfFiles, WhatWasStoredIsThereAgain) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  Chain other(first->slabs, 2);
  for (int i = 0; i < 40; ++i) {
    first->append(chain.next(300));
    if (i % 3 == 0) first->append(other.next(5000));
    first->seal();
    while (!disk.idle()) first->wal_step();
  }
  first.reset();

  auto second = life();
  second->boot();
  ASSERT_TRUE(second->done());
  const RecoveredGroup group = second->take();
  EXPECT_EQ(group.head, Op(40));
  EXPECT_EQ(group.commit_max, Op(36));
  for (u64 op = 1; op <= 40; ++op) {
    const LogEntry& entry = group.log.at(Op(op));
    EXPECT_TRUE(entry.has(log_bit::identity | log_bit::full | log_bit::stored)) << op;
    EXPECT_EQ(entry.identity, chain.headers[op - 1].identity);
    EXPECT_EQ(entry.parent, chain.headers[op - 1].parent);
    EXPECT_EQ(entry.size, chain.headers[op - 1].size);
  }
  EXPECT_EQ(second->take(2).head, Op(14));
  EXPECT_EQ(second->counters[Mark::recovery_row_1_keep], 54u);
}

TEST_F(RecoveryOfFiles, ARecordIsFoundWhereRecoverySaysItLies) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  for (int i = 0; i < 5; ++i) first->write(chain.next(6000));
  auto second = life();
  second->boot();
  second->open();
  RecoveredGroup group = second->take();
  const LogEntry entry = group.log.at(Op(4));
  ASSERT_TRUE(second->wal->load(GroupId(1), Op(4), entry.identity, entry.place, 1, IoClass::repair, second->out));
  second->flush();
  second->wal_step();
  ASSERT_EQ(second->loaded.size(), 1u);
  EXPECT_TRUE(second->loaded[0].ok);
  second->loaded.clear();
}

TEST_F(RecoveryOfFiles, TheLogGoesOnBehindWhatWasThere) {
  Slabs pool(Limits::tiny());
  Chain chain(pool);
  for (u32 i = 1; i <= 20; ++i) {
    auto next = life();
    next->boot();
    ASSERT_TRUE(next->done());
    ASSERT_EQ(next->take().head, chain.op) << i;
    next->open();
    next->write(chain.next(700));
    next->append(chain.next(700));
    next->settle();
  }
}

TEST_F(RecoveryOfFiles, ATornTailIsDropped) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  for (int i = 0; i < 5; ++i) first->write(chain.next());
  first->append(chain.next());
  first->seal();
  disk.complete(1);  // its index page, but not the record
  disk.forget_in_flight();
  first.reset();
  auto second = life();
  second->boot();
  const RecoveredGroup group = second->take();
  EXPECT_EQ(group.head, Op(5));
  EXPECT_TRUE(group.log.at(Op(6)).blank());
  EXPECT_EQ(second->counters[Mark::recovery_row_5_torn_old], 1u);
}

TEST_F(RecoveryOfFiles, ThePromiseAndItsSuffixAreThereAgain) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  for (int i = 0; i < 6; ++i) first->write(chain.next());
  first->append(make_state(*first, chain, 4, 3, 9, 3));
  first->settle();
  auto second = life();
  second->boot();
  const RecoveredGroup group = second->take();
  ASSERT_TRUE(group.has_state);
  EXPECT_EQ(group.state.view, View(4));
  EXPECT_EQ(group.state.log_view, View(3));
  EXPECT_EQ(group.state.state_seq, 9u);
  ASSERT_EQ(group.suffix.size(), 3u);
  EXPECT_EQ(group.suffix[0].identity, chain.at(6).identity);
  EXPECT_EQ(group.head, Op(6));
  EXPECT_EQ(group.commit_max, Op(4));
}

TEST_F(RecoveryOfFiles, TheNextGenerationsIncarnationsAreHigher) {
  FormatConfig format = format_of_tests();
  format.generation = Generation(3);
  MemoryDisk other = formatted_disk(format);
  RecoveryConfig config = recovery_config_of_tests(three_voters);
  config.generation = Generation(3);
  Life next(other, config);
  next.boot();
  ASSERT_TRUE(next.done());
  EXPECT_EQ(next.recovery->incarnation(), incarnation_before_first(Generation(3)) + 1);
  EXPECT_FALSE(same_file(next.recovery->incarnation(), Incarnation(9)));
}

// A ring that rots is full of damaged pages of the former lap. What was in flight reaches no further than a few
// segments, so the log goes on there, and not behind the last damaged page.
TEST_F(RecoveryOfFiles, DamageFarBehindTheEndIsOfTheFormerLap) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  for (int i = 0; i < 3; ++i) first->write(chain.next());
  const Limits limits = Limits::tiny();
  const u64 segment_bytes = u64{limits.wal_segment_pages} * page_bytes;
  const u64 index_bytes = u64{limits.index_pages_per_segment} * page_bytes;
  disk.fill(Zone::wal, 3 * segment_bytes, 90 * segment_bytes, std::byte{0x5a});
  disk.fill(Zone::index, 3 * index_bytes, 90 * index_bytes, std::byte{0x5a});
  auto next = life();
  next->boot();
  ASSERT_TRUE(next->done());
  next->open();
  EXPECT_EQ(next->counters[Mark::recovery_former_lap], 1u);
  EXPECT_LE(next->wal->open_segment(), 1 + reach_in_segments(limits));
  EXPECT_EQ(next->take().head, Op(3));
  EXPECT_FALSE(next->recovery->knows_end());
}

// Nor is a page proof that the log got there which was written to a wrong place.
TEST_F(RecoveryOfFiles, AMisdirectedPageIsNotWhereTheLogIs) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  for (int i = 0; i < 3; ++i) first->write(chain.next());
  first->settle();  // the last batch is a lone marker
  const Limits limits = Limits::tiny();
  const auto page_of_batch = [&](u64 batch) {
    const auto page = disk.read(Zone::index, (batch - 1) * page_bytes, page_bytes);
    const IndexHead head = read_index_page(page.data(), page_seed(cluster_of_tests, ShardId(0)), limits).head;
    EXPECT_EQ(head.batch_no, BatchNo(batch));
    return std::pair(page, head.page_count);
  };
  const auto [marker, marked_pages] = page_of_batch(first->wal->marked().raw() + 1);
  EXPECT_EQ(marked_pages, 0u);
  const u64 index_bytes = u64{limits.index_pages_per_segment} * page_bytes;
  const auto former = page_of_batch(1).first;
  disk.fill(Zone::index, 3 * index_bytes, 90 * index_bytes, std::byte{0x5a});  // of the former lap
  disk.write(Zone::index, 50 * index_bytes + 3 * page_bytes, former);
  disk.write(Zone::index, 60 * index_bytes + 3 * page_bytes, marker);
  auto next = life();
  next->boot();
  ASSERT_TRUE(next->done());
  next->open();
  EXPECT_LE(next->wal->open_segment(), 1 + reach_in_segments(limits));
  EXPECT_EQ(next->take().head, Op(3));
}

// One whole page behind it proves the opposite.
TEST_F(RecoveryOfFiles, DamageBeforeAWholePageIsOfThisLap) {
  auto first = life();
  first->boot();
  first->open();
  Chain chain(first->slabs);
  const Limits limits = Limits::tiny();
  while (first->wal->open_segment() < 12) first->write(chain.next());
  const u64 segment_bytes = u64{limits.wal_segment_pages} * page_bytes;
  const u64 index_bytes = u64{limits.index_pages_per_segment} * page_bytes;
  disk.fill(Zone::wal, segment_bytes, 10 * segment_bytes, std::byte{0x5a});
  disk.fill(Zone::index, index_bytes, 10 * index_bytes, std::byte{0x5a});
  disk.fill(Zone::index, index_bytes, page_bytes, std::byte{0});  // as if the log had ended here
  auto next = life();
  next->boot();
  ASSERT_TRUE(next->done());
  next->open();
  EXPECT_EQ(next->counters[Mark::recovery_former_lap], 0u);
  EXPECT_GE(next->wal->open_segment(), 11u);
}

}  // namespace
}  // namespace keelson::test
