// A disk that is put back as it was some time ago: its node made promises since, and doesn't know of them.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

constexpr Duration some_beats = milliseconds(300);

TEST(OldDisk, ItsNodeIsToldAndTakesNoPartAnyMore) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.save_disk(victim);
  c.request("b").expect_reply().run();
  c.crash(victim).restore_disk(victim).restart(victim).run_for(some_beats);
  c.expect_fenced(FenceReason::amnesiac).on(victim).expect_notified(NotifyKind::old_disk).on(victim);
  c.request("c").expect_reply().run();
  c.expect_log({"a", "b", "c"}).on({primary, backup(1)});
}

// "b" is on the primary and on the victim when the third replica can't hear; then the victim gets its old disk, and
// before it knows, the primary is gone.
TEST(OldDisk, ItsVoteDoesNotCountForThoseWhoWereTold) {
  auto c = Cluster::of(3);
  const Who first = c.pin(primary);
  const Who victim = c.pin(backup(1));
  const Who third = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.save_disk(victim);
  c.block({first, victim}, third, {Command::prepare, Command::start_view, Command::headers});
  c.request("b").expect_reply().run_for(some_beats);  // the third hears of the victim's disk with its beats
  c.crash(victim).restore_disk(victim);
  c.crash(first).unblock().restart(victim).run_for(seconds(2));
  c.expect_fenced(FenceReason::amnesiac).on(victim).expect_head(1).on(third);
  c.restart(first).run_until_normal();
  c.expect_log({"a", "b"}).on({first, third});
}

TEST(OldDisk, ItIsSaidOnTheDiskToo) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.save_disk(victim);
  c.request("b").expect_reply().run();
  c.crash(victim).restore_disk(victim).restart(victim).run_for(some_beats);
  c.crash({node(0), node(1), node(2)});  // whoever was told has forgotten
  c.restart({node(0), node(1), node(2)}).run_for(some_beats);
  c.expect_fenced(FenceReason::amnesiac).on(victim);
  c.request("c").expect_reply();
}

// The copy of a stopped node's file. Its life has the number of the one that began from that file before, and begins at
// the same batch: what peers know of the one must not pass for the other.
TEST(OldDisk, TwoLivesThatBeganFromOneFileAreNotTheSame) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.crash(victim).save_disk(victim).restart(victim).run_until_normal();
  c.request("b").expect_reply().run_for(some_beats);
  c.crash(victim).restore_disk(victim).restart(victim).run_for(some_beats);
  c.expect_fenced(FenceReason::amnesiac).on(victim).expect_notified(NotifyKind::old_disk).on(victim);
  c.request("c").expect_reply().run();
  c.expect_log({"a", "b", "c"}).on({primary, backup(1)});
}

TEST(OldDisk, ACopyOfTheNewestOneIsAsGood) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.request("a").expect_reply();
  c.request("b").expect_reply().run();
  c.crash(victim).save_disk(victim).restore_disk(victim).restart(victim).run_until_normal();
  c.request("c").expect_reply().run();
  c.expect_log({"a", "b", "c"}).on(all).expect_not_notified(NotifyKind::old_disk).on(victim);
}

// Its incarnations are above those of the former one: what that one left on the network comes from an older life.
TEST(OldDisk, ABlankOneOfTheNextGenerationIsNoOldOne) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.crash(victim).replace_disk(victim).restart(victim).run_for(some_beats);
  c.expect_fenced(FenceReason::amnesiac).on(victim).expect_not_notified(NotifyKind::old_disk).on(victim);
  c.expect_that(c.count(node(0), Counter::drop_old_life) == 0, "a life of its own");
}

}  // namespace
}  // namespace keelson::test
