// What a shard relies on when it reads and writes, the same for files and for the simulator's disks.
#include <gmock/gmock.h>

#include "tests/storage/back_ends.h"

namespace keelson::test {
namespace {

template <class Which>
class Conformance : public testing::Test {
 protected:
  std::vector<std::byte> read_back(u64 offset, std::size_t size) {
    std::vector<std::byte> bytes(size, std::byte{0x77});
    EXPECT_EQ(end_.read(next_id_++, offset, bytes), IoStatus::ok);
    return bytes;
  }
  Which end_;
  u64 next_id_ = 1000;
};
using BackEnds = testing::Types<PwriteFile, SimDisk>;
TYPED_TEST_SUITE(Conformance, BackEnds);

TYPED_TEST(Conformance, WriteThenReadSameBytes) {
  const auto bytes = pattern(2 * page_bytes, 1);
  ASSERT_EQ(this->end_.write(1, page_bytes, bytes), IoStatus::ok);
  EXPECT_EQ(this->read_back(page_bytes, 2 * page_bytes), bytes);
  EXPECT_TRUE(all_zero(this->read_back(0, page_bytes))) << "and nothing beside it";
  EXPECT_TRUE(all_zero(this->read_back(3 * page_bytes, page_bytes)));
}

TYPED_TEST(Conformance, GatherOf1024Parts) {
  const auto bytes = pattern(1024 * 64, 2);
  std::vector<Bytes> parts;
  for (std::size_t i = 0; i < 1024; ++i) parts.push_back(Bytes(bytes).subspan(i * 64, 64));
  this->end_.submit({{1, 0, parts}});
  ASSERT_EQ(this->end_.wait(1)[0].status, IoStatus::ok);
  EXPECT_EQ(this->read_back(0, bytes.size()), bytes);
}

// Parts may end anywhere; where they do must not show.
TYPED_TEST(Conformance, EverySectorResidue) {
  for (std::size_t cut = 0; cut < page_bytes; cut += 512) {
    for (const std::size_t odd : {std::size_t{0}, std::size_t{1}, std::size_t{511}}) {
      const auto bytes = pattern(2 * page_bytes, cut + odd);
      const Bytes parts[] = {Bytes(bytes).first(cut + odd), {}, Bytes(bytes).subspan(cut + odd)};
      const u64 offset = (cut / 512 + odd % 3) * page_bytes;
      this->end_.submit({{cut * 4096 + odd + 1, offset, parts}});
      ASSERT_EQ(this->end_.wait(1)[0].status, IoStatus::ok);
      ASSERT_EQ(this->read_back(offset, bytes.size()), bytes) << cut + odd;
    }
  }
}

TYPED_TEST(Conformance, OverlappingWritesAfterCompletionLastWins) {
  for (u64 i = 0; i < 20; ++i) {
    const u64 offset = i % 3 * page_bytes;
    const auto bytes = pattern(3 * page_bytes, i);
    ASSERT_EQ(this->end_.write(i + 1, offset, bytes), IoStatus::ok);
    ASSERT_EQ(this->read_back(offset, bytes.size()), bytes) << i;
  }
}

TYPED_TEST(Conformance, EachOpCompletesExactlyOnce) {
  const auto bytes = pattern(page_bytes, 4);
  const Bytes part = bytes;
  std::vector<WriteAsked> writes;
  std::vector<ReadAsked> reads;
  std::vector<std::vector<std::byte>> into(in_flight_max, std::vector<std::byte>(page_bytes));
  for (u64 i = 0; i < in_flight_max / 2; ++i) {
    writes.push_back({i + 1, i * page_bytes, {&part, 1}});
    reads.push_back({100 + i, (in_flight_max + i % 3) * page_bytes, into[i]});
  }
  this->end_.submit(writes, reads);
  std::set<std::pair<IoKind, u64>> seen;
  for (const Completion& done : this->end_.wait(writes.size() + reads.size()))
    EXPECT_TRUE(seen.insert({done.kind, done.id.raw()}).second) << "twice";
  for (const WriteAsked& write : writes) EXPECT_TRUE(seen.contains({IoKind::write, write.id}));
  for (const ReadAsked& read : reads) EXPECT_TRUE(seen.contains({IoKind::read, read.id}));
  EXPECT_TRUE(this->end_.nothing_more());
}

TYPED_TEST(Conformance, NoCompletionInsideSubmit) {
  const auto bytes = pattern(page_bytes, 5);
  for (u64 id = 1; id <= 50; ++id) ASSERT_EQ(this->end_.write(id, 0, bytes), IoStatus::ok);
  EXPECT_FALSE(this->end_.told_inside_submit());
}

TYPED_TEST(Conformance, AllInFlightThatMayBe) {
  const auto bytes = pattern(page_bytes, 6);
  const Bytes part = bytes;
  std::vector<WriteAsked> writes;
  for (u64 i = 0; i < in_flight_max; ++i) writes.push_back({i + 1, i * page_bytes, {&part, 1}});
  this->end_.submit(writes);
  for (const Completion& done : this->end_.wait(in_flight_max)) EXPECT_EQ(done.status, IoStatus::ok);
  for (u64 i = 0; i < in_flight_max; ++i) ASSERT_EQ(this->read_back(i * page_bytes, page_bytes), bytes);
}

TYPED_TEST(Conformance, DoneSurvivesReopen) {
  const auto bytes = pattern(page_bytes, 7);
  ASSERT_EQ(this->end_.write(1, 3 * page_bytes, bytes), IoStatus::ok);
  this->end_.reopen();
  EXPECT_EQ(this->read_back(3 * page_bytes, page_bytes), bytes);
}

// A process dies in the middle: what it was told of is there, the rest is old or new, sector by sector.
TYPED_TEST(Conformance, UnacknowledgedWriteIsAbsentTornOrWhole) {
  const auto former = pattern(page_bytes, 8);
  u64 id = 1;
  for (const std::size_t after : {0u, 1u, 7u, 20u, 31u}) {
    for (u64 page = 0; page < 32; ++page) ASSERT_EQ(this->end_.write(id++, page * page_bytes, former), IoStatus::ok);
    const auto fresh = pattern(page_bytes, 100 + after);
    const Bytes part = fresh;
    std::vector<WriteAsked> writes;
    for (u64 page = 0; page < 32; ++page) writes.push_back({id++, page * page_bytes, {&part, 1}});
    const std::set<u64> done = this->end_.write_and_be_killed(writes, after);
    EXPECT_GE(done.size(), after);
    for (const WriteAsked& write : writes) {
      const auto found = this->read_back(write.offset, page_bytes);
      if (done.contains(write.id)) {
        ASSERT_EQ(found, fresh) << "told, and gone";
      }
      for (std::size_t at = 0; at < page_bytes; at += 512) {
        const Bytes sector = Bytes(found).subspan(at, 512);
        ASSERT_TRUE(equal(sector, Bytes(fresh).subspan(at, 512)) || equal(sector, Bytes(former).subspan(at, 512)));
      }
    }
  }
}

TYPED_TEST(Conformance, WritesOfOneSubmitShareAFlush) {
  const auto bytes = pattern(page_bytes, 9);
  const Bytes part = bytes;
  const u64 before = this->end_.flushes();
  std::vector<WriteAsked> writes;
  for (u64 i = 0; i < 20; ++i) writes.push_back({i + 1, i * page_bytes, {&part, 1}});
  this->end_.submit(writes);
  this->end_.wait(20);
  EXPECT_EQ(this->end_.flushes(), before + 1);
}

TYPED_TEST(Conformance, ReadDuringFlushCompletes) {
  const auto bytes = pattern(page_bytes, 10);
  ASSERT_EQ(this->end_.write(1, 5 * page_bytes, bytes), IoStatus::ok);
  this->end_.hold();
  const Bytes part = bytes;
  this->end_.submit({{2, 0, {&part, 1}}});
  this->end_.wait_until_held();
  EXPECT_EQ(this->read_back(5 * page_bytes, page_bytes), bytes);
  this->end_.release();
  EXPECT_EQ(this->end_.wait(1)[0].id, IoId(2));
}

TYPED_TEST(Conformance, ReadPastEndIsErrorNotZeros) {
  this->end_.cut(10 * page_bytes);
  std::vector<std::byte> back(2 * page_bytes);
  EXPECT_EQ(this->end_.read(1, 9 * page_bytes, back), IoStatus::io_error) << "across the end";
  EXPECT_FALSE(all_zero(Bytes(back).subspan(page_bytes)));
  EXPECT_EQ(this->end_.read(2, 30 * page_bytes, back), IoStatus::io_error);
  EXPECT_FALSE(all_zero(back));
  EXPECT_TRUE(all_zero(this->read_back(9 * page_bytes, page_bytes))) << "what is there can be read";
}

TYPED_TEST(Conformance, BoundsViolationIsCaught) {
  const auto bytes = pattern(2 * page_bytes, 1);
  EXPECT_TRUE(this->end_.out_of_bounds_is_caught(store_bytes - page_bytes, bytes));
  EXPECT_TRUE(this->end_.out_of_bounds_is_caught(~u64{0} - page_bytes + 1, bytes));
}

TYPED_TEST(Conformance, FailedFlushPoisonsThisFileOnly) {
  const auto bytes = pattern(page_bytes, 11);
  TypeParam other;
  this->end_.fail_next_flush();
  EXPECT_EQ(this->end_.write(1, 0, bytes), IoStatus::io_error);
  std::vector<std::byte> back(page_bytes);
  EXPECT_EQ(this->end_.read(2, 0, back), IoStatus::io_error);
  EXPECT_EQ(other.write(1, 0, bytes), IoStatus::ok);
  EXPECT_EQ(other.read(2, 0, back), IoStatus::ok);
  EXPECT_EQ(back, bytes);
}

TYPED_TEST(Conformance, NoRetryAfterPoison) {
  const auto bytes = pattern(page_bytes, 12);
  ASSERT_EQ(this->end_.write(1, page_bytes, bytes), IoStatus::ok);
  this->end_.fail_next_write();
  EXPECT_EQ(this->end_.write(2, 0, bytes), IoStatus::io_error);
  for (u64 id = 3; id < 8; ++id) EXPECT_EQ(this->end_.write(id, 2 * page_bytes, bytes), IoStatus::io_error);
  this->end_.open();
  EXPECT_EQ(this->read_back(page_bytes, page_bytes), bytes) << "what was durable before";
  EXPECT_EQ(this->end_.write(20, 0, bytes), IoStatus::ok) << "the next process may try";
}

TYPED_TEST(Conformance, WantOfSpaceFailsOnlyWhatGrowsTheFile) {
  if constexpr (TypeParam::is_real) {
    const auto bytes = pattern(page_bytes, 14);
    const Bytes part(bytes);
    this->end_.lack_space_from(4 * page_bytes);
    this->end_.submit({{1, 0, {&part, 1}, IoClass::wal},
                       {2, 4 * page_bytes, {&part, 1}, IoClass::checkpoint},
                       {3, page_bytes, {&part, 1}, IoClass::checkpoint}});
    std::map<u64, IoStatus> done;
    for (const Completion& completion : this->end_.wait(3)) done[completion.id.raw()] = completion.status;
    EXPECT_EQ(done, (std::map<u64, IoStatus>{{1, IoStatus::ok}, {2, IoStatus::no_space}, {3, IoStatus::ok}}));
    this->end_.lack_space_from(~u64{0});
    this->end_.submit({{4, 4 * page_bytes, {&part, 1}, IoClass::checkpoint}});
    EXPECT_EQ(this->end_.wait(1)[0].status, IoStatus::ok) << "it wasn't poisoned";
    this->end_.lack_space_from(0);
    EXPECT_EQ(this->end_.write(5, 0, bytes), IoStatus::io_error) << "the log has its space since it was formatted";
  }
}

TYPED_TEST(Conformance, EioReadLeavesReadablePagesReadable) {
  const auto bytes = pattern(4 * page_bytes, 13);
  ASSERT_EQ(this->end_.write(1, 0, bytes), IoStatus::ok);
  this->end_.spoil_page(2);
  std::vector<std::byte> back(4 * page_bytes);
  EXPECT_EQ(this->end_.read(2, 0, back), IoStatus::io_error);
  EXPECT_FALSE(all_zero(Bytes(back).subspan(2 * page_bytes, page_bytes))) << "zeros mean: never written";
  for (const u64 page : {0u, 1u, 3u}) {
    const Bytes expected = Bytes(bytes).subspan(page * page_bytes, page_bytes);
    EXPECT_TRUE(equal(this->read_back(page * page_bytes, page_bytes), expected)) << page;
  }
  std::vector<std::byte> one(page_bytes);
  EXPECT_EQ(this->end_.read(9, 2 * page_bytes, one), IoStatus::io_error);
}

// ---- what only files have

template <class Which>
class FileConformance : public Conformance<Which> {};
using FileBackEnds = testing::Types<PwriteFile>;
TYPED_TEST_SUITE(FileConformance, FileBackEnds);

TYPED_TEST(FileConformance, WhatComesDuringAFlushSharesTheNext) {
  const auto bytes = pattern(page_bytes, 5);
  const Bytes part = bytes;
  this->end_.hold();
  this->end_.submit({{1, 0, {&part, 1}}});
  this->end_.wait_until_held();
  for (u64 id = 2; id <= 20; ++id) this->end_.submit({{id, id * page_bytes, {&part, 1}}});
  this->end_.release();
  this->end_.wait(20);
  EXPECT_EQ(this->end_.flushes(), 2u) << "one for the first, one for all that came meanwhile";
}

TYPED_TEST(FileConformance, TheLogDoesNotWaitForAllOfACheckpoint) {
  constexpr u64 pieces = 24;
  const auto bytes = pattern(8 * page_bytes, 15);  // 32 KiB: 256 KiB of them go with a flush
  const Bytes part = bytes;
  this->end_.hold();
  this->end_.submit({{1, 0, {&part, 1}}});
  this->end_.wait_until_held();
  std::vector<WriteAsked> writes;
  for (u64 i = 0; i < pieces; ++i) writes.push_back({100 + i, i % 4 * bytes.size(), {&part, 1}, IoClass::checkpoint});
  writes.push_back({2, 0, {&part, 1}});
  this->end_.submit(writes);
  this->end_.release();
  std::vector<u64> order;
  for (const Completion& done : this->end_.wait(pieces + 2)) order.push_back(done.id.raw());
  EXPECT_EQ(this->end_.flushes(), 4u);
  const auto of_log = std::find(order.begin(), order.end(), 2u) - order.begin();
  EXPECT_EQ(of_log, 9) << "behind the first write and the eight pieces that shared its flush";
  for (u64 i = 0; i < pieces; ++i) EXPECT_EQ(std::count(order.begin(), order.end(), 100 + i), 1) << i;
}

TYPED_TEST(FileConformance, ShortWriteCompletedByRest) {
  for (const std::size_t most : {1u, 511u, 4096u, 5000u}) {
    this->end_.take_at_once(most);
    this->end_.open();
    const auto bytes = pattern(3 * page_bytes, most);
    const Bytes parts[] = {Bytes(bytes).first(100), Bytes(bytes).subspan(100, 5000), {}, Bytes(bytes).subspan(5100)};
    this->end_.submit({{most, page_bytes, parts}});
    ASSERT_EQ(this->end_.wait(1)[0].status, IoStatus::ok);
    ASSERT_EQ(this->read_back(page_bytes, bytes.size()), bytes) << most;
  }
}

TYPED_TEST(FileConformance, AFailedWriteIsNotFlushedAndSaysWhatFailed) {
  const auto bytes = pattern(page_bytes, 8);
  this->end_.fail_next_write();
  EXPECT_EQ(this->end_.write(1, page_bytes, bytes), IoStatus::io_error);
  EXPECT_EQ(this->end_.flushes(), 0u);
  EXPECT_EQ(this->end_.backend().poison(), "write: Input/output error");
  this->end_.open();
  this->end_.fail_next_flush();
  EXPECT_EQ(this->end_.write(2, page_bytes, bytes), IoStatus::io_error);
  EXPECT_EQ(this->end_.backend().poison(), "flush: Input/output error");
}

TYPED_TEST(FileConformance, UnreadableSectorsAreMarkedAndTheOthersDelivered) {
  const auto bytes = pattern(4 * page_bytes, 9);
  ASSERT_EQ(this->end_.write(1, 0, bytes), IoStatus::ok);
  this->end_.spoil_page(2);
  std::vector<std::byte> back(4 * page_bytes);
  EXPECT_EQ(this->end_.read(2, 0, back), IoStatus::io_error);
  for (std::size_t i = 0; i < back.size(); ++i)
    ASSERT_EQ(back[i], i / page_bytes == 2 ? std::byte{0xa5} : bytes[i]) << i;
}

TYPED_TEST(FileConformance, ReadOnlyRejectsAndNeverTruncates) {
  const auto bytes = pattern(page_bytes, 14);
  ASSERT_EQ(this->end_.write(1, 0, bytes), IoStatus::ok);
  this->end_.open(O_RDONLY);
  const auto before = read_file(this->end_.path());
  EXPECT_EQ(this->read_back(0, page_bytes), bytes);
  EXPECT_EQ(this->end_.write(2, 0, pattern(page_bytes, 15)), IoStatus::io_error);
  EXPECT_EQ(read_file(this->end_.path()), before);
}

TYPED_TEST(FileConformance, StopCompletesOrFailsEveryOp) {
  const auto bytes = pattern(page_bytes, 1);
  const Bytes part = bytes;
  std::vector<std::vector<std::byte>> into(10, std::vector<std::byte>(page_bytes));
  for (u64 id = 1; id <= 10; ++id)
    this->end_.submit({{id, id * page_bytes, {&part, 1}}}, {{100 + id, 30 * page_bytes, into[id - 1]}});
  this->end_.backend().stop();
  EXPECT_EQ(this->end_.wait(20).size(), 20u);
}

TYPED_TEST(FileConformance, StatsCountBytesAndFlushes) {
  const auto bytes = pattern(3 * page_bytes, 1);
  for (u64 id = 1; id <= 4; ++id) ASSERT_EQ(this->end_.write(id, 0, bytes), IoStatus::ok);
  this->read_back(0, page_bytes);
  const io::FileStats stats = this->end_.backend().stats();
  EXPECT_EQ(stats.writes, 4u);
  EXPECT_EQ(stats.bytes_written, 4u * 3 * page_bytes);
  EXPECT_EQ(stats.flushes, 4u);
  EXPECT_EQ(stats.reads, 1u);
  EXPECT_EQ(stats.bytes_read, u64{page_bytes});
}

}  // namespace
}  // namespace keelson::test
