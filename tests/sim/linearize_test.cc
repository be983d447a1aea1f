// Histories known to be linearizable, and known not to be: of registers and maps, with operations whose outcome nobody
// knows; bounds; what a violation says.
#include "keelson/sim/check/linearize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/check/kv_calls.h"
#include "keelson/sim/check/linear_text.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;

// A history as its author thinks of it: calls, with the times from and to at which they were under way.
class Told {
 public:
  Told& write(u64 from, u64 to, const std::string& value) { return add(from, to, KvAct::write, {}, value, true, {}); }
  Told& read(u64 from, u64 to, const KvValue& found) { return add(from, to, KvAct::read, {}, {}, true, found); }
  Told& erase(u64 from, u64 to, bool done) { return add(from, to, KvAct::erase, {}, {}, done, {}); }
  Told& swap(u64 from, u64 to, const KvValue& expected, const KvValue& value, bool done, const KvValue& found = {}) {
    add(from, to, KvAct::swap, expected, value, done, {});
    if (!done) calls_.back().found = found;
    return *this;
  }
  Told& lost(u64 from, KvAct act, const KvValue& expected, const KvValue& value) {
    add(from, from, act, expected, value, true, {});
    calls_.back().end = CallEnd::info;
    return *this;
  }
  Told& lost_write(u64 from, const std::string& value) { return lost(from, KvAct::write, {}, value); }
  Told& refused() {
    calls_.back().end = CallEnd::fail;
    return *this;
  }
  Told& of(const std::string& key, u64 group = 0) {
    calls_.back().key = key;
    calls_.back().group = group;
    return *this;
  }
  KvJudgement judged(const SearchLimits& limits = {}) const { return check_kv(calls_, limits); }
  Linear linear() const { return judged().linear; }

 private:
  Told& add(u64 from, u64 to, KvAct act, const KvValue& expected, const KvValue& value, bool done,
            const KvValue& found) {
    KvCall call;
    call.id = calls_.size();
    call.client = calls_.size();
    call.key = "k";
    call.act = act;
    call.expected = expected;
    call.value = value;
    call.end = CallEnd::ok;
    call.done = done;
    if (act == KvAct::read) call.found = found;
    call.called = call.called_ns = from;
    call.returned = call.returned_ns = to;
    calls_.push_back(call);
    return *this;
  }
  std::vector<KvCall> calls_;
};

TEST(Linearize, NothingAndOneAfterTheOther) {
  EXPECT_EQ(Told().linear(), Linear::yes);
  EXPECT_EQ(Told().read(0, 1, {}).write(2, 3, "a").read(4, 5, "a").linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 1, "a").read(2, 3, {}).linear(), Linear::no);
  EXPECT_EQ(Told().write(0, 1, "a").write(2, 3, "b").read(4, 5, "a").linear(), Linear::no) << "a stale read";
  EXPECT_EQ(Told().read(0, 1, "a").write(2, 3, "a").linear(), Linear::no) << "a read of what comes later";
}

// Figure 1 of Herlihy & Wing 1990, for registers.
TEST(Linearize, ConcurrentOnesMayTakeEffectInEitherOrder) {
  EXPECT_EQ(Told().write(0, 10, "a").read(1, 2, "a").read(3, 4, "a").linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 10, "a").read(1, 2, {}).read(3, 4, "a").linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 10, "a").read(1, 2, "a").read(3, 4, {}).linear(), Linear::no) << "new, then old";
  EXPECT_EQ(Told().write(0, 10, "a").write(0, 10, "b").read(11, 12, "a").linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 10, "a").write(0, 10, "b").read(11, 12, "b").linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 10, "a").write(0, 10, "b").read(11, 13, "a").read(14, 15, "b").linear(), Linear::no);
}

TEST(Linearize, TwoReadersMustNotDisagreeAboutTheOrderOfTwoWrites) {
  Told told;
  told.write(0, 20, "a").write(0, 20, "b");
  told.read(1, 2, "a").read(3, 4, "b");
  EXPECT_EQ(told.linear(), Linear::yes);
  told.read(5, 6, "a");
  EXPECT_EQ(told.linear(), Linear::no);
}

TEST(Linearize, WhatMeetsAtOneInstantIsConcurrent) {
  EXPECT_EQ(Told().write(0, 5, "a").read(5, 6, {}).linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 5, "a").read(6, 7, {}).linear(), Linear::no);
}

TEST(Linearize, AnUnknownOutcomeMayTakeEffectLateOrNever) {
  EXPECT_EQ(Told().lost_write(0, "a").read(10, 11, {}).linear(), Linear::yes);
  EXPECT_EQ(Told().lost_write(0, "a").read(10, 11, {}).read(12, 13, "a").linear(), Linear::yes) << "late";
  EXPECT_EQ(Told().lost_write(0, "a").read(10, 11, "a").read(12, 13, {}).linear(), Linear::no) << "and not undone";
  EXPECT_EQ(Told().read(1, 2, "a").lost_write(5, "a").linear(), Linear::no) << "never before its call";
  EXPECT_EQ(Told().lost_write(0, "a").read(1, 2, "a").write(3, 4, "b").read(5, 6, "a").linear(), Linear::no)
      << "never twice";
  EXPECT_EQ(Told().write(0, 1, "b").lost(2, KvAct::erase, {}, {}).read(3, 4, {}).linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 1, "b").lost(2, KvAct::swap, "c", "d").read(3, 4, "d").linear(), Linear::no)
      << "a swap that can't have swapped";
}

TEST(Linearize, WhatWasRefusedDidNotHappen) {
  EXPECT_EQ(Told().write(0, 1, "a").refused().read(2, 3, {}).linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 1, "a").refused().read(2, 3, "a").linear(), Linear::no);
}

TEST(Linearize, SwapsAndDeletesSayWhatWasThere) {
  EXPECT_EQ(Told().swap(0, 1, {}, "a", true).swap(2, 3, "a", "b", true).read(4, 5, "b").linear(), Linear::yes);
  EXPECT_EQ(Told().swap(0, 5, {}, "a", true).swap(0, 5, {}, "b", true).linear(), Linear::no) << "both of one value";
  EXPECT_EQ(Told().swap(0, 5, {}, "a", true).swap(0, 5, {}, "b", false, "a").linear(), Linear::yes);
  EXPECT_EQ(Told().swap(0, 5, {}, "a", true).swap(0, 5, {}, "b", false, "c").linear(), Linear::no) << "held nothing so";
  EXPECT_EQ(Told().write(0, 1, "a").swap(2, 3, "a", {}, true).erase(4, 5, false).linear(), Linear::yes);
  EXPECT_EQ(Told().write(0, 1, "a").erase(2, 3, false).linear(), Linear::no);
  EXPECT_EQ(Told().erase(0, 1, true).linear(), Linear::no);
}

TEST(Linearize, KeysAndGroupsAreObjectsOfTheirOwn) {
  Told told;
  told.write(0, 1, "a").of("x", 1).read(2, 3, {}).of("x", 2).read(2, 3, {}).of("y", 1);
  EXPECT_EQ(told.linear(), Linear::yes);
  EXPECT_EQ(told.judged().keys, 3u);
  told.read(4, 5, {}).of("x", 1);
  const auto judged = told.judged();
  EXPECT_EQ(judged.linear, Linear::no);
  EXPECT_THAT(judged.detail, HasSubstr("group 1, key x: the answer to call 3 of client 3 (read: none)"));
}

TEST(Linearize, AViolationSaysWhatCanNotBeAndWhatLedUpToIt) {
  const auto judged = Told()
                          .write(0, 1, "a")
                          .write(2'000'000, 9'000'000, "b")
                          .read(4'000'000, 5'000'000, "b")
                          .read(6'000'000, 7'000'000, "a")
                          .judged();
  EXPECT_EQ(judged.linear, Linear::no);
  EXPECT_EQ(judged.detail,
            "key k: the answer to call 3 of client 3 (read: a) fits no order of the 2 answers before it, after which "
            "the key may hold b");
  EXPECT_EQ(judged.explanation,
            "  call  client  from .. to (ms)  asked    answered\n"
            "  0     0       0.000 .. 0.000   write a  done\n"
            "  1     1       2.000 .. 9.000   write b  done\n"
            "  2     2       4.000 .. 5.000   read     b\n"
            "> 3     3       6.000 .. 7.000   read     a\n");
}

TEST(Linearize, AViolationIsDrawnClientByClient) {
  auto told = Told()
                  .write(0, 1, "a")
                  .write(2'000'000, 9'000'000, std::string(20, 'b'))
                  .read(4'000'000, 5'000'000, std::string(20, 'b'))
                  .read(6'000'000, 7'000'000, "a");
  const auto judged = told.judged();
  ASSERT_EQ(judged.seen.size(), 4u);
  EXPECT_TRUE(judged.seen[3].wrong);
  EXPECT_THAT(
      linear_timeline(judged.seen, 10),
      testing::ElementsAre("what clients saw (v1 bbbbbbbbbbbbbbbbbbbb):",  //
                           "client 0  [write a: done]", "client 1                 [write v1: done-----]",
                           "client 2                  [read: v1]", "client 3                            >read: a<"));
  EXPECT_THAT(linear_timeline(judged.seen, 3), testing::SizeIs(3)) << "the newest, and the wrong one";
  EXPECT_THAT(linear_timeline(judged.seen, 3).back(), HasSubstr(">read: a<"));
}

// Fifteen writes at once, and reads that contradict each other: every order has to be looked at.
Told wide() {
  Told told;
  for (u64 i = 0; i < 15; ++i) told.write(0, 100, std::to_string(i));
  return told.read(1, 2, "0").read(3, 4, "1").read(5, 6, "0");
}

TEST(Linearize, BeyondABoundNothingIsSaid) {
  EXPECT_EQ(wide().linear(), Linear::no);
  const auto few = wide().judged({.configurations_max = 1000});
  EXPECT_EQ(few.linear, Linear::inconclusive);
  EXPECT_THAT(few.detail, HasSubstr("key k: neither an order nor the lack of one was found within 1000 cached"));
  EXPECT_EQ(wide().judged({.work_max = 1000}).linear, Linear::inconclusive);
  Told crowd;
  for (u64 i = 0; i < 65; ++i) crowd.write(0, 100, std::to_string(i));
  EXPECT_EQ(crowd.linear(), Linear::inconclusive);
  EXPECT_THAT(crowd.judged().detail, HasSubstr("more than 64 operations are under way at once"));
}

TEST(Linearize, AViolationIsToldBeforeAnInconclusiveKey) {
  Told told = wide();
  told.write(0, 1, "a").of("z").read(2, 3, "b").of("z");
  const auto judged = told.judged({.configurations_max = 1000});
  EXPECT_EQ(judged.linear, Linear::no);
  EXPECT_THAT(judged.detail, HasSubstr("key z"));
}

// Writes of which nobody knows whether they happened, some of which are seen.
Told many_lost(u64 read_twice) {
  Told told;
  for (u64 i = 0; i < 400; ++i) {
    told.lost_write(i * 10, "lost " + std::to_string(i));
    told.write(i * 10 + 1, i * 10 + 2, std::to_string(i));
    told.read(i * 10 + 3, i * 10 + 4, i % 3 ? std::to_string(i) : "lost " + std::to_string(i / 2));
  }
  if (read_twice) told.read(20'000, 20'001, "lost " + std::to_string(read_twice));
  return told;
}

TEST(Linearize, ManyUnknownOutcomesStayCheap) {
  EXPECT_EQ(many_lost(0).linear(), Linear::yes);
  EXPECT_EQ(many_lost(150).linear(), Linear::no) << "read before, and over-written";
  EXPECT_EQ(many_lost(149).linear(), Linear::yes) << "not read before";
}

}  // namespace
}  // namespace keelson::sim
