// Requests become prepares, prepares are stored by a quorum, committed, learned and applied (VSR Revisited,
// section 4.1).
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

TEST(NormalOperation, OneReplicaRestartsAndAnswersAsBefore) {
  auto c = Cluster::of(1);
  c.request("a").expect_reply();
  c.request("b").expect_reply();
  c.crash(primary, CrashKind::power);
  c.restart(primary).run_until_normal();
  c.expect_log({"a", "b"}).on(primary);
  c.get("a").expect_value("a");
  c.request("c").expect_reply();
}

TEST(NormalOperation, ACommitNeedsTheAckOfOneBackupNotOfBoth) {
  auto c = Cluster::of(3);
  c.block(primary, backup(2), Command::prepare);
  c.request("a").expect_reply();
  c.expect_head(0).on(backup(2));

  c.block(primary, backup(1), Command::prepare);
  c.request("b").run();
  c.expect_commit(1).on(primary).expect_head(2).on(primary).expect_no_reply("b");

  c.unblock();
  c.expect_reply("b");
  c.run_until_normal().expect_log({"a", "b"}).on(all);
}

TEST(NormalOperation, TwoReplicasCommitOnlyTogether) {
  auto c = Cluster::of(2);
  c.request("a").expect_reply();
  c.crash(backup(1));
  c.request("b").run();
  c.expect_commit(1).on(primary).expect_no_reply("b");
  c.restart(backup(1)).expect_reply("b");
}

TEST(NormalOperation, FourReplicasCommitWithThePrimaryAndOneBackup) {
  auto c = Cluster::of(4);
  c.crash({backup(2), backup(3)});
  c.request("a").expect_reply();
  c.crash(backup(1));
  c.request("b").run();
  c.expect_commit(1).on(primary).expect_no_reply("b");
}

TEST(NormalOperation, SixReplicasCommitWithThePrimaryAndTwoBackups) {
  auto c = Cluster::of(6);
  c.crash({backup(3), backup(4), backup(5)});
  c.request("a").expect_reply();
  c.crash(backup(2));
  c.request("b").run();
  c.expect_commit(1).on(primary).expect_no_reply("b");
}

TEST(NormalOperation, ABackupLearnsACommitFromTheNextPrepare) {
  auto c = Cluster::of(3);
  c.block(primary, backups, Command::beat);
  c.request("a").expect_reply();
  c.run_for(milliseconds(5));
  c.expect_commit(1).on(primary).expect_commit(0).on(backups);
  c.request("b").expect_reply();
  c.run_for(milliseconds(1));
  c.expect_commit(2).on(primary).expect_commit(1).on(backups);
}

TEST(NormalOperation, AnIdleBackupLearnsACommitFromABeat) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run();
  c.expect_commit(1).on(all);
}

TEST(NormalOperation, PreparesInReverseOrderAreCommittedInOrder) {
  auto c = Cluster::of(3, {.clients = 3});
  const auto held = c.capture(primary, backups, Command::prepare);
  c.request("a", client(0)).run_for(milliseconds(1));
  c.request("b", client(1)).run_for(milliseconds(1));
  c.request("c", client(2)).run_for(milliseconds(1));
  c.unblock();
  for (auto message = held->rbegin(); message != held->rend(); ++message) c.replay(*message).run_for(microseconds(300));
  for (const auto* name : {"a", "b", "c"}) c.expect_reply(name);
  c.run().expect_log({"a", "b", "c"}).on(all);
  c.expect_mark(Mark::vsr_gap_in_prepares);
}

TEST(NormalOperation, AGapIsFilledByAskingForItsHeadersAndBodies) {
  auto c = Cluster::of(3);
  c.block(primary, backup(2), Command::prepare);
  c.request("a").expect_reply();
  c.request("b").expect_reply();
  c.unblock();
  c.request("c").expect_reply();
  c.run().run();
  c.expect_log({"a", "b", "c"}).on(all);
  c.expect_mark(Mark::vsr_header_repair).expect_mark(Mark::vsr_body_repair);
}

TEST(NormalOperation, ADuplicatePrepareIsAckedAgainButWrittenOnce) {
  auto c = Cluster::of(3);
  const auto prepares = c.record(primary, backup(1), Command::prepare);
  const auto acks = c.record(backup(1), primary, Command::prepare_ok);
  c.request("a").expect_reply();
  c.run();
  const u64 batches = c.count(backup(1), Counter::wal_batches);
  const u64 acked = acks->size();
  c.replay(prepares->at(0)).replay(prepares->at(0)).run();
  c.expect_that(acks->size() > acked, "another ack");
  c.expect_that(c.count(backup(1), Counter::wal_batches) == batches, "nothing more to be written");
  c.expect_commit(1).on(all);
}

TEST(NormalOperation, ADuplicatePrepareOkCountsOnce) {
  auto c = Cluster::of(5);
  const auto acks = c.record(backup(1), primary, Command::prepare_ok);
  c.block(primary, {backup(2), backup(3), backup(4)}, Command::prepare);
  c.request("a").run();
  for (int i = 0; i < 3; ++i) c.replay(acks->at(0)).run_for(milliseconds(1));
  c.expect_commit(0).on(primary).expect_no_reply("a");
  c.unblock().expect_reply("a");
}

// The op is the same, and so is who has it; but only an ack in this view says that its giver will not forget it.
TEST(NormalOperation, AnAckOfAnOldViewDoesNotCountInTheNewOne) {
  auto c = Cluster::of(5);
  c.block(node(0), node(4), Command::prepare);
  const auto acks = c.capture({node(2), node(3)}, node(0), Command::prepare_ok);
  c.block(all, all, Command::prepare_ok);
  c.request("a").run();
  c.crash(node(0)).run_until_normal();
  c.expect_primary(node(1)).expect_head(1).on(live).expect_commit(0).on(live);
  for (Message ack : *acks) {
    ack.to = c.world().population().unit_of(NodeId(1), ShardId(0));
    c.replay(ack);
  }
  c.run_for(milliseconds(1)).expect_commit(0).on(node(1));
  c.unblock().expect_reply("a");
}

TEST(NormalOperation, AMessageOfAnEarlierLifeOfItsNodeIsDropped) {
  auto c = Cluster::of(3);
  const auto acks = c.record(backup(1), primary, Command::prepare_ok);
  c.request("a").expect_reply();
  const Who backup1 = c.pin(backup(1));
  c.run().crash(backup1).restart(backup1).run_until_normal();
  const u64 dropped = c.count(primary, Counter::drop_old_life);
  c.replay(acks->at(0)).run_for(milliseconds(1));
  c.expect_that(c.count(primary, Counter::drop_old_life) == dropped + 1, "an ack of a former life to be dropped");
}

TEST(NormalOperation, ConnectionsThatBreakAndComeBackChangeNoView) {
  auto c = Cluster::of(3, {.standard_limits = true});  // tiny's patience is shorter than dialing again takes
  for (int i = 0; i < 5; ++i) {
    c.reset(primary, backup(1)).reset(primary, backup(2));
    c.run_for(milliseconds(400)).expect_view(0).on(all).expect_status(ReplicaStatus::normal).on(all);
    c.request("r" + std::to_string(i)).expect_reply();
  }
  c.run().expect_log({"r0", "r1", "r2", "r3", "r4"}).on(all);
}

TEST(NormalOperation, AFullPipelineMakesTheNextRequestWait) {
  auto c = Cluster::of(3, {.clients = 4});
  const auto prepares = c.capture(primary, backup(1), Command::prepare);
  c.block(primary, backup(2), Command::prepare);
  for (u16 i = 0; i < 4; ++i) c.request("r" + std::to_string(i), client(i)).run_for(milliseconds(1));
  c.expect_head(4).on(primary).expect_mark(Mark::vsr_pipeline_full);
  c.request("waits", client(3)).run_for(milliseconds(1));
  c.expect_head(4).on(primary);
  c.unblock().expect_reply("waits");
  c.run().expect_log({"r0", "r1", "r2", "r3", "waits"}).on(all);
}

TEST(NormalOperation, RequestsThatWaitTogetherMakeOnePrepareAndOneWrite) {
  auto c = Cluster::of(3, {.clients = 10, .standard_limits = true});
  c.pause(primary);
  for (u16 i = 0; i < 10; ++i) c.request("r" + std::to_string(i), client(i));
  c.run_for(milliseconds(1));
  const u64 batches = c.count(primary, Counter::wal_batches);
  const u64 formed = c.count(primary, Counter::prepares_formed);
  const auto prepares = c.record(primary, backups, Command::prepare);
  c.resume(primary).run();
  for (u16 i = 0; i < 10; ++i) c.expect_reply("r" + std::to_string(i));
  c.expect_head(1).on(primary);
  c.expect_that(prepares->size() == 2, "one prepare to each backup");
  c.expect_that(c.count(primary, Counter::prepares_formed) == formed + 1, "one prepare");
  c.expect_that(c.count(primary, Counter::wal_batches) == batches + 1, "one batch written");
}

TEST(NormalOperation, ABackupTellsAClientWhoIsPrimary) {
  auto c = Cluster::of(3, {.clients = 2});
  const auto asked = c.record(client(1), backups, Command::request);
  c.cut_off_clients(primary);
  c.request("a", client(1)).run_for(milliseconds(200));
  c.expect_that(!asked->empty(), "a backup to be asked").expect_no_reply("a");
  c.expect_that(c.answers().back().reply.hint_primary == c.id(primary), "the primary's name in the refusal");
  c.heal().expect_reply("a");
}

TEST(NormalOperation, APrimaryWithASlowDiskCommitsOnItsBackupsDisks) {
  auto c = Cluster::of(3);
  c.slow_disk(primary, milliseconds(10));
  c.request("a").expect_reply();
  c.expect_mark(Mark::vsr_commit_before_own_disk);
  c.good_disk(primary).run_for(milliseconds(50));
  c.expect_log({"a"}).on(all);
}

// ---------------------------------------------------------------- a backup is cut off, the other two go on

void two_of_three_commit(Direction direction) {
  auto c = Cluster::of(3);
  const Who lost = c.pin(backup(2));
  c.cut_off(lost, direction);
  c.request("a").expect_reply();
  c.run_for(milliseconds(300));
  c.request("b").expect_reply();
  c.expect_view(0).on(primary);
  c.heal().run_for(milliseconds(300)).run_until_normal();
  c.expect_log({"a", "b"}).on(all);
}

TEST(NormalOperation, ABackupThatIsCutOffDelaysNobody) { two_of_three_commit(Direction::both); }
TEST(NormalOperation, ABackupThatHearsNobodyDelaysNobody) { two_of_three_commit(Direction::inbound); }
TEST(NormalOperation, ABackupThatNobodyHearsDelaysNobody) { two_of_three_commit(Direction::outbound); }

TEST(NormalOperation, AQuarterOfAllMessagesIsLostAndEverythingIsAnswered) {
  auto c = Cluster::of(3, {.clients = 2});
  c.block_if([state = u64{1}](const Message&) mutable {
    state = state * 6364136223846793005 + 1442695040888963407;
    return state >> 62 == 0;
  });
  std::vector<std::string> names;
  for (u16 i = 0; i < 10; ++i) c.request(names.emplace_back("r" + std::to_string(i)), client(i % 2)).expect_reply();
  c.unblock().run_until_normal().run_for(milliseconds(100));
  c.expect_log(names).on(all);
}

TEST(NormalOperation, AnIdleClusterStaysInItsView) {
  auto c = Cluster::of(3);
  c.run_for(seconds(2));
  c.expect_view(0).on(all).expect_status(ReplicaStatus::normal).on(all).expect_head(0).on(all);
}

TEST(NormalOperation, AWallClockThatJumpsBackAnHourLeavesTimestampsInOrder) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.step_wall_clock(primary, -3'600'000'000'000);
  c.request("b").expect_reply();
  c.run_for(milliseconds(500));
  c.request("c").expect_reply();
  c.crash(primary).run_until_normal();
  c.request("d").expect_reply();
  c.run().expect_log({"a", "b", "c", "d"}).on(live);  // the commits checker compares the timestamps
}

TEST(NormalOperation, SeveralGroupsHaveSeveralPrimariesAndOneLogEach) {
  auto c = Cluster::of(3, {.groups = 3});
  for (u64 g = 1; g <= 3; ++g) c.use(GroupId(g)).request("g" + std::to_string(g)).expect_reply();
  c.run();
  for (u64 g = 1; g <= 3; ++g) c.use(GroupId(g)).expect_log({"g" + std::to_string(g)}).on(all);
  c.use(GroupId(1)).expect_primary(node(0)).use(GroupId(2)).expect_primary(node(1));
  c.use(GroupId(2)).crash(node(1)).run_until_normal();
  c.request("more").expect_reply();
  c.run().expect_log({"g2", "more"}).on(live).expect_view(1).on(live);
  c.use(GroupId(1)).expect_view(0).on(live);
}

}  // namespace
}  // namespace keelson::test
