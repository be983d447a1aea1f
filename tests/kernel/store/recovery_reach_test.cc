// Whom a loss concerns of which neither entries nor bytes are left (row 4), on a shard of a thousand groups.
#include <gtest/gtest.h>
#include <set>

#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {
namespace {

constexpr u64 group_count = 1000;
constexpr u64 busy = 60;  // groups 1 to here write before the loss and, but for the last ten of them, behind it
constexpr u64 idle = 10;

class Reach : public testing::Test {
 protected:
  Reach() {
    for (u64 g = 1; g <= group_count; ++g) groups.push_back({GroupId(g), 3});
    begin();
    life->open();
  }
  void begin() {
    life = std::make_unique<Life>(disk, recovery_config_of_tests(groups));
    life->boot();
    ASSERT_TRUE(life->done());
  }
  void batch_of(u64 first, u64 last) {
    for (u64 g = first; g <= last; ++g) life->append(Chain(pool, g).next());
    life->seal();
    while (!disk.idle()) life->wal_step();
  }
  // Batch 1 of the busy groups, `between` lone records behind it in one batch, and then whoever writes on.
  void write_log(u64 between) {
    batch_of(1, busy);
    batch_of(1, between);
    for (u64 g = 1; g <= busy - idle; ++g) life->append(behind(g));
    life->settle();
  }
  MessageRef behind(u64 group) {
    Chain chain(pool, group);
    static_cast<void>(chain.next());
    return chain.next();
  }
  void lose_batch_1() {
    disk.fill(Zone::index, 0, page_bytes, std::byte{0x5a});
    disk.fill(Zone::wal, page_bytes, page_bytes, std::byte{0x5a});  // the second of its pages
  }
  std::set<u64> fenced() {
    disk.forget_in_flight();
    begin();
    EXPECT_EQ(life->counters[Mark::recovery_row_4_amnesiac], 1u);
    std::set<u64> found;
    for (u64 g = 1; g <= group_count; ++g)
      if (life->take(g).amnesiac) found.insert(g);
    return found;
  }
  GroupBloom head_of_batch_2() {
    const auto page = disk.read(Zone::index, page_bytes, page_bytes);
    return read_index_page(page.data(), page_seed(cluster_of_tests, ShardId(0)), Limits::tiny()).head.prev_groups;
  }
  std::size_t allowed_by_head() {
    const GroupBloom head = head_of_batch_2();
    std::size_t count = 0;
    for (u64 g = busy - idle + 1; g <= group_count; ++g) count += head.may_contain(GroupId(g));
    return count;
  }

  MemoryDisk disk = formatted_disk();
  Slabs pool{Limits::tiny()};
  std::vector<RecoveryConfig::Group> groups;
  std::unique_ptr<Life> life;
};

const std::set<u64> hit = {51, 52, 53, 54, 55, 56, 57, 58, 59, 60};

TEST_F(Reach, ALossFencesWhomItHitAndNotTheShard) {
  write_log(3);
  EXPECT_GT(allowed_by_head(), 300u);  // without the filter in the room: hundreds of idle groups that lost nothing
  lose_batch_1();
  EXPECT_EQ(fenced(), hit);
}

TEST_F(Reach, TheFilterFollowsABatchOfSeveralIndexPages) {
  batch_of(1, busy);
  batch_of(1, 50);
  for (u64 g = 1; g <= busy - idle; ++g) life->append(behind(g));
  life->settle();
  lose_batch_1();
  const auto found = fenced();  // 13 free entries for 60 groups: 0.3 % false
  EXPECT_TRUE(std::includes(found.begin(), found.end(), hit.begin(), hit.end()));
  EXPECT_LE(found.size(), hit.size() + 12);
}

// A filter that rots denies nothing.
TEST_F(Reach, WithoutItsFilterTheNextBatchSaysTooOftenYesAndNeverNo) {
  write_log(3);
  lose_batch_1();
  disk.flip_bit(Zone::index, page_bytes + 3000);
  const auto found = fenced();
  EXPECT_EQ(found.size(), allowed_by_head());
  EXPECT_TRUE(std::includes(found.begin(), found.end(), hit.begin(), hit.end()));
}

// The batch behind two lost ones knows only the second.
TEST_F(Reach, OfTwoLostBatchesNothingIsKnown) {
  batch_of(1, busy);
  batch_of(700, 702);
  batch_of(1, busy - idle);
  life->settle();
  lose_batch_1();
  disk.fill(Zone::index, page_bytes, page_bytes, std::byte{0x5a});
  disk.fill(Zone::wal, 0, 5 * page_bytes, std::byte{0x5a});
  EXPECT_GT(fenced().size(), 900u);
}

TEST_F(Reach, AFileOfTheFormatBeforeHasNoFiltersAndIsReadAsItIs) {
  write_log(3);
  for (u64 slot = 0; slot < 4; ++slot) {
    const auto page = disk.read(Zone::index, slot * page_bytes, page_bytes);
    const u64 used = sizeof(IndexHead) + load<IndexHead>(page.data()).count * sizeof(IndexEntry);
    disk.fill(Zone::index, slot * page_bytes + used, page_bytes - used, std::byte{0});
  }
  Superblock old = life->superblock->current();
  old.version = 1;
  std::vector<std::byte> copy(superblock_copy_bytes);
  for (u32 i = 0; i < superblock_copies; ++i) {
    encode_superblock(old, i, copy);
    disk.write(Zone::superblock, superblock_offset(i), copy);
  }
  lose_batch_1();
  EXPECT_EQ(fenced().size(), allowed_by_head());
  life->open();
  EXPECT_EQ(life->superblock->current().version, superblock_version);
}

}  // namespace
}  // namespace keelson::test
