// The eight rows of the recovery table, each made by hand on a disk, and what they do to a group.
#include <gtest/gtest.h>

#include "tests/kernel/store/damaged_log.h"

namespace keelson::test {
namespace {

using RecoveryRows = DamagedLog;

// ---------------------------------------------------------------- rows 1 and 2: the record is there

TEST_F(RecoveryRows, Row2ARecordWithoutItsEntryIsKeptAndCopied) {
  life->open();
  write_ops(chain, 4);
  mark_all();
  spoil_entry(2);
  EXPECT_TRUE(is_whole(recover().log.at(Op(2))));
  EXPECT_EQ(hits(Mark::recovery_row_2_rewrite_entry), 1u);
  // Damage to the first copy is now nothing but damage.
  disk.flip_bit(Zone::wal, 1 * page_bytes + stamp_bytes + 20);
  const RecoveredGroup& group = recover();
  EXPECT_TRUE(is_whole(group.log.at(Op(2))));
  EXPECT_FALSE(group.amnesiac);
}

TEST_F(RecoveryRows, Row2AnEntryThatWasNeverWrittenDoesNotCostTheRecordLater) {
  life->open();
  write_ops(chain, 2);
  const auto message = chain.next();
  life->append(message);
  life->seal();
  disk.complete(0);  // the record; its index page never happens
  ASSERT_EQ(recover().head, Op(3));
  ASSERT_TRUE(is_whole(found->log.at(Op(3))));
  disk.flip_bit(Zone::wal, 2 * page_bytes + stamp_bytes + 20);
  EXPECT_TRUE(is_whole(recover().log.at(Op(3))));  // it may have been acked by the life before
}

// The copy that protects it can't be made: what is there now may be gone at the next start without a trace.
TEST_F(RecoveryRows, Row2ARecordThatCantBeCopiedDoesNotCountAsStored) {
  life->open();
  write_ops(chain, 2);
  life->append(chain.next());
  life->seal();
  disk.complete(0);  // the record; its index page never happens
  disk.forget_in_flight();
  life = std::make_unique<Life>(disk, recovery_config_of_tests(three_groups));
  life->start();
  for (const u64 before = disk.writes_accepted(); disk.writes_accepted() == before;) life->step();
  disk.make_unreadable(Zone::wal, 2 * page_bytes);  // the scan is over, the copies come next
  while (!disk.idle()) life->step();
  ASSERT_TRUE(life->done());
  EXPECT_EQ(hits(Mark::recovery_row_2_rewrite_entry), 1u);
  const RecoveredGroup group = life->take();
  EXPECT_FALSE(is_whole(group.log.at(Op(3))));
  EXPECT_FALSE(may_nack(group.log.at(Op(3))));
}

// ---------------------------------------------------------------- row 3: lost, and known

TEST_F(RecoveryRows, Row3ALostRecordIsNeitherNackedNorPresent) {
  life->open();
  write_ops(chain, 5);
  mark_all();
  spoil_record(3);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_3_lost), 1u);
  EXPECT_EQ(group.head, Op(5));
  const LogEntry& entry = group.log.at(Op(3));
  EXPECT_TRUE(entry.has(log_bit::identity | log_bit::lost));
  EXPECT_FALSE(entry.has(log_bit::stored));
  EXPECT_EQ(entry.identity, chain.at(3).identity);
  EXPECT_TRUE(is_whole(group.log.at(Op(2))));
  EXPECT_FALSE(group.amnesiac || group.head_unknown || group.log_damaged);
}

TEST_F(RecoveryRows, Row3CountsAnUnreadableSectorAndALostWriteAlike) {
  life->open();
  write_ops(chain, 5);
  mark_all();
  disk.make_unreadable(Zone::wal, page_of(2));
  erase_record(4);
  const RecoveredGroup& group = recover();
  EXPECT_TRUE(group.log.at(Op(2)).has(log_bit::lost));
  EXPECT_TRUE(is_whole(group.log.at(Op(3))));
  EXPECT_TRUE(group.log.at(Op(4)).has(log_bit::lost));
}

TEST_F(RecoveryRows, Row3TheLastOpIsLostToo) {
  life->open();
  write_ops(chain, 3);
  mark_all();
  spoil_record(3);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(group.head, Op(3));
  EXPECT_TRUE(group.log.at(Op(3)).has(log_bit::lost));
}

TEST_F(RecoveryRows, Row3WithoutPeersFencesTheGroup) {
  life->open();
  for (int i = 0; i < 4; ++i) write(solo.next(), true);
  mark_all();
  for (u64 batch = 1; index_of(batch).state == PageState::ok; ++batch)
    if (index_of(batch).head.count > 0 &&
        index_entry(disk.read(Zone::index, slot_of(batch), page_bytes).data(), 0).op == Op(2))
      spoil_record(batch);
  const RecoveredGroup& group = recover(3);
  EXPECT_TRUE(group.log_damaged);
  EXPECT_EQ(group.damaged_op, Op(2));
}

TEST_F(RecoveryRows, ACopyThatIsWholeMakesUpForOneThatIsLost) {
  life->open();
  write_ops(chain, 3);
  const auto again = make_prepare(pool, {.op = Op(2), .parent = chain.at(1).identity, .view = View(0)});
  ASSERT_EQ(again.as<Prepare>().identity, chain.at(2).identity);
  write(again);
  mark_all();
  spoil_record(2);
  EXPECT_TRUE(is_whole(recover().log.at(Op(2))));
}

// ---------------------------------------------------------------- row 4: lost, and nobody knows what

TEST_F(RecoveryRows, Row4MakesTheGroupsOfTheBatchAmnesiac) {
  life->open();
  write_ops(chain, 2);
  write_ops(other, 1);  // batch 3
  write_ops(chain, 2);
  mark_all();
  spoil_page(3);
  spoil_entry(3);
  EXPECT_TRUE(recover(2).amnesiac);
  EXPECT_EQ(hits(Mark::recovery_row_4_amnesiac), 1u);
  const RecoveredGroup group = life->take(1);  // batch 4 says that it wasn't in batch 3
  EXPECT_FALSE(group.amnesiac);
  EXPECT_EQ(group.head, Op(4));
}

TEST_F(RecoveryRows, Row4CountsWritesThatWereLostWithoutATrace) {
  life->open();
  write_ops(other, 1);
  write_ops(chain, 3);
  mark_all();
  erase_record(1);
  erase_entry(1);
  EXPECT_TRUE(recover(2).amnesiac);
  EXPECT_FALSE(life->take(1).amnesiac);
}

TEST_F(RecoveryRows, Row4ReachesAllGroupsWhenTheNextPageIsGoneToo) {
  life->open();
  write_ops(chain, 4);
  mark_all();
  for (u64 batch : {2u, 3u}) {
    spoil_page(batch);
    spoil_entry(batch);
  }
  EXPECT_TRUE(recover(2).amnesiac);
}

TEST_F(RecoveryRows, Row4IsBoundedByALaterPromise) {
  life->open();
  write_ops(chain, 3);
  write(make_state(*life, chain, 2, 2, 1, 1));
  chain.view = View(2);
  write_ops(chain, 1);
  mark_all();
  spoil_page(2);
  spoil_entry(2);
  const RecoveredGroup& group = recover();
  EXPECT_FALSE(group.amnesiac);
  EXPECT_TRUE(group.log.at(Op(2)).has(log_bit::lost));
  EXPECT_EQ(group.log.at(Op(2)).identity, chain.at(2).identity);  // op 3 names it
  EXPECT_TRUE(is_whole(group.log.at(Op(3))));
}

TEST_F(RecoveryRows, Row4IsBoundedByALaterPrepareFromThePrimary) {
  life->open();
  write_ops(chain, 3);
  mark_all();
  spoil_page(2);
  spoil_entry(2);
  const RecoveredGroup& group = recover();
  EXPECT_FALSE(group.amnesiac);
  EXPECT_TRUE(group.log.at(Op(2)).has(log_bit::lost));
}

TEST_F(RecoveryRows, Row4IsNotBoundedByARepair) {
  life->open();
  write_ops(chain, 2);
  MessageRef repaired = chain.next();
  Prepare header = repaired.as<Prepare>();
  header.node = life->config.node;  // this node wrote it, nobody knows when it was sent
  seal_header(repaired, header, header.size - header_size);
  write(repaired);
  mark_all();
  spoil_page(2);
  spoil_entry(2);
  EXPECT_TRUE(recover().amnesiac);
}

TEST_F(RecoveryRows, Row4WithoutPeersFencesTheGroup) {
  life->open();
  write(solo.next(), true);
  write_ops(chain, 2);
  mark_all();
  spoil_page(1);
  spoil_entry(1);
  EXPECT_TRUE(recover(3).log_damaged);
  EXPECT_FALSE(life->take(1).amnesiac);
}

// ---------------------------------------------------------------- rows 5 and 6: torn

TEST_F(RecoveryRows, Row6ATornRecordWhoseEntryWasNeverWrittenIsDropped) {
  life->open();
  write_ops(chain, 3);
  spoil_page(3);
  erase_entry(3);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_6_torn_no_entry), 1u);
  EXPECT_EQ(group.head, Op(2));
  EXPECT_TRUE(may_nack(group.log.at(Op(3))));
  EXPECT_FALSE(group.head_unknown);
}

TEST_F(RecoveryRows, Row5AnEntryWithoutARecordIsDroppedAndALaterRecordIsKept) {
  life->open();
  write_ops(chain, 2);
  life->append(chain.next());
  life->seal();
  life->append(chain.next());
  life->seal();
  disk.complete(1);  // entry of op 3
  disk.complete(1);  // record of op 4
  disk.complete(1);  // entry of op 4
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_5_torn_old), 1u);
  EXPECT_EQ(group.head, Op(4));
  EXPECT_TRUE(may_nack(group.log.at(Op(3))));
  EXPECT_TRUE(is_whole(group.log.at(Op(4))));
}

TEST_F(RecoveryRows, WithoutPeersALogEndsBelowItsFirstGap) {
  life->open();
  for (int i = 0; i < 2; ++i) write(solo.next(), true);
  mark_all();
  life->append(solo.next(), true);
  life->seal();
  life->append(solo.next(), true);
  life->seal();
  disk.complete(2);
  disk.complete(2);
  const RecoveredGroup& group = recover(3);
  EXPECT_EQ(group.head, Op(2));
  EXPECT_EQ(group.commit_max, Op(2));
  EXPECT_TRUE(group.log.at(Op(4)).blank());
  EXPECT_FALSE(group.log_damaged);
}

// ---------------------------------------------------------------- row 7: suspect

TEST_F(RecoveryRows, Row7UnmarkedDamageIsSuspect) {
  life->open();
  write_ops(chain, 3);  // nothing marks batch 3
  spoil_record(3);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_7_suspect), 1u);
  EXPECT_EQ(group.head, Op(3));
  EXPECT_TRUE(group.log.at(Op(3)).has(log_bit::identity | log_bit::suspect));
  EXPECT_FALSE(group.log.at(Op(3)).has(log_bit::lost) || group.log.at(Op(3)).has(log_bit::stored));
}

TEST_F(RecoveryRows, Row7OfWhatCountsOnlyWithAMarkIsDropped) {
  life->open();
  write_ops(chain, 2);
  write_ops(other, 1);
  write(chain.next(), true);  // its mark is never stored
  disk.forget_in_flight();
  spoil_record(4);
  erase_entry(5);  // the lone marker
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_7_suspect), 1u);
  EXPECT_EQ(group.head, Op(2));
  EXPECT_TRUE(may_nack(group.log.at(Op(3))));
}

// ---------------------------------------------------------------- row 8: the head is unknown

TEST_F(RecoveryRows, Row8LeavesTheHeadOfAllGroupsUnknown) {
  life->open();
  write_ops(chain, 3);
  for (int i = 0; i < 2; ++i) write(solo.next(), true);
  mark_all();
  write_ops(chain, 1);
  u64 last = 1;
  while (index_of(last + 1).state == PageState::ok) ++last;
  spoil_page(last);
  spoil_entry(last);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_8_head_unknown), 1u);
  EXPECT_TRUE(group.head_unknown);
  EXPECT_FALSE(group.amnesiac);
  EXPECT_EQ(group.head, Op(3));
  EXPECT_TRUE(life->take(2).head_unknown);
  const RecoveredGroup alone = life->take(3);  // what it acked was marked
  EXPECT_FALSE(alone.head_unknown || alone.log_damaged);
  EXPECT_EQ(alone.head, Op(2));
}

TEST_F(RecoveryRows, Row8ANewPromiseMakesTheHeadKnownAgain) {
  life->open();
  write_ops(chain, 3);
  spoil_page(3);
  spoil_entry(3);
  EXPECT_TRUE(recover().head_unknown);
  EXPECT_TRUE(recover().head_unknown);  // it stays so
  life->open();
  write(make_state(*life, chain, 1, 1, 1, 1));  // of head 3, as a peer told
  life->settle();
  const RecoveredGroup& group = recover();
  EXPECT_FALSE(group.head_unknown);
  EXPECT_EQ(group.head, Op(3));
  EXPECT_TRUE(group.log.at(Op(3)).has(log_bit::suspect));
  EXPECT_TRUE(life->take(2).head_unknown);
}

}  // namespace
}  // namespace keelson::test
