// Idle groups: nobody speaks of them, and yet nobody is left without a primary.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

constexpr Duration nap = milliseconds(300);  // more than enough to fall asleep

struct Story {
  Cluster c;
  explicit Story(u16 replicas = 3, u32 groups = 1) : c(Cluster::of(replicas, shape(groups))) {}
  static Shape shape(u32 groups) {
    Shape shape;
    shape.groups = groups;
    shape.quiesce_after = milliseconds(100);
    return shape;
  }
  u32 sleepers() {
    u32 count = 0;
    for (u16 n = 0; n < c.parts().world.population().nodes; ++n)
      if (!c.down(node(n))) count += c.view(node(n)).quiet;
    return count;
  }
  Story& fall_asleep(u32 backups = 2) {
    c.request("a").expect_reply();
    c.run_for(nap);
    c.expect_that(sleepers() == backups, "the backups sleep");
    return *this;
  }
  u64 entries() {
    u64 sum = 0;
    for (u16 n = 0; n < c.parts().world.population().nodes; ++n) sum += c.count(node(n), Counter::entries_sent);
    return sum;
  }
};

TEST(Quiet, NobodySpeaksOfAnIdleGroup) {
  Story s;
  s.fall_asleep();
  // The metadata group sleeps, too.
  const u64 before = s.entries();
  s.c.run_for(seconds(2));
  s.c.expect_that(s.entries() == before, "no entries");
  s.c.expect_view(0).on(all);
}

TEST(Quiet, ARequestWakesAll) {
  Story s;
  s.fall_asleep();
  s.c.request("b").expect_reply();
  s.c.run();
  s.c.expect_that(s.sleepers() == 0, "awake");
  s.c.expect_log({"a", "b"}).on(all);
  s.c.run_for(nap);
  s.c.expect_that(s.sleepers() == 2, "and asleep again");
}

TEST(Quiet, TheOthersNoticeThatThePrimaryIsGone) {
  Story s;
  s.fall_asleep();
  const Who old = s.c.pin(primary);
  s.c.crash(old).run_until_normal();
  s.c.expect_view(1).on(live);
  s.c.expect_mark(Mark::vsr_woke_from_silence);
  s.c.restart(old).run_until_normal();
  s.c.request("b").expect_reply();
  s.c.run().expect_log({"a", "b"}).on(all);
}

TEST(Quiet, TheOthersNoticeThatThePrimaryBeganAnew) {
  Story s;
  s.fall_asleep();
  const Who old = s.c.pin(primary);
  s.c.crash(old).restart(old).run_until_normal();
  s.c.expect_view(1).on(all);
  s.c.request("b").expect_reply();
}

TEST(Quiet, ABackupThatBeginsAnewChangesNoView) {
  Story s;
  s.fall_asleep();
  const Who one = s.c.pin(backup(1));
  s.c.crash(one).run_for(nap);
  s.c.restart(one).run_until_normal();
  s.c.run_for(nap);
  s.c.expect_view(0).on(all);
  s.c.expect_that(s.c.count(one, Counter::votes_cast) == 0, "it heard of the primary in time");
  s.c.expect_that(s.sleepers() == 2, "both sleep again");
}

// Nobody asks for anything: the fenced primary itself has to say that it leads no more.
TEST(Quiet, AFencedPrimaryWakesTheOthers) {
  Story s(3, 2);
  s.fall_asleep();
  s.c.failing_disk(node(0)).use(GroupId(2)).request("x");  // which it stores as a backup
  s.c.use(GroupId(1)).run_until([&] { return s.c.view(node(0)).fenced == FenceReason::poisoned; }, "a failed write");
  s.c.run_until_normal();
  for (const Who who : {node(1), node(2)}) s.c.expect_view(1).on(who);
}

TEST(Quiet, WhoIsCutOffWakesAloneAndChangesNoView) {
  Story s;
  s.fall_asleep();
  const Who one = s.c.pin(backup(1));
  s.c.cut_off(one).run_for(nap);
  s.c.expect_that(!s.c.view(one).quiet, "it hears no beats");
  s.c.heal().run_for(nap * 2);
  s.c.expect_view(0).on(all);
  s.c.expect_that(s.sleepers() == 2, "and sleeps again");
}

TEST(Quiet, NobodySleepsWhoLacksAnOp) {
  Story s;
  const Who one = s.c.pin(backup(1));
  s.c.block(all, one, {Command::prepare, Command::headers});
  s.c.request("a").expect_reply();
  s.c.run_for(nap);
  s.c.expect_that(!s.c.view(one).quiet && s.sleepers() == 1, "the one with the op sleeps");
  s.c.unblock().run_for(nap);
  s.c.expect_that(s.sleepers() == 2, "both");
}

TEST(Quiet, AnOldOfferPutsNobodyToSleep) {
  Story s;
  const Recorded offers = s.c.record(primary, backup(1), Command::entries);
  s.fall_asleep();
  const Who one = s.c.pin(backup(1));
  s.c.expect_that(!offers->empty(), "an offer");
  const Message old = offers->back();
  s.c.request("b").expect_reply();
  s.c.run().replay(old).run();
  s.c.expect_that(!s.c.view(one).quiet, "still awake");
}

TEST(Quiet, LostAnswersAreAskedForAgain) {
  Story s;
  s.c.block(backup(1), primary, Command::entries);
  s.c.request("a").expect_reply();
  s.c.run_for(nap);
  s.c.expect_that(s.sleepers() == 2, "it sleeps, and can't say so");
  const u64 before = s.entries();
  s.c.unblock().run_for(nap * 2);
  s.c.expect_that(s.entries() > before, "the offer came again");
  const u64 after = s.entries();
  s.c.run_for(nap);
  s.c.expect_that(s.entries() == after, "and was answered");
}

TEST(Quiet, TwoAndSixReplicas) {
  for (const u16 replicas : {u16{2}, u16{6}}) {
    Story s(replicas);
    s.fall_asleep(replicas - 1u);
    if (replicas == 2) continue;
    s.c.crash(s.c.pin(primary)).run_until_normal();
    s.c.expect_view(1).on(live);
  }
}

}  // namespace
}  // namespace keelson::test
