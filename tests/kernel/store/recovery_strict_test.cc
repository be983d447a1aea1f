// A strict tail: damage of unknown content behind the last mark is torn where nothing in it can have been acked.
#include <gtest/gtest.h>

#include "tests/kernel/store/damaged_log.h"

namespace keelson::test {
namespace {

class StrictTail : public DamagedLog {
 protected:
  void SetUp() override {
    DamagedLog::SetUp();
    life->open();
  }
  // Neither entry nor record of what is behind the last mark.
  void spoil_tail(u64 batch) {
    spoil_page(batch);
    spoil_entry(batch);
  }
  void append_unmarked(const MessageRef& message) {
    life->append(message);
    life->seal();
    while (!disk.idle()) disk.complete();
  }
  bool torn() {
    const RecoveredGroup& group = recover();
    EXPECT_EQ(hits(Mark::recovery_row_8_head_unknown), 1u);
    EXPECT_EQ(hits(Mark::recovery_row_8_strict), group.head_unknown ? 0u : 1u);
    return !group.head_unknown;
  }
};

TEST_F(StrictTail, WithoutIt_ADamagedTailMayHaveHeldAnything) {
  write_ops(chain, 2);
  mark_all();
  append_unmarked(chain.next());  // batch 4, behind a lone marker
  spoil_tail(4);
  EXPECT_FALSE(torn());
}

TEST_F(StrictTail, IsTornWhereTheLastMarkNamesABatchThatSaysSo) {
  life->wal->want_strict(true);
  write_ops(chain, 2);  // each is marked by a lone marker
  append_unmarked(chain.next());
  ASSERT_EQ(index_of(5).head.count, 1);
  spoil_tail(5);
  EXPECT_TRUE(torn());
  EXPECT_EQ(found->head, Op(2));
}

TEST_F(StrictTail, StaysTornBehindTheNextLife) {
  life->wal->want_strict(true);
  write_ops(chain, 2);
  append_unmarked(chain.next());
  spoil_tail(5);
  ASSERT_TRUE(torn());
  life->open();
  chain.op = Op(2);
  chain.headers.resize(2);
  chain.parent = chain.at(2).identity;
  write(chain.next());
  mark_all();
  EXPECT_TRUE(torn());
  EXPECT_EQ(found->head, Op(3));
}

// The life that begins may have written anything there that nobody can read any more.
TEST_F(StrictTail, BehindALifeThatLeftNoTraceMayHaveHeldAnything) {
  life->wal->want_strict(true);
  write_ops(chain, 2);
  append_unmarked(chain.next());
  spoil_tail(5);
  disk.forget_in_flight();
  begin();  // and crashes before it writes
  ASSERT_EQ(hits(Mark::recovery_row_8_strict), 1u);
  EXPECT_FALSE(torn());
}

TEST_F(StrictTail, ARecordInTheBatchThatSaysSoIsNotBehindIt) {
  write_ops(chain, 1);
  const auto early = chain.next();
  life->append(early);
  life->wal->want_strict(true);
  life->seal();
  while (!disk.idle()) life->wal_step();  // batch 2 counts, and says strict; the last mark names batch 1
  disk.forget_in_flight();
  ASSERT_EQ(index_of(2).head.flags, head_flag::strict_behind);
  ASSERT_EQ(index_of(2).head.durable_batch, BatchNo(1));
  spoil_tail(2);
  erase_entry(3);
  EXPECT_FALSE(torn()) << "op 2 was acked";
}

// Between the mark and the damage one says strict that the mark doesn't name.
TEST_F(StrictTail, OnlyTheBatchIsBelievedThatTheHighestMarkNames) {
  write_ops(chain, 2);
  const auto three = chain.next();
  life->append(three);
  life->wal->want_strict(true);
  append_unmarked(chain.next());  // ops 3 and 4 in batch 3: says strict, un-marked
  append_unmarked(chain.next());
  ASSERT_EQ(index_of(3).head.flags, head_flag::strict_behind);
  spoil_tail(4);
  EXPECT_FALSE(torn());
}

TEST_F(StrictTail, NothingIsBelievedOfABatchWhoseHeadIsGone) {
  life->wal->want_strict(true);
  write_ops(chain, 2);
  append_unmarked(chain.next());  // batch 5; batch 4 marks batch 3
  ASSERT_EQ(index_of(5).head.durable_batch, BatchNo(4));
  ASSERT_EQ(index_of(4).head.durable_batch, BatchNo(3));
  spoil_tail(5);
  spoil_entry(3);
  const RecoveredGroup& group = recover();
  EXPECT_TRUE(group.head_unknown);
}

// Batch 3 says strict; later ones don't, and op 4 is acked unmarked. Without what the superblock names, rot in the
// pages that mark them would leave batch 3 the newest that is known to have been stored, and op 4 a tear.
TEST_F(StrictTail, AfterItsEndARottenMarkMakesNoTearOfWhatWasAcked) {
  life->wal->want_strict(true);
  write_ops(chain, 2);
  life->wal->want_strict(false);
  write(chain.next());
  ASSERT_TRUE(life->wal->wants_superblock());
  Superblock next = life->superblock->current();
  next.durable_batch = life->wal->marked();
  life->superblock->update(next, life->out);
  life->flush();
  while (!disk.idle()) {
    ASSERT_TRUE(life->superblock->on_completion(disk.complete(), life->out));
    life->flush();
  }
  life->wal->on_superblock(life->superblock->current().durable_batch);
  life->seal();
  ASSERT_FALSE(life->wal->is_strict());
  life->all_stored.clear();
  write(chain.next());  // op 4 in batch 7, stored without a mark
  ASSERT_EQ(life->all_stored.size(), 1u);
  ASSERT_EQ(index_of(7).head.count, 1);
  spoil_tail(7);
  spoil_entry(6);  // the page that marks op 3
  const RecoveredGroup& group = recover();
  EXPECT_TRUE(group.head_unknown);
  EXPECT_EQ(hits(Mark::recovery_row_8_strict), 0u);
}

}  // namespace
}  // namespace keelson::test
