#include "keelson/store/log_index.h"

#include <gtest/gtest.h>

#include "tests/lib/store/records.h"

namespace keelson::test {
namespace {

constexpr GroupId group{5};
constexpr u64 chunk = LogChunks::entries_per_chunk;
constexpr u64 journal_max = 3 * chunk + chunk / 8;

Prepare prepare_of(u64 op, u64 salt = 0) {
  Prepare p = make<Prepare>();
  p.cluster = cluster_of_tests;
  p.group = group;
  p.epoch = Epoch(1);
  p.view = View(3);
  p.release = Release(2);
  p.op = Op(op);
  p.parent = {op - 1, 1};
  p.commit = Op(op - 1);
  p.timestamp = Timestamp(op * 10);
  p.request_count = 2;
  p.operation = PrepareOperation::batch;
  p.size = 512;
  p.checksum_body = {op, salt};
  p.identity = identity_of(p);
  return p;
}

class LogIndexTest : public testing::Test {
 protected:
  LogChunks chunks{4 * LogChunks::entries_per_chunk};
  LogIndex log{chunks, journal_max};
};

TEST_F(LogIndexTest, WhatWasNeverSetIsBlank) {
  EXPECT_TRUE(log.at(Op(0)).blank());
  EXPECT_TRUE(log.at(Op(1)).blank());
  EXPECT_TRUE(log.at(Op(1'000'000)).blank());
  EXPECT_EQ(log.top(), Op(0));
  EXPECT_EQ(chunks.available(), 4u);
  log.touch(Op(10)).identity = {1, 1};
  EXPECT_EQ(log.top(), Op(10));
  EXPECT_TRUE(log.at(Op(9)).blank());
  EXPECT_TRUE(log.at(Op(150)).blank());
}

TEST_F(LogIndexTest, RoomEndsWithTheJournalAndWithTheChunks) {
  EXPECT_FALSE(log.has_room(Op(0)));
  EXPECT_TRUE(log.has_room(Op(1)));
  EXPECT_TRUE(log.has_room(Op(journal_max)));
  EXPECT_FALSE(log.has_room(Op(4 * chunk + 1)));
  LogIndex greedy(chunks, 10'000);
  for (u64 i = 0; i < 4; ++i) greedy.touch(Op(i * chunk + 1));
  EXPECT_EQ(chunks.available(), 0u);
  EXPECT_FALSE(log.has_room(Op(1)));
  EXPECT_FALSE(greedy.has_room(Op(4 * chunk + 1)));
  EXPECT_TRUE(greedy.has_room(Op(chunk)));  // its chunk is here already
  greedy.truncate_above(Op(1));
  EXPECT_TRUE(log.has_room(Op(1)));
}

TEST_F(LogIndexTest, TruncationForgetsWhatLiesAboveAndGivesChunksBack) {
  constexpr u64 kept = chunk + 6;
  for (u64 op = 1; op <= journal_max; ++op) log.set_header(Op(op), prepare_of(op));
  EXPECT_EQ(chunks.available(), 0u);
  log.truncate_above(Op(kept));
  EXPECT_EQ(log.top(), Op(kept));
  EXPECT_EQ(chunks.available(), 2u);
  EXPECT_EQ(log.at(Op(kept)).identity, prepare_of(kept).identity);
  for (u64 op = kept + 1; op <= journal_max; ++op) EXPECT_TRUE(log.at(Op(op)).blank());
  // Neither the rest of a chunk that stays nor a chunk that comes back remembers.
  log.touch(Op(journal_max));
  for (u64 op = kept + 1; op <= journal_max; ++op) EXPECT_TRUE(log.at(Op(op)).blank()) << op;
  log.truncate_above(Op(0));
  EXPECT_EQ(chunks.available(), 4u);
  EXPECT_TRUE(log.at(Op(1)).blank());
}

TEST_F(LogIndexTest, AMovedIndexTakesItsChunksAlong) {
  log.set_header(Op(3), prepare_of(3));
  {
    LogIndex moved(std::move(log));
    EXPECT_EQ(moved.top(), Op(3));
    EXPECT_EQ(moved.at(Op(3)).identity, prepare_of(3).identity);
    EXPECT_EQ(log.top(), Op(0));
  }
  EXPECT_EQ(chunks.available(), 4u);
}

TEST_F(LogIndexTest, AFullHeaderComesBackAsItWas) {
  const Prepare given = prepare_of(4);
  log.set_header(Op(4), given);
  const Prepare h = log.header_of(Op(4), cluster_of_tests, group, Epoch(1));
  EXPECT_EQ(h.command, Command::prepare);
  EXPECT_EQ(h.entry_flags, 0);
  EXPECT_EQ(h.identity, given.identity);
  EXPECT_EQ(identity_of(h), given.identity);
  EXPECT_EQ(h.view, given.view);
  EXPECT_EQ(h.commit, given.commit);
  EXPECT_TRUE(log.at(Op(4)).has(log_bit::identity | log_bit::full));
}

TEST_F(LogIndexTest, WhatIsKnownInPartComesAsStubOrBlank) {
  LogEntry& entry = log.touch(Op(4));
  entry.identity = {9, 9};
  entry.view = View(7);
  entry.bits = log_bit::identity | log_bit::lost;
  const Prepare stub = log.header_of(Op(4), cluster_of_tests, group, Epoch(2));
  EXPECT_EQ(stub.entry_flags, entry_flag::stub);
  EXPECT_EQ(stub.identity, (Digest{9, 9}));
  EXPECT_EQ(stub.view, View(7));
  EXPECT_EQ(stub.operation, PrepareOperation::none);
  const Prepare blank = log.header_of(Op(5), cluster_of_tests, group, Epoch(2));
  EXPECT_EQ(blank.entry_flags, entry_flag::blank);
  EXPECT_EQ(blank.op, Op(5));
  EXPECT_EQ(blank.epoch, Epoch(2));
  EXPECT_TRUE(blank.identity.is_zero());
}

TEST_F(LogIndexTest, AHeaderKeepsWhatIsKnownOfTheRecord) {
  const Prepare given = prepare_of(4);
  LogEntry& entry = log.touch(Op(4));
  entry.identity = given.identity;
  entry.place = {PageNo(8), 16, 512};
  entry.view = View(9);
  entry.bits = log_bit::identity | log_bit::stored;
  log.set_header(Op(4), given);
  EXPECT_TRUE(entry.has(log_bit::stored | log_bit::full));
  EXPECT_EQ(entry.place.page, PageNo(8));
  EXPECT_EQ(entry.view, View(9));  // the stamp of the stored copy
}

TEST_F(LogIndexTest, AnotherIdentityIsTheCallersBug) {
  log.set_header(Op(4), prepare_of(4));
  EXPECT_DEATH(log.set_header(Op(4), prepare_of(4, 1)), "check failed");
  EXPECT_DEATH(log.set_header(Op(5), prepare_of(4)), "check failed");
  EXPECT_DEATH(log.touch(Op(0)), "check failed");
}

TEST(LogChunks, AnIndexThatOutlivesItsChunksIsFound) {
  EXPECT_DEATH(
      {
        LogChunks chunks(64);
        chunks.acquire();
      },
      "check failed");
}

TEST_F(LogIndexTest, PruningForgetsWhatLiesBelowAndMovesTheRange) {
  constexpr u64 floor = 2 * chunk + 2;
  for (u64 op = 1; op <= journal_max; ++op) log.set_header(Op(op), prepare_of(op));
  log.touch(Op(floor)).bits |= log_bit::stored;
  log.prune(Op(floor), prepare_of(floor).identity);
  EXPECT_EQ(log.floor(), Op(floor));
  EXPECT_EQ(log.at(Op(floor)).identity, prepare_of(floor).identity);
  EXPECT_FALSE(log.at(Op(floor)).has(log_bit::stored)) << "its record may go";
  EXPECT_EQ(log.header_of(Op(floor), cluster_of_tests, group, Epoch(1)).parent, prepare_of(floor).parent);
  for (u64 op = 1; op < floor; ++op) EXPECT_TRUE(log.at(Op(op)).blank()) << op;
  for (u64 op = floor + 1; op <= journal_max; ++op) EXPECT_EQ(log.at(Op(op)).identity, prepare_of(op).identity) << op;
  EXPECT_FALSE(log.has_room(Op(floor)));
  EXPECT_EQ(chunks.available(), 2u);
  EXPECT_TRUE(log.has_room(Op(floor + journal_max)));
  EXPECT_FALSE(log.has_room(Op(floor + 1 + journal_max)));
  for (u64 op = journal_max + 1; op <= floor + chunk; ++op) log.touch(Op(op)).identity = {op, 9};
  log.truncate_above(Op(floor));
  EXPECT_EQ(log.top(), Op(floor));
  EXPECT_EQ(chunks.available(), 4u);
}

TEST_F(LogIndexTest, PruningToAnotherIdentityKeepsOnlyThat) {
  log.set_header(Op(5), prepare_of(5));
  log.prune(Op(5), {7, 7});
  EXPECT_EQ(log.at(Op(5)).identity, (Digest{7, 7}));
  EXPECT_FALSE(log.at(Op(5)).has(log_bit::full));
}

TEST_F(LogIndexTest, ALogMayBeginAnywhere) {
  log.begin_above(Op(1'000'000), {3, 3});
  EXPECT_EQ(log.top(), Op(1'000'000));
  EXPECT_EQ(log.at(Op(1'000'000)).identity, (Digest{3, 3}));
  EXPECT_FALSE(log.has_room(Op(1'000'000)));
  log.touch(Op(1'000'001)).identity = {1, 1};
  EXPECT_FALSE(log.has_room(Op(1'000'001 + journal_max)));
  log.truncate_above(Op(1'000'000));
}

}  // namespace
}  // namespace keelson::test
