// Strict while a voter is missing: two of three that lose their power in the middle of a write know by themselves that
// what is torn was never acked (docs/decisions/0017-strict-while-a-voter-is-missing.md).
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

// The third is gone. The primary dies while "c" lies on its disk, un-marked, and nowhere else.
struct TwoOfThree {
  Cluster c{{.replicas = 3, .clients = 2}};
  Who first = c.pin(primary);
  Who other = c.pin(backup(1));
  Who third = c.pin(backup(2));

  explicit TwoOfThree(Duration missing) {
    c.request("a").expect_reply().run();
    c.crash(third).run_for(missing);
    c.request("b").expect_reply().run();
    c.block(first, other, Command::prepare);
    c.crash_on(first, writing(Command::prepare), Moment::after, CrashKind::power);
    c.request("c", client(1)).run_for(milliseconds(5)).run_until_down(first);
    c.unblock();
  }
  void goes_on() {
    c.restart(first).run_until_normal();
    c.expect_reply("c");  // asked again by its client
    c.request("d").expect_reply();
    c.restart(third).run_until_normal();
    c.expect_log({"a", "b", "c", "d"}).on(all);
  }
  void waits_for_the_third() {
    c.restart(first).run_for(seconds(1));
    c.expect_no_reply("c");
    c.restart(third).run_until_normal();
    c.expect_reply("c");
  }
};

constexpr Duration long_enough = milliseconds(2200);  // tiny misses a voter after two seconds
constexpr Duration too_short = milliseconds(1500);

TEST(StrictWhileAVoterIsMissing, ATornRecordIsNotWaitedFor) {
  TwoOfThree story(long_enough);
  story.c.corrupt(story.first, record(3));
  story.goes_on();
  story.c.expect_mark(Mark::recovery_row_7_suspect);
}

TEST(StrictWhileAVoterIsMissing, ATornRecordAndItsEntryAreNotWaitedFor) {
  TwoOfThree story(long_enough);
  story.c.corrupt(story.first, record(3)).corrupt(story.first, entry(3));
  story.goes_on();
  story.c.expect_mark(Mark::recovery_row_8_strict);
}

TEST(StrictWhileAVoterIsMissing, NotYetMissedItIsWaitedFor) {
  TwoOfThree story(too_short);
  story.c.corrupt(story.first, record(3)).corrupt(story.first, entry(3));
  story.waits_for_the_third();
  story.c.expect_no_mark(Mark::recovery_row_8_strict);
}

// What was acked while it was strict is marked: its loss is a loss.
TEST(StrictWhileAVoterIsMissing, DamageToWhatWasAckedIsNoTear) {
  TwoOfThree story(long_enough);
  auto& c = story.c;
  c.corrupt(story.first, record(2)).corrupt(story.first, record(3)).corrupt(story.first, entry(3));
  story.goes_on();
  c.expect_mark(Mark::recovery_row_3_lost);
}

TEST(StrictWhileAVoterIsMissing, ItEndsWhenAllAreHeardAgain) {
  auto c = Cluster::of(3);
  const Who first = c.pin(primary);
  const Who third = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.crash(third).run_for(long_enough);
  c.expect_that(c.count(first, Counter::strict_began) == 1, "it misses the third");
  c.request("b").expect_reply().run();
  c.restart(third).run_until_normal();
  c.request("c").expect_reply().run();
  c.request("d").expect_reply().run();
  c.expect_that(c.count(first, Counter::strict_ended) == 1, "it hears the third");
  c.expect_that(c.count(third, Counter::strict_began) == 0, "the third hears all");
  // An acked record is no tear again: the old rows hold.
  const Who other = c.pin(backup(1));
  c.crash_on(other, writing(Command::prepare), Moment::after, CrashKind::power);
  c.request("e").run_for(milliseconds(5)).run_until_down(other);
  c.corrupt(other, record(5)).corrupt(other, entry(5));
  c.restart(other).run_until_normal();
  c.expect_log({"a", "b", "c", "d", "e"}).on(all);
  c.expect_mark(Mark::recovery_row_8_head_unknown).expect_no_mark(Mark::recovery_row_8_strict);
}

}  // namespace
}  // namespace keelson::test
