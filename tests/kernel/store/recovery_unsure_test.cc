// What a replica may not call certain after a loss. Each of these once let it nack an op that it had acked, or report
// an op of a dead view as its own; found by walks of the view change model (tests/kernel/vsr/select_model.h).
#include "tests/kernel/store/damaged_log.h"

namespace keelson::test {
namespace {

class RecoveredUnsure : public DamagedLog {
 protected:
  void lose_the_second_of_three_ops() {
    life->open();
    write_ops(chain, 2);
    for (Chain* each : {&chain, &other}) {  // the fourth batch marks the second, and not the third
      life->append(each->next());
      life->seal();
    }
    while (!disk.idle()) disk.complete();
    spoil_page(2);
    spoil_entry(2);
  }
};

TEST_F(RecoveredUnsure, AnUnsureHeadStaysUnsureAfterAPromise) {
  life->open();
  write_ops(chain, 3);
  spoil_page(3);
  spoil_entry(3);
  ASSERT_TRUE(recover().head_unknown);
  ASSERT_EQ(found->head, Op(2));
  life->open();
  chain.op = Op(2);
  chain.headers.resize(2);
  GroupState state = make<GroupState>();
  state.group = GroupId(1);
  state.epoch = Epoch(1);
  state.view = View(1);  // it votes, and promises to take part in view 1
  state.state_seq = 1;
  state.head = Op(2);
  state.state_flags = state_flag::unsure;
  life->append(make_group_state(pool, state, {}));
  life->settle();
  const RecoveredGroup& group = recover();
  EXPECT_EQ(group.state.view, View(1));
  EXPECT_EQ(group.head, Op(2));
  EXPECT_TRUE(group.head_unknown) << "reports head 2 with tail 0: a nack of op 3, which it acked";
}

// Op 3 arrived before op 2 and was acked; its batch is lost; op 2's later record is taken as a bound.
TEST_F(RecoveredUnsure, ALaterPrepareDoesNotBoundOpsAbove) {
  life->open();
  const auto one = chain.next();
  const auto two = chain.next();
  const auto three = chain.next();
  write(one);
  write(three);
  write(two);
  mark_all();
  spoil_page(2);
  spoil_entry(2);
  const RecoveredGroup& group = recover();
  EXPECT_TRUE(group.amnesiac || group.head_unknown || !may_nack(group.log.at(Op(3))))
      << "head " << group.head.raw() << ", op 3 is nacked";
}

TEST_F(RecoveredUnsure, ALaterPrepareDoesNotBoundOpsAboveUnmarked) {
  life->open();
  const auto one = chain.next();
  const auto two = chain.next();
  const auto three = chain.next();
  write(one);
  life->append(three);
  life->seal();
  life->append(two);
  life->seal();
  while (!disk.idle()) disk.complete();
  spoil_page(2);
  spoil_entry(2);
  const RecoveredGroup& group = recover();
  EXPECT_EQ(hits(Mark::recovery_row_8_head_unknown), 1u);
  EXPECT_TRUE(group.amnesiac || group.head_unknown || !may_nack(group.log.at(Op(3))))
      << "head " << group.head.raw() << ", op 3 is nacked";
}

// A prepare behind a loss says that no newer view was promised before it.
TEST_F(RecoveredUnsure, ALaterPrepareSaysThatNoPromiseWasLost) {
  lose_the_second_of_three_ops();
  EXPECT_FALSE(recover().amnesiac);
  EXPECT_TRUE(found->head_unknown);
}

// But a page that was torn shows prepares of a former lap of the log, as old as that: only those count that the index
// or a mark vouches for.
TEST_F(RecoveredUnsure, APrepareThatNothingVouchesForSaysNothing) {
  lose_the_second_of_three_ops();
  erase_entry(3);
  EXPECT_TRUE(recover().amnesiac);
}

// Op 2 of a dead view, truncated in view 1; then op 4 of view 1 came over a gap.
TEST_F(RecoveredUnsure, WhatNothingLinksIsNotReportedAsOurs) {
  life->open();
  write_ops(chain, 2);
  const Digest dead = chain.at(2).identity;
  chain.op = Op(1);
  chain.headers.resize(1);
  chain.parent = chain.at(1).identity;
  chain.salt = 9;
  write(make_state(*life, chain, 1, 1, 1, 1));
  chain.view = View(1);
  static_cast<void>(chain.next());
  static_cast<void>(chain.next());
  write(chain.next());  // op 4; 2 and 3 never came
  const auto gap = [](std::vector<Prepare>& suffix) {
    for (std::size_t i = 1; i <= 2; ++i) {
      Prepare entry = make<Prepare>();
      entry.cluster = suffix[0].cluster;
      entry.group = suffix[0].group;
      entry.epoch = suffix[0].epoch;
      entry.op = suffix[i].op;
      entry.entry_flags = i == 1 ? entry_flag::stub : entry_flag::blank;
      if (i == 1) entry.identity = suffix[i].identity;
      suffix[i] = entry;
    }
  };
  write(make_state(*life, chain, 2, 1, 2, 4, gap));
  mark_all();
  const RecoveredGroup& group = recover();
  EXPECT_EQ(group.head, Op(4));
  EXPECT_NE(group.log.at(Op(2)).identity, dead)
      << "bits " << group.log.at(Op(2)).bits << ", suffix says blank, commit " << group.commit_max.raw();
}

}  // namespace
}  // namespace keelson::test
