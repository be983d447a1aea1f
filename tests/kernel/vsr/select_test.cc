// The worked examples of docs/protocol.md (which log a view starts with), one test each. In an example, "5a P" is op 5
// with identity a, bytes present; N nack, S suspect, L lost; a replica whose head is lower lists nothing for the op.
#include "keelson/vsr/select.h"

#include <gtest/gtest.h>
#include <vector>

namespace keelson {
namespace {

Digest id(char name, u64 op) { return {static_cast<u64>(name), op}; }

// One replica's report, written from its head downward.
class Report {
 public:
  Report(u8 from, u64 head, u32 log_view = 3) : log_view_(log_view), from_(from), head_(head) {}

  // `name` 0: a blank entry. The parent is `name` of the op below, unless stated.
  Report& entry(char name, const char* bits, char parent = 0) {
    const u64 op = head_ - entries_.size();
    Prepare p = make<Prepare>();
    p.op = Op(op);
    if (name) {
      p.identity = id(name, op);
      p.parent = id(parent ? parent : name, op - 1);
    } else {
      p.entry_flags = entry_flag::blank;
    }
    for (const char* b = bits; *b; ++b) {
      if (*b == 'P') present_ |= u64{1} << entries_.size();
      if (*b == 'N') nack_ |= u64{1} << entries_.size();
      if (*b == 'S') suspect_ |= u64{1} << entries_.size();
    }
    entries_.push_back(p);
    return *this;
  }
  Report& commit(u64 op) {
    commit_ = op;
    return *this;
  }
  Report& tail() {
    tail_ = true;
    return *this;
  }
  LogReport get() const {
    return {ReplicaIndex(from_),
            Op(head_),
            Op(commit_),
            Op(commit_),
            View(log_view_),
            tail_,
            present_,
            nack_,
            suspect_,
            reinterpret_cast<const std::byte*>(entries_.data()),
            static_cast<u32>(entries_.size())};
  }

 private:
  std::vector<Prepare> entries_;
  u32 log_view_;
  u8 from_;
  u64 head_;
  u64 commit_ = 4;
  bool tail_ = false;
  u64 present_ = 0, nack_ = 0, suspect_ = 0;
};

Selection choose(const std::vector<Report>& reports, u8 voters = 3) {
  std::vector<LogReport> all;
  for (const auto& r : reports) all.push_back(r.get());
  return select(all, voters, 4);
}

void expect_head(const Selection& s, u64 head) {
  EXPECT_EQ(s.kind, SelectKind::selected) << "at op " << s.op.raw();
  EXPECT_EQ(s.head, Op(head));
}

TEST(Select, KeepsWhatAllHold) {
  expect_head(choose({Report(0, 5).entry('a', "P").entry('a', "P"), Report(1, 5).entry('a', "P").entry('a', "P")}), 5);
}

TEST(Select, OneNackIsNoQuorumAndOneCopyIsEnough) {
  expect_head(choose({Report(0, 5).entry('a', "P").entry('a', "P"), Report(1, 4).entry('a', "P")}), 5);
}

TEST(Select, WaitsForTheThirdWhenTheOnlyCopyIsLost) {
  const auto s = choose({Report(0, 5).entry('a', "").entry('a', "P"), Report(1, 4).entry('a', "P")});
  EXPECT_EQ(s.kind, SelectKind::wait);
  EXPECT_EQ(s.op, Op(5));
}

TEST(Select, ForgetsALostOpThatTwoNeverHad) {
  const auto s =
      choose({Report(0, 5).entry('a', "").entry('a', "P"), Report(1, 4).entry('a', "P"), Report(2, 4).entry('a', "P")});
  expect_head(s, 4);
  EXPECT_TRUE(s.truncated);
}

TEST(Select, NeverForgetsWhatTwoLost) {
  const auto s = choose({Report(0, 5).entry('a', "").entry('a', "P"), Report(1, 5).entry('a', "").entry('a', "P"),
                         Report(2, 4).entry('a', "P")});
  EXPECT_EQ(s.kind, SelectKind::stuck);
  EXPECT_EQ(s.op, Op(5));
}

TEST(Select, WaitsForASuspectCopyAndForgetsItByTwoNacks) {
  const Report suspect = Report(0, 5).entry('a', "S").entry('a', "P");
  EXPECT_EQ(choose({suspect, Report(1, 4).entry('a', "P")}).kind, SelectKind::wait);
  expect_head(choose({suspect, Report(1, 4).entry('a', "P"), Report(2, 4).entry('a', "P")}), 4);
}

TEST(Select, FullHouseOfSuspectsForgets) {
  const auto s = choose({Report(0, 5).entry('a', "S").entry('a', "P"), Report(1, 5).entry('a', "S").entry('a', "P"),
                         Report(2, 5).entry('a', "S").entry('a', "P")});
  expect_head(s, 4);
  EXPECT_TRUE(s.full_house);
}

TEST(Select, TheNewerLogWinsNotTheLonger) {
  const auto s =
      choose({Report(0, 5, 2).entry('a', "P").entry('a', "P"), Report(1, 5, 3).entry('b', "P", 'a').entry('a', "P")});
  expect_head(s, 5);
  EXPECT_EQ(s.log_view, View(3));
  const Report r0 = Report(0, 5, 2).entry('a', "P").entry('a', "P");
  const Report r1 = Report(1, 5, 3).entry('b', "P", 'a').entry('a', "P");
  const LogReport both[] = {r0.get(), r1.get()};
  EXPECT_EQ(identity_in(both, View(3), Op(5)), id('b', 5));
}

TEST(Select, WhatTheNewerLogTruncatedStaysForgotten) {
  expect_head(choose({Report(0, 5, 2).entry('a', "P").entry('a', "P"), Report(1, 4, 3).entry('a', "P")}), 4);
}

TEST(Select, BytesThatAreNotStoredAreStillANack) {
  expect_head(choose({Report(0, 5).entry('a', "PN").entry('a', "P"), Report(1, 4).entry('a', "P")}), 4);
}

TEST(Select, AHeaderBesideALostEntryOfTheWinnerIsNoNack) {
  const auto s = choose({Report(0, 5, 3).entry(0, "").entry('a', "P"), Report(1, 5, 2).entry('a', "P").entry('a', "P"),
                         Report(2, 4, 2).entry('a', "P")});
  EXPECT_EQ(s.kind, SelectKind::stuck);
  EXPECT_EQ(s.op, Op(5));
}

TEST(Select, GapsAreFilledFromOthers) {
  const Report r0 = Report(0, 7).entry('a', "P").entry('a', "P").entry(0, "N").entry('a', "P");
  expect_head(choose({r0, Report(1, 6).entry('a', "P").entry('a', "P").entry('a', "P")}), 7);
}

TEST(Select, WaitsWhenTooFewAreSureOfTheirHead) {
  EXPECT_EQ(choose({Report(0, 5).entry('a', "P").entry('a', "P"), Report(1, 4).entry('a', "P").tail()}).kind,
            SelectKind::wait);
}

TEST(Select, FullHouseOfUnsureHeads) {
  expect_head(choose({Report(0, 4).entry('a', "P").tail(), Report(1, 4).entry('a', "P").tail(),
                      Report(2, 4).entry('a', "P").tail()}),
              4);
}

TEST(Select, NeedsAQuorumOfReports) {
  EXPECT_EQ(choose({Report(0, 5).entry('a', "P").entry('a', "P")}).kind, SelectKind::wait);
  EXPECT_EQ(choose({Report(0, 4).entry('a', "P"), Report(1, 4).entry('a', "P")}, 4).kind, SelectKind::wait);
}

TEST(Select, TwoIdentitiesOfOneLogAreAContradiction) {
  const auto s =
      choose({Report(0, 5).entry('a', "P").entry('a', "P"), Report(1, 5).entry('b', "P", 'a').entry('a', "P")});
  EXPECT_EQ(s.kind, SelectKind::contradiction);
  EXPECT_EQ(s.op, Op(5));
}

TEST(Select, NeverGoesBelowACommit) {
  const auto s =
      choose({Report(0, 5).entry('a', "P").commit(5), Report(1, 4).entry('a', "P"), Report(2, 4).entry('a', "P")});
  expect_head(s, 5);
  EXPECT_EQ(s.commit, Op(5));
}

TEST(Select, AHeadProvesWhatLiesAPipelineBelow) {
  Report deep = Report(0, 12).commit(4);
  for (int i = 0; i < 5; ++i) deep.entry('a', "P");
  EXPECT_EQ(choose({deep, Report(1, 9).entry('a', "P").entry('a', "P").commit(8)}).commit, Op(8));
}

}  // namespace
}  // namespace keelson
