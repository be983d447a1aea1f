#include "keelson/store/page.h"

#include <array>
#include <gtest/gtest.h>
#include <vector>

namespace keelson {
namespace {

using Page = std::array<std::byte, page_bytes>;

const Limits limits = Limits::tiny();
const u64 seed = page_seed({1, 2}, ShardId(3));

Page stamped(const PageStamp& stamp) {
  Page page{};
  write_stamp(stamp, seed, page.data());
  return page;
}

PageStamp stamp_of(u64 page_no, u64 batch = 9, u16 used = payload_bytes) {
  return {PageNo(page_no), BatchNo(batch), Incarnation(2), 0, used, 0};
}

IndexHead head_of(u32 pages = 3) {
  return {.batch_no = BatchNo(9),
          .durable_batch = BatchNo(7),
          .incarnation = Incarnation(2),
          .pages = 1,
          .first_page = PageNo(20),
          .page_count = pages,
          .prev_groups = GroupBloom::of_all()};
}

IndexEntry entry_of(u64 op, u64 page = 20, u16 offset = 0) {
  return {GroupId(1),         Op(op), {op, 1}, PageNo(page), offset,   Command::prepare,
          index_flag::strict, 512,    View(1), View(1),      Epoch(1), 0};
}

Page indexed(const IndexHead& head, std::vector<IndexEntry> entries) {
  Page page;
  page.fill(std::byte{0xab});
  write_index_page(head, entries, seed, page.data());
  return page;
}

PageState index_state(const Page& page) { return read_index_page(page.data(), seed, limits).state; }

TEST(PageSeed, DiffersByClusterAndShard) {
  EXPECT_NE(seed, page_seed({1, 2}, ShardId(4)));
  EXPECT_NE(seed, page_seed({1, 3}, ShardId(3)));
}

TEST(Stamp, ComesBackAsItWasWritten) {
  const Page page = stamped(stamp_of(77));
  const auto read = read_stamp(page.data(), seed);
  ASSERT_EQ(read.state, PageState::ok);
  EXPECT_EQ(read.stamp.page_no, PageNo(77));
  EXPECT_EQ(read.stamp.batch_no, BatchNo(9));
  EXPECT_EQ(read.stamp.used, payload_bytes);
}

TEST(Stamp, ZerosAreBlankAndAnyChangedBitIsBad) {
  Page page{};
  EXPECT_EQ(read_stamp(page.data(), seed).state, PageState::blank);
  page = stamped(stamp_of(0, 1));
  for (u32 bit = 0; bit < stamp_bytes * 8; ++bit) {
    Page flipped = page;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_EQ(read_stamp(flipped.data(), seed).state, PageState::bad) << bit;
  }
}

TEST(Stamp, OfAnotherShardIsBad) {
  const Page page = stamped(stamp_of(77));
  EXPECT_EQ(read_stamp(page.data(), page_seed({1, 2}, ShardId(4))).state, PageState::bad);
}

TEST(Stamp, ThatContradictsItselfIsBad) {
  auto stamp = stamp_of(1);
  stamp.used = payload_bytes + 1;
  EXPECT_EQ(read_stamp(stamped(stamp).data(), seed).state, PageState::bad);
  stamp = stamp_of(1);
  stamp.used = 256;
  stamp.first_record = 256;
  EXPECT_EQ(read_stamp(stamped(stamp).data(), seed).state, PageState::bad);
  stamp.first_record = no_record;
  EXPECT_EQ(read_stamp(stamped(stamp).data(), seed).state, PageState::ok);
}

TEST(IndexPage, ComesBackAsItWasWritten) {
  const Page page = indexed(head_of(), {entry_of(1), entry_of(2, 20, 512), entry_of(3, 22, 64)});
  const auto read = read_index_page(page.data(), seed, limits);
  ASSERT_EQ(read.state, PageState::ok);
  EXPECT_EQ(read.head.count, 3);
  EXPECT_EQ(read.head.durable_batch, BatchNo(7));
  EXPECT_EQ(read.head.prev_groups, GroupBloom::of_all());
  const IndexEntry entry = index_entry(page.data(), 2);
  EXPECT_EQ(entry.op, Op(3));
  EXPECT_EQ(entry.place().page, PageNo(22));
  EXPECT_EQ(entry.place().offset, 64);
  EXPECT_TRUE(all_zero(Bytes(page).subspan(64 + 3 * 64)));  // nothing of the buffer's earlier life reaches the disk
}

TEST(IndexPage, ZerosAreBlankAndAnyChangedBitIsBad) {
  Page page{};
  EXPECT_EQ(index_state(page), PageState::blank);
  page = indexed(head_of(), {entry_of(1), entry_of(2, 20, 512)});
  for (u32 bit = 0; bit < 3 * 64 * 8; ++bit) {
    Page flipped = page;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_EQ(index_state(flipped), PageState::bad) << bit;
  }
}

TEST(IndexPage, ATornPageIsBad) {
  std::vector<IndexEntry> entries;
  for (u64 op = 1; op <= entries_per_index_page; ++op) entries.push_back(entry_of(op));
  const Page whole = indexed(head_of(), entries);
  EXPECT_EQ(index_state(whole), PageState::ok);
  for (u32 sector = 1; sector < 8; ++sector) {
    Page torn = whole;
    std::fill_n(torn.begin() + sector * 512, 512, std::byte{0});
    EXPECT_EQ(index_state(torn), PageState::bad);
  }
}

TEST(IndexPage, WithAnEntryOutsideItsBatchIsBad) {
  EXPECT_EQ(index_state(indexed(head_of(), {entry_of(1, 22, payload_bytes - 256)})), PageState::bad);
  EXPECT_EQ(index_state(indexed(head_of(), {entry_of(1, 23)})), PageState::bad);
  EXPECT_EQ(index_state(indexed(head_of(), {entry_of(1, 19)})), PageState::bad);
  EXPECT_EQ(index_state(indexed(head_of(), {entry_of(1, 21, payload_bytes - 256)})), PageState::ok);
}

// Where its record is gone an entry is believed to repeat a promise, so it must be one that can be made.
TEST(IndexPage, WithAPromiseThatContradictsItselfIsBad) {
  IndexEntry promise = entry_of(1);
  promise.command = Command::group_state;
  promise.view = promise.log_view = View(3);
  EXPECT_EQ(index_state(indexed(head_of(), {promise})), PageState::ok);
  promise.log_view = View(4);
  EXPECT_EQ(index_state(indexed(head_of(), {promise})), PageState::bad);
  promise.command = Command::prepare;
  EXPECT_EQ(index_state(indexed(head_of(), {promise})), PageState::ok) << "a stamp older than the log's view";
}

TEST(IndexPage, WithAHeadThatContradictsItselfIsBad) {
  const auto state_after = [](auto change) {
    IndexHead head = head_of();
    change(head);
    return index_state(indexed(head, {entry_of(1)}));
  };
  EXPECT_EQ(state_after([](IndexHead&) {}), PageState::ok);
  EXPECT_EQ(state_after([](IndexHead& h) { h.durable_batch = h.batch_no; }), PageState::bad);
  EXPECT_EQ(state_after([](IndexHead& h) { h.page_of = h.pages; }), PageState::bad);
  EXPECT_EQ(state_after([](IndexHead& h) { h.pages = 0; }), PageState::bad);
  EXPECT_EQ(state_after([](IndexHead& h) { h.page_count = 0; }), PageState::bad);
  EXPECT_EQ(state_after([](IndexHead& h) { h.page_count = 13; }), PageState::bad);  // beyond its segment
  EXPECT_EQ(state_after([](IndexHead& h) { h.flags = 1; }), PageState::ok);
  EXPECT_EQ(state_after([](IndexHead& h) { h.flags = 2; }), PageState::bad);
}

TEST(IndexPage, ALoneMarkerHasNoRecords) {
  const Page page = indexed(head_of(0), {});
  const auto read = read_index_page(page.data(), seed, limits);
  ASSERT_EQ(read.state, PageState::ok);
  EXPECT_EQ(read.head.count, 0);
}

TEST(Bloom, NeverForgetsAGroupAndRarelyInventsOne) {
  GroupBloom bloom;
  EXPECT_FALSE(bloom.may_contain(GroupId(1)));
  for (u64 g = 1; g <= 8; ++g) bloom.add(GroupId(g));
  for (u64 g = 1; g <= 8; ++g) EXPECT_TRUE(bloom.may_contain(GroupId(g)));
  u32 invented = 0;
  for (u64 g = 100; g < 1100; ++g) invented += bloom.may_contain(GroupId(g));
  EXPECT_LT(invented, 50u);
  EXPECT_TRUE(GroupBloom::of_all().may_contain(GroupId(12345)));
}

// Three pages of one batch, a record over all of them.
class Gather : public testing::Test {
 protected:
  Gather() {
    for (u32 i = 0; i < 3; ++i) {
      write_stamp(stamp_of(20 + i), seed, page(i));
      for (u32 b = stamp_bytes; b < page_bytes; ++b) page(i)[b] = static_cast<std::byte>(b * 7 + i);
    }
  }
  std::byte* page(u32 i) { return pages.data() + std::size_t{i} * page_bytes; }
  RecordPages gather() { return gather_record(pages, place, seed, limits, record); }

  const RecordPlace place{PageNo(20), 4000, 6000};
  std::vector<std::byte> pages = std::vector<std::byte>(3 * page_bytes);
  std::vector<std::byte> record = std::vector<std::byte>(6000);
};

TEST_F(Gather, TakesTheRecordFromBehindTheStamps) {
  ASSERT_EQ(gather(), RecordPages::ok);
  EXPECT_EQ(record[0], page(0)[stamp_bytes + 4000]);
  EXPECT_EQ(record[63], page(0)[page_bytes - 1]);
  EXPECT_EQ(record[64], page(1)[stamp_bytes]);
  EXPECT_EQ(record[64 + payload_bytes], page(2)[stamp_bytes]);
  EXPECT_EQ(record[5999], page(2)[stamp_bytes + 6000 - 64 - payload_bytes - 1]);
}

TEST_F(Gather, APageThatWasNeverWrittenIsOld) {
  std::fill_n(page(1), page_bytes, std::byte{0});
  EXPECT_EQ(gather(), RecordPages::old);
}

TEST_F(Gather, APageOfAnEarlierLapOrOfAnotherBatchIsOld) {
  PageNo now(20 + ring_pages(limits));
  for (u32 i = 0; i < 3; ++i) write_stamp(stamp_of(now.raw() + i), seed, page(i));
  write_stamp(stamp_of(21), seed, page(1));
  const RecordPlace later{now, place.offset, place.size};
  EXPECT_EQ(gather_record(pages, later, seed, limits, record), RecordPages::old);
  write_stamp(stamp_of(now.raw() + 1, 10), seed, page(1));
  EXPECT_EQ(gather_record(pages, later, seed, limits, record), RecordPages::old);
  write_stamp(stamp_of(now.raw() + 1), seed, page(1));
  EXPECT_EQ(gather_record(pages, later, seed, limits, record), RecordPages::ok);
}

TEST_F(Gather, APageThatHoldsLessThanTheRecordSaysIsOld) {
  write_stamp(stamp_of(22, 9, 64), seed, page(2));
  EXPECT_EQ(gather(), RecordPages::old);
}

TEST_F(Gather, AMisdirectedPageIsBad) {
  write_stamp(stamp_of(23), seed, page(1));
  EXPECT_EQ(gather(), RecordPages::bad);
}

TEST_F(Gather, OneBadStampMakesTheWholeBad) {
  std::fill_n(page(0), page_bytes, std::byte{0});
  page(2)[3] ^= std::byte{4};
  EXPECT_EQ(gather(), RecordPages::bad);
}

}  // namespace
}  // namespace keelson
