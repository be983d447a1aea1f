// What the free room of an index page says of the batch before.
#include "keelson/store/room_filter.h"

#include <array>
#include <gtest/gtest.h>
#include <vector>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

using Page = std::array<std::byte, page_bytes>;

const u64 seed = page_seed({1, 2}, ShardId(3));

std::vector<GroupId> groups_from(u64 first, u64 count) {
  std::vector<GroupId> groups;
  for (u64 i = 0; i < count; ++i) groups.emplace_back(first + i);
  return groups;
}

IndexHead head_of(u32 entries) {
  IndexHead head;
  head.batch_no = BatchNo(9);
  head.pages = 1;
  head.first_page = PageNo(4);
  head.page_count = entries > 0 ? 8 : 0;
  return head;
}

Page page_with(u32 entries, const std::vector<GroupId>& before) {
  Page page;
  page.fill(std::byte{0xab});
  IndexEntry entry;
  entry.group = GroupId(1);
  entry.op = Op(1);
  entry.page_no = PageNo(4);
  entry.size = 512;
  const std::vector<IndexEntry> all(entries, entry);
  write_index_page(head_of(entries), all, seed, page.data());
  write_room(before, page.data());
  EXPECT_EQ(read_index_page(page.data(), seed, Limits::tiny()).state, PageState::ok);
  return page;
}

u32 invented(const Page& page) {
  const RoomFilter filter(page.data());
  u32 count = 0;
  for (u64 g = 100'000; g < 110'000; ++g) count += filter.may_contain(GroupId(g));
  return count;
}

TEST(RoomFilter, NeverForgetsAGroupAndHardlyInventsOne) {
  for (const u32 entries : {0u, 1u, 7u, 32u, 61u, 62u}) {
    const Page page = page_with(entries, groups_from(1, entries + 1));
    ASSERT_EQ(read_room(page.data()), RoomState::ok) << entries;
    const RoomFilter filter(page.data());
    for (u64 g = 1; g <= entries + 1; ++g) EXPECT_TRUE(filter.may_contain(GroupId(g))) << g << " of " << entries;
    if (entries <= 32) {
      EXPECT_LE(invented(page), 2u) << entries;
    }
  }
  // 448 bits for 62 groups: better than the head's 128, no more.
  EXPECT_LT(invented(page_with(62, groups_from(1, 62))), 2500u);
}

TEST(RoomFilter, SpreadsGroupsAsRandomBitsWould) {
  // 512 groups in 63 x 512 bits: six hashes let 0.00005 % through; 4,096 of them 2.4 %.
  EXPECT_LE(invented(page_with(0, groups_from(1, 512))), 1u);
  const u32 full = invented(page_with(0, groups_from(1, 4096)));
  EXPECT_GT(full, 150u);
  EXPECT_LT(full, 350u);
}

TEST(RoomFilter, OfABatchWithoutRecordsHasNobody) {
  const Page page = page_with(3, {});
  ASSERT_EQ(read_room(page.data()), RoomState::ok);
  EXPECT_EQ(invented(page), 0u);
}

TEST(RoomFilter, HasNoPlaceInAFullPage) {
  const Page page = page_with(entries_per_index_page, groups_from(1, 3));
  EXPECT_EQ(read_room(page.data()), RoomState::absent);
}

TEST(RoomFilter, ZerosAreNone) {
  Page page{};
  write_index_page(head_of(0), {}, seed, page.data());
  EXPECT_EQ(read_room(page.data()), RoomState::absent);
}

// Nothing is denied by a filter that isn't the one that was written; the page itself is as good as before.
TEST(RoomFilter, AnyChangedBitMakesItBadAndNotThePage) {
  const Page page = page_with(60, groups_from(1, 4));
  for (u32 bit = (page_bytes - room_bytes(60)) * 8; bit < page_bytes * 8; ++bit) {
    Page flipped = page;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_EQ(read_room(flipped.data()), RoomState::bad) << bit;
    EXPECT_EQ(read_index_page(flipped.data(), seed, Limits::tiny()).state, PageState::ok) << bit;
  }
}

TEST(RoomFilter, OfAnotherPageIsBad) {
  Page other = page_with(60, groups_from(5, 4));
  IndexHead head = load<IndexHead>(other.data());
  head.batch_no = BatchNo(10);
  const std::vector<IndexEntry> none;
  head.page_count = 0;
  write_index_page(head, none, seed, other.data());
  write_room(groups_from(5, 4), other.data());
  const Page marker = page_with(0, groups_from(1, 4));
  std::copy(marker.begin() + 64, marker.end(), other.begin() + 64);
  EXPECT_EQ(read_room(other.data()), RoomState::bad);
}

// ---------------------------------------------------------------- what the WAL writes

Page index_page(const WalRig& rig, u32 slot) {
  Page page;
  const auto bytes = rig.disk.read(Zone::index, u64{slot} * page_bytes, page_bytes);
  std::copy(bytes.begin(), bytes.end(), page.begin());
  return page;
}

TEST(WalRoom, EachBatchTellsOfTheOneBeforeAndTheFirstOfNone) {
  WalRig rig;
  rig.append(64, false, GroupId(4));
  rig.append(64, false, GroupId(6));
  rig.seal();
  rig.append(64, false, GroupId(5));
  rig.seal();
  rig.complete_all();
  rig.pass(milliseconds(100));
  rig.complete_all();  // a lone marker
  EXPECT_EQ(read_room(index_page(rig, 0).data()), RoomState::absent);
  const Page second = index_page(rig, 1);
  ASSERT_EQ(read_room(second.data()), RoomState::ok);
  EXPECT_TRUE(RoomFilter(second.data()).may_contain(GroupId(4)));
  EXPECT_TRUE(RoomFilter(second.data()).may_contain(GroupId(6)));
  EXPECT_FALSE(RoomFilter(second.data()).may_contain(GroupId(5)));
  const Page marker = index_page(rig, 2);
  ASSERT_EQ(read_room(marker.data()), RoomState::ok);
  EXPECT_TRUE(RoomFilter(marker.data()).may_contain(GroupId(5)));
  EXPECT_FALSE(RoomFilter(marker.data()).may_contain(GroupId(4)));
  rig.append();
  rig.seal();
  rig.complete_all();
  ASSERT_EQ(read_room(index_page(rig, 3).data()), RoomState::ok);
  EXPECT_FALSE(RoomFilter(index_page(rig, 3).data()).may_contain(GroupId(5))) << "that was before the marker";
}

// All but the last of a batch's index pages are full.
TEST(WalRoom, OfSeveralIndexPagesTheLastHasIt) {
  WalRig rig;
  rig.append(64, false, GroupId(900));
  rig.seal();
  rig.complete_all();
  for (u64 i = 0; i < 64; ++i) rig.append(64, false, GroupId(1 + i));
  rig.seal();
  rig.complete_all();
  ASSERT_EQ(rig.index_of()[1].head.pages, 2);
  EXPECT_EQ(read_room(index_page(rig, 1).data()), RoomState::absent);
  const Page last = index_page(rig, 2);
  ASSERT_EQ(read_room(last.data()), RoomState::ok);
  EXPECT_TRUE(RoomFilter(last.data()).may_contain(GroupId(900)));
  EXPECT_FALSE(RoomFilter(last.data()).may_contain(GroupId(7)));
}

}  // namespace
}  // namespace keelson::test
