// The log as a ring: segments are given back and written again, lap after lap, and every start finds exactly the tail.
#include <gtest/gtest.h>

#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {
namespace {

class RingTest : public testing::Test {
 protected:
  RingTest() : disk(formatted_disk(format_of_tests(limits()))), pool(limits()), chain(pool) {}

  static Limits limits() {
    Limits small = Limits::tiny();
    small.wal_segments = 8;
    return small;
  }

  std::unique_ptr<Life> boot() {
    auto life = std::make_unique<Life>(disk, recovery_config_of_tests(groups, limits()));
    life->boot();
    EXPECT_TRUE(life->done()) << life->recovery->refusal().code;
    return life;
  }

  // What recovery says of the log, against everything that was written.
  void expect_tail(Life& life) {
    const RecoveredGroup found = life.take();
    EXPECT_FALSE(found.amnesiac || found.head_unknown);
    ASSERT_EQ(found.head, chain.op);
    ASSERT_LE(found.log.floor(), checkpoint);
    if (found.log.floor() > Op(0)) {
      EXPECT_EQ(found.log.at(found.log.floor()).identity, at(found.log.floor()));
    }
    for (Op op = found.log.floor() + 1; op <= found.head; ++op) {
      ASSERT_TRUE(found.log.at(op).has(log_bit::stored)) << op.raw();
      ASSERT_EQ(found.log.at(op).identity, at(op)) << op.raw();
    }
  }
  Digest at(Op op) const { return chain.at(op.raw()).identity; }

  // Promise and checkpoint once more, so that nothing older is needed. Returns the segment from which on all is.
  u64 restate(Life& life) {
    const std::size_t before = life.all_stored.size();
    life.append(make_state(life, chain, 0, 0, ++state_seq, 1));
    GroupCheckpoint record = make<GroupCheckpoint>();
    record.cluster = cluster_of_tests;
    record.group = GroupId(1);
    record.epoch = Epoch(1);
    record.node = NodeId(1);
    record.op = checkpoint = chain.op;
    record.identity = at(chain.op);
    record.checkpoint_id = record.table_digest = {1, 1};
    record.table_bytes = 1;
    life.append(make_message(life.slabs, record));
    life.settle();
    PageNo low = life.all_stored.back().place.page;
    for (std::size_t i = before; i < life.all_stored.size(); ++i)
      if (life.all_stored[i].command != Command::prepare) low = std::min(low, life.all_stored[i].place.page);
    return segment_of(limits(), low);
  }
  // False: there is nothing to free, or it was cut short.
  bool free(Life& life, std::size_t writes = superblock_copies) {
    const u64 needed = restate(life);
    return needed > life.wal->first_segment() && life.free_before(needed, writes);
  }

  const std::vector<RecoveryConfig::Group> groups{{GroupId(1), 3}};
  MemoryDisk disk;
  Slabs pool;
  Chain chain;
  Op checkpoint;
  u64 state_seq = 0;
};

TEST_F(RingTest, EveryLifeFindsTheTailWhereverItLies) {
  u64 laps = 0;
  for (u32 life_no = 0; life_no < 40; ++life_no) {
    SCOPED_TRACE(life_no);
    auto life = boot();
    if (chain.op > Op(0)) expect_tail(*life);
    life->open();
    laps = life->wal->open_segment() / limits().wal_segments;
    for (u32 i = 0; i < 13 + life_no % 7; ++i) {
      ASSERT_TRUE(life->wal->has_room(1, 1000));
      life->write(chain.next(64 + 700 * (i % 4)), i % 5 == 0);
    }
    if (life->wal->segments_used() > 4) {
      ASSERT_TRUE(free(*life));
    }
    disk.forget_in_flight();
  }
  EXPECT_GE(laps, 3u);
}

// Until the superblock is stored, a start begins with the old first segment: it must still be whole.
TEST_F(RingTest, ACrashWhileASegmentIsFreedLeavesOneBeginOrTheOther) {
  for (std::size_t writes = 0; writes <= superblock_copies; ++writes) {
    SCOPED_TRACE(writes);
    for (u32 round = 0; round < 6; ++round) {
      auto life = boot();
      if (chain.op > Op(0)) expect_tail(*life);
      life->open();
      while (life->wal->segments_used() < 3) life->write(chain.next());
      free(*life, writes);
      disk.forget_in_flight();
    }
    auto life = boot();
    expect_tail(*life);
    life->open();
    free(*life);  // the next round needs room
  }
}

TEST_F(RingTest, ASegmentThatIsBeingReadIsNotFreed) {
  auto life = boot();
  life->open();
  life->write(chain.next());
  const RecordPlace place = life->all_stored.back().place;
  while (life->wal->segments_used() < 3) life->write(chain.next());
  ASSERT_TRUE(life->wal->load(GroupId(1), Op(1), at(Op(1)), place, 0, IoClass::repair, life->out));
  EXPECT_TRUE(life->wal->reads_before(first_page_of(limits(), 1)));
  life->wal->close_before(2);
  EXPECT_FALSE(life->wal->load(GroupId(1), Op(1), at(Op(1)), place, 0, IoClass::repair, life->out));
  EXPECT_DEATH(life->wal->free_before(2), "check failed");
  life->flush();
  life->wal_step();
  EXPECT_FALSE(life->wal->reads_before(first_page_of(limits(), 1)));
  life->wal->free_before(2);
  EXPECT_EQ(life->wal->first_segment(), 2u);
}

}  // namespace
}  // namespace keelson::test
