// Damage on disks: what was promised is never taken for absent, and what never was is not waited for (docs/storage.md).
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

// A backup dies while "b" lies on its disk, unmarked; what the disk then shows of it is up to the story.
struct Torn {
  Cluster c{{.replicas = 3, .clients = 2}};
  Who victim = c.pin(backup(1));

  Torn() {
    c.request("a", client(0)).expect_reply();
    c.run().crash_on(victim, writing(Command::prepare), Moment::after, CrashKind::power);
    c.request("b", client(1)).run_for(milliseconds(5)).run_until_down(victim);
  }
  void comes_back_with_everything() {
    c.restart(victim).run_until_normal();
    c.expect_log({"a", "b"}).on(all);
    c.request("c").expect_reply();
    c.run().expect_log({"a", "b", "c"}).on(all);
  }
};

TEST(TornTail, ARecordThatWasNeverWrittenIsDropped) {
  Torn story;
  story.c.unwrite(story.victim, record(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_5_torn_old);
}

TEST(TornTail, ADamagedRecordWithoutAnEntryIsDropped) {
  Torn story;
  story.c.corrupt(story.victim, record(2)).unwrite(story.victim, entry(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_6_torn_no_entry);
}

TEST(TornTail, ADamagedRecordWithAnEntryIsSuspect) {
  Torn story;
  story.c.corrupt(story.victim, record(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_7_suspect);
}

TEST(TornTail, DamageToRecordAndEntryLeavesTheHeadUnknownUntilThePrimaryTells) {
  Torn story;
  story.c.corrupt(story.victim, record(2));
  story.c.corrupt(story.victim, entry(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_8_head_unknown);
}

TEST(TornTail, AnIntactRecordWithoutAnEntryIsKeptAndItsEntryWrittenAgain) {
  Torn story;
  story.c.unwrite(story.victim, entry(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_2_rewrite_entry);
}

TEST(TornTail, AnUnreadableSectorIsDamage) {
  Torn story;
  story.c.unreadable(story.victim, record(2));
  story.comes_back_with_everything();
  story.c.expect_mark(Mark::recovery_row_7_suspect);
}

// Damage within one op, found by three plain restarts in a row: the verdict stays what it was.
TEST(TornTail, StaysTornOverFurtherCrashes) {
  Torn story;
  auto& c = story.c;
  c.unwrite(story.victim, record(2)).cut_off(story.victim);
  for (int i = 0; i < 3; ++i) c.restart(story.victim).run().crash(story.victim, CrashKind::power);
  c.heal();
  story.comes_back_with_everything();
  c.expect_no_mark(Mark::recovery_row_3_lost).expect_no_mark(Mark::recovery_row_4_amnesiac);
}

TEST(HeadUnknown, VotesAndWaitsAndHearsOnlyItsOwnQuestionAnswered) {
  Torn story;
  auto& c = story.c;
  const auto answers = c.record(all, story.victim, Command::start_view);
  c.corrupt(story.victim, record(2)).corrupt(story.victim, entry(2));
  c.block({node(0), node(2)}, story.victim, {Command::start_view, Command::prepare});
  c.restart(story.victim).run_for(milliseconds(100));
  c.expect_recovering(RecoveringReason::head_unknown).on(story.victim);
  // What another life of it was once told is no answer.
  c.expect_that(!answers->empty(), "an answer that was lost");
  const Message stale = altered<StartView>(answers->at(0), [](StartView& start) { start.nonce.lo ^= 4; });
  c.replay(stale).run_for(milliseconds(1));
  c.expect_recovering(RecoveringReason::head_unknown).on(story.victim);
  c.unblock();
  c.run_until_normal().expect_log({"a", "b"}).on(all);
}

// "b" is committed on the disks of the old primary and the victim. The victim loses it without knowing what it lost,
// votes, and crashes again: its promise must not make it certain, or it and the third replica would forget "b".
TEST(HeadUnknown, OutlivesAPromiseAndACrash) {
  auto c = Cluster::of(3);
  const Who first = c.pin(primary);
  const Who victim = c.pin(backup(1));
  const Who third = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.block(first, third, Command::prepare);
  c.request("b").expect_reply();
  c.crash(all).unblock();
  c.corrupt(victim, record(2)).corrupt(victim, entry(2));
  c.restart({victim, third}).run_for(milliseconds(300));
  c.expect_mark(Mark::recovery_row_8_head_unknown);
  c.crash(victim).restart(victim).run_for(milliseconds(500));
  c.expect_no_mark(Mark::vsr_view_change_truncates);
  c.restart(first).run_until_normal();
  c.expect_log({"a", "b"}).on(all);
}

// ---------------------------------------------------------------- what may be forgotten, and what not

// "b" lies on the disks of the old primary and backup 1, acked by nobody; `hurt` happens while both are down.
struct TwoCopies {
  Cluster c{{.replicas = 3, .clients = 2}};
  Who first = c.pin(primary);
  Who second = c.pin(backup(1));
  Who blank = c.pin(backup(2));

  TwoCopies() {
    c.request("a", client(0)).expect_reply();
    c.run().block(first, blank, Command::prepare).block(second, first, Command::prepare_ok);
    c.request("b", client(1)).run_for(milliseconds(10));
    c.expect_head(2).on({first, second}).expect_head(1).on(blank);
    c.crash_client(client(1)).crash(all).unblock();
  }
};

TEST(Nack, ADamagedCopyIsNoNackSoTheThirdReplicaIsWaitedFor) {
  TwoCopies story;
  auto& c = story.c;
  c.corrupt(story.second, record(2));
  c.restart({story.second, story.blank}).run_for(milliseconds(500));
  c.expect_status(ReplicaStatus::view_change).on({story.second, story.blank});
  c.restart(story.first).run_until_normal();
  c.expect_log({"a", "b"}).on(all);
}

// A record that is damaged and was never marked was probably not acked; probably is not enough.
TEST(Nack, ASuspectCopyIsNoNackEither) {
  auto c = Cluster::of(3, {.clients = 2});
  c.request("a", client(0)).expect_reply();
  c.run().block(node(0), node(2), Command::prepare).block(node(1), node(0), Command::prepare_ok);
  c.crash_on(node(1), writing(Command::prepare), Moment::after, CrashKind::power);
  c.request("b", client(1)).run_for(milliseconds(5)).run_until_down(node(1));
  c.corrupt(node(1), record(2)).crash_client(client(1)).crash({node(0), node(2)}).unblock();
  c.restart({node(1), node(2)}).run_for(milliseconds(500));
  c.expect_mark(Mark::recovery_row_7_suspect).expect_status(ReplicaStatus::view_change).on({node(1), node(2)});
  c.restart(node(0)).run_until_normal();
  c.expect_log({"a", "b"}).on(all);
}

// Two suspect copies and one that never was: by the word of all three nobody can have acked it.
TEST(Nack, AllVotersTogetherForgetAnOpThatNobodyHoldsAnyMore) {
  auto c = Cluster::of(3, {.clients = 2});
  c.request("a", client(0)).expect_reply();
  c.run().block(node(0), node(2), Command::prepare);
  for (const Who who : {node(0), node(1)}) c.crash_on(who, writing(Command::prepare), Moment::after, CrashKind::power);
  c.request("b", client(1)).run_for(milliseconds(5)).run_until_down(node(0)).run_until_down(node(1));
  c.corrupt({node(0), node(1)}, record(2)).crash_client(client(1)).crash(node(2)).unblock();
  c.restart({node(1), node(2)}).run_for(milliseconds(300)).expect_status(ReplicaStatus::view_change).on(node(1));
  c.restart(node(0)).run_until_normal();
  c.expect_mark(Mark::vsr_view_change_full_house).expect_head(1).on(all).expect_log({"a"}).on(all);
}

TEST(Nack, TwoThatNeverHadItForgetItWithoutTheThird) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.block(old, backups, Command::prepare);
  c.request("a", client(0)).run();
  c.crash_client(client(0)).crash(all).unblock();
  c.restart({node(1), node(2)}).run_until_normal();
  c.expect_head(0).on(live);
  c.restart(old).run_until_normal().expect_head(0).on(all);
}

// Neither copy can be read, so nobody can say whether "b" was acked: all are here, and it is said what is missing.
TEST(Nack, TwoDamagedCopiesOfAnUncommittedOpStallUntilOneIsRepaired) {
  TwoCopies story;
  auto& c = story.c;
  const PageBytes intact = c.save(story.first, record(2));
  c.corrupt({story.first, story.second}, record(2));
  c.restart(all).run_for(seconds(1));
  c.expect_status(ReplicaStatus::view_change).on(all).expect_mark(Mark::vsr_view_change_stuck);
  c.expect_notified(NotifyKind::waiting).on(all).expect_not_notified(NotifyKind::fenced).on(all);
  c.expect_head(2).on({story.first, story.second});
  c.crash(story.first).restore(story.first, record(2), intact).restart(story.first).run_until_normal();
  c.run_for(milliseconds(100)).expect_log({"a", "b"}).on(all);
}

TEST(Nack, ADamagedOpThatWasCommittedIsKept) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.request("b").expect_reply();
  c.run().crash(all);
  c.corrupt({node(0), node(1)}, record(2));
  c.restart(all).run_until_normal().run_for(milliseconds(200));
  c.expect_log({"a", "b"}).on(all).expect_mark(Mark::vsr_body_repair);
}

// ---------------------------------------------------------------- repair

TEST(Repair, ADamagedCommittedOpIsFetchedFromAPeer) {
  auto c = Cluster::of(3);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  const Who victim = c.pin(backup(1));
  c.run().crash(victim).corrupt(victim, record(2)).restart(victim).run_until_normal();
  c.run_for(milliseconds(100)).expect_log({"a", "b", "c"}).on(all);
  c.expect_mark(Mark::recovery_row_3_lost).expect_mark(Mark::vsr_body_repair);
}

TEST(Repair, ABackupWithoutOneIntactRecordFetchesThemAll) {
  auto c = Cluster::of(3);
  std::vector<std::string> names;
  for (int i = 1; i <= 10; ++i) c.request(names.emplace_back("r" + std::to_string(i))).expect_reply();
  const Who victim = c.pin(backup(2));
  c.run().crash(victim);
  for (u64 i = 1; i <= 10; ++i) c.corrupt(victim, record(i));
  c.restart(victim).run_until_normal().run_for(milliseconds(300));
  c.expect_log(names).on(all);
}

// Each op is intact on exactly one replica, a different one each time.
TEST(Repair, DisjointDamageOnAllDisksIsRepairedByAll) {
  auto c = Cluster::of(3);
  std::vector<std::string> names;
  for (int i = 1; i <= 9; ++i) c.request(names.emplace_back("r" + std::to_string(i))).expect_reply();
  c.run().crash(all);
  for (u64 i = 1; i <= 9; ++i)
    for (u16 n = 0; n < 3; ++n)
      if (i % 3 != n) c.corrupt(node(n), record(i));
  c.restart(all).run_until_normal().run_for(milliseconds(500));
  c.expect_log(names).on(all);
}

TEST(Repair, ADamagedOpThatNobodyHasStopsEverybodyBelowItAndIsNeverForgotten) {
  auto c = Cluster::of(3);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.run().crash(all).corrupt(all, record(2)).restart(all).run_for(milliseconds(400));
  c.expect_head(3).on(all);
  for (u16 n = 0; n < 3; ++n)
    c.expect_that(c.view(node(n)).commit_min < c.op(2), "nothing to be applied from the damage on");
  c.request("d").run_for(milliseconds(400)).expect_no_reply("d").expect_head(3).on(all);
}

TEST(Repair, AMisdirectedPrepareIsDamageToTheOpThatItCovers) {
  auto c = Cluster::of(3);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  const Who victim = c.pin(backup(1));
  c.run().crash(victim).misdirect(victim, record(3), record(1)).restart(victim).run_until_normal();
  c.run_for(milliseconds(100)).expect_log({"a", "b", "c"}).on(all);
}

// The answer to "op 1, please" is judged by the identity that was asked for, not by its number.
TEST(Repair, TheSameOpOfADeadViewIsNoAnswer) {
  auto c = Cluster::of(3, {.clients = 2});
  const auto dead = c.capture(node(0), {node(1), node(2)}, Command::prepare);
  c.request("lost", client(0)).run();
  c.crash_client(client(0)).crash(node(0)).unblock().run_until_normal();
  c.restart(node(0)).run_until_normal();
  c.block(node(1), node(2), Command::prepare).block(node(2), all, Command::get_prepares);
  c.request("kept", client(1)).expect_reply();
  c.run().run().expect_head(1).on(all).expect_applied(0).on(node(2));  // it knows what it lacks
  for (const Message& prepare : *dead)
    c.replay(altered<Prepare>(prepare, [](Prepare& p) {
      p.flags = flag::repair;
      p.incarnation = Incarnation(2);
    }));
  c.run_for(milliseconds(2)).expect_applied(0).on(node(2));
  c.unblock().run_until_normal();
  c.expect_log({"kept"}).on(all);
}

TEST(Repair, APrimaryWithoutTheBytesOfItsLogFetchesThem) {
  auto c = Cluster::of(3);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.run().crash(all);
  for (u64 i = 1; i <= 3; ++i) c.corrupt(node(1), record(i));
  c.restart(all).run_until_normal();
  c.run_for(milliseconds(200)).expect_log({"a", "b", "c"}).on(all);
  c.request("d").expect_reply();
}

// ---------------------------------------------------------------- promises

TEST(Promise, ADamagedOneIsKnownFromItsEntry) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.crash(primary).run_until_normal();
  c.restart(node(0)).run_until_normal();
  c.run().crash(node(2)).corrupt(node(2), promise()).restart(node(2)).run_until_normal();
  c.expect_view(1).on(all);  // the promises and commits checkers watch for a view that goes back
  c.request("b").expect_reply();
  c.run_for(milliseconds(100)).expect_log({"a", "b"}).on(all);
}

// A batch that a marker calls durable, and nothing of it can be read: promises and acks may have been in it.
TEST(Promise, ABatchThatIsLostWholeMakesTheReplicaAnOutsider) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run().crash(node(2)).corrupt(node(2), record(1)).corrupt(node(2), entry(1));
  c.restart(node(2)).run();
  c.expect_fenced(FenceReason::amnesiac).on(node(2)).expect_mark(Mark::recovery_row_4_amnesiac);
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on({node(0), node(1)});
}

TEST(Promise, ALaterPrepareSaysThatOnlyOpsBelowItWereLost) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.request("b").expect_reply();
  c.run().crash(node(2)).corrupt(node(2), record(1)).corrupt(node(2), entry(1));
  c.restart(node(2)).run_until_normal();
  c.run_for(milliseconds(100)).expect_log({"a", "b"}).on(all).expect_fenced(FenceReason::none).on(all);
}

TEST(Promise, OneThatIsLostWithItsEntryMakesTheReplicaAnOutsider) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.crash(primary).run_until_normal();
  c.restart(node(0)).run_until_normal();
  c.run().crash(node(2)).corrupt(node(2), promise()).corrupt(node(2), promise_entry());
  c.restart(node(2)).run();
  c.expect_fenced(FenceReason::amnesiac).on(node(2)).expect_mark(Mark::recovery_row_4_amnesiac);
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on({node(0), node(1)});
}

// ---------------------------------------------------------------- the superblock

void start_with_bad_copies(std::initializer_list<u64> copies, bool starts) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  const Who victim = c.pin(backup(1));
  c.run().crash(victim);
  for (const u64 copy : copies) c.corrupt(victim, superblock_copy(copy));
  c.restart(victim).run();
  if (!starts) {
    c.expect_refused("damaged_superblock").on(victim);
    c.request("b").expect_reply();
    return;
  }
  c.run_until_normal().expect_log({"a"}).on(all);
  c.expect_that(c.hits(Mark::recovery_superblock_copy_repaired) == copies.size(), "each bad copy written again");
  c.crash(victim).restart(victim).run_until_normal();
  c.expect_that(c.hits(Mark::recovery_superblock_copy_repaired) == copies.size(), "nothing left to repair");
}

TEST(Superblock, OneBadCopyOfFourIsWrittenAgain) { start_with_bad_copies({0}, true); }
TEST(Superblock, TwoBadCopiesOfFourAreWrittenAgain) { start_with_bad_copies({0, 1}, true); }
TEST(Superblock, TheLastTwoBadCopiesAreWrittenAgain) { start_with_bad_copies({2, 3}, true); }
TEST(Superblock, ThreeBadCopiesOfFourAreRefused) { start_with_bad_copies({0, 1, 3}, false); }

TEST(Superblock, ALoneNewerCopyWasNeverRelied) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(1));
  c.run().crash(victim).crash_on(victim, writing(Zone::superblock, 1), Moment::after);
  const PageBytes old = c.save(victim, superblock_copy(1));
  c.restart(victim).run_until_down(victim).restore(victim, superblock_copy(1), old);
  c.restart(victim).run_until_normal();
  c.request("a").expect_reply();
  c.run().expect_log({"a"}).on(all);
}

TEST(Superblock, TheDiskOfAnotherNodeIsRefused) {
  auto c = Cluster::of(3);
  c.crash({node(1), node(2)});
  for (u64 copy = 0; copy < 4; ++copy)
    c.restore(node(1), superblock_copy(copy), c.save(node(2), superblock_copy(copy)));
  c.restart({node(1), node(2)}).run();
  c.expect_refused("wrong_node").on(node(1));
  c.request("a").expect_reply();
}

// ---------------------------------------------------------------- groups share a log

TEST(SharedLog, DamageToOneGroupsRecordLeavesTheOthersAlone) {
  auto c = Cluster::of(3, {.clients = 3, .groups = 3});
  const Who victim = node(2);
  c.pause(victim);
  for (u16 g = 1; g <= 3; ++g) c.use(GroupId(g)).request("g" + std::to_string(g), client(static_cast<u16>(g - 1)));
  c.run_for(milliseconds(2)).resume(victim).run();  // one bag, one batch for three groups
  for (u16 g = 1; g <= 3; ++g) c.expect_reply("g" + std::to_string(g));
  c.run().crash(victim);
  c.use(GroupId(2)).corrupt(victim, record(1));
  c.restart(victim);
  for (u16 g = 1; g <= 3; ++g) c.use(GroupId(g)).run_until_normal();
  c.run_for(milliseconds(100));
  for (u16 g = 1; g <= 3; ++g) c.use(GroupId(g)).expect_log({"g" + std::to_string(g)}).on(all);
}

// ---------------------------------------------------------------- disks that refuse

TEST(FailingDisk, AFailedFlushAcksNothingAndRestartDecides) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(1));
  const auto acks = c.record(victim, all, Command::prepare_ok);
  c.request("a").expect_reply();
  c.run();
  const std::size_t before = acks->size();
  c.failing_disk(victim);
  c.request("b").expect_reply();  // with the other backup
  c.run();
  c.expect_that(acks->size() == before, "no ack of what was not stored");
  c.expect_fenced(FenceReason::poisoned).on(victim).expect_notified(NotifyKind::fenced).on(victim);
  c.expect_that(c.count(victim, Counter::drop_contradiction) == 0, "nobody contradicted the log");
  c.crash(victim).good_disk(victim).restart(victim).run_until_normal();
  c.expect_log({"a", "b"}).on(all).expect_fenced(FenceReason::none).on(all);
}

TEST(FailingDisk, APrimaryWhoseDiskFailsIsReplaced) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(primary);
  c.request("a").expect_reply();
  c.failing_disk(victim).request("b").run();
  c.expect_fenced(FenceReason::poisoned).on(victim);
  c.expect_reply("b");
  c.crash(victim).good_disk(victim).restart(victim).run_until_normal();
  c.expect_log({"a", "b"}).on(all);
}

TEST(FailingDisk, ADiskThatFailsAtStartRefusesItsData) {
  auto c = Cluster::of(3);
  const Who victim = c.pin(backup(2));
  c.crash(victim).failing_disk(victim).restart(victim).run();
  c.request("a").expect_reply();
  c.run().expect_log({"a"}).on({node(0), node(1)});
  c.crash(victim).good_disk(victim).restart(victim).run_until_normal();
  c.expect_log({"a"}).on(all);
}

// ---------------------------------------------------------------- a blank disk under an old name

// "b" is on the disks of the primary and of the victim, committed, and the victim gets a new disk. It must not help the
// third replica to a view without "b".
TEST(ReplacedDisk, ItsNodeIsAmnesiacAndNeverVotesOrAcks) {
  auto c = Cluster::of(3);
  const Who first = c.pin(primary);
  const Who victim = c.pin(backup(1));
  const Who third = c.pin(backup(2));
  c.request("a").expect_reply().run();
  c.block(first, third, Command::prepare);
  c.request("b").expect_reply();
  c.crash({first, victim}).unblock().replace_disk(victim);
  std::vector<Recorded> said;
  for (const Command command : {Command::prepare_ok, Command::start_view_change, Command::do_view_change,
                                Command::start_view, Command::prepare})
    said.push_back(c.record(victim, all, command));
  for (int life = 0; life < 3; ++life) {  // it stays so
    c.restart(victim).run_for(milliseconds(500));
    c.expect_fenced(FenceReason::amnesiac).on(victim).expect_head(1).on(third);
    c.crash(victim);
  }
  c.restart({first, victim}).run_until_normal();
  c.expect_log({"a", "b"}).on({first, third});
  c.request("c").expect_reply();  // they are a quorum
  c.run().expect_log({"a", "b", "c"}).on({first, third});
  c.expect_fenced(FenceReason::amnesiac).on(victim);
  for (const Recorded& messages : said) c.expect_that(messages->empty(), "silence");
}

// Though no checkpoint is due: the log asks for one when it runs short of segments.
TEST(FullLog, ASingleReplicaMakesRoomByACheckpoint) {
  auto c = Cluster::of(1, {.checkpoint_ops = 100'000});
  const u64 more = 2 * c.parts().kernel.limits.journal_ops_max;
  while (c.view(primary).head.raw() < more) {
    c.request("x").expect_reply();
    if (c.view(primary).head.raw() % 16 == 0) c.run();
  }
  EXPECT_GT(c.view(primary).floor, Op(0));
  c.expect_mark(Mark::wal_wrapped).expect_mark(Mark::log_pruned);
  c.crash(primary).restart(primary);
  c.get("x").expect_reply();
}

// Puts are refused while the next checkpoint still fits beside the durable one; whoever was refused keeps its session,
// and reads go on.
TEST(FullZone, PutsAreRefusedBeforeCheckpointsHaveNoRoom) {
  auto c = Cluster::of(3, {.clients = 2, .checkpoint_blocks = 64});
  const std::string name(200, 'x');
  for (u32 i = 0; i < 400; ++i) c.request(name + std::to_string(i)).run_for(milliseconds(5));
  c.request("more").expect_refused(Status::storage_full);
  c.get(name + "0").expect_reply();
  c.request("more", client(1)).expect_refused(Status::storage_full);
  c.expect_mark(Mark::checkpoint_zone_full).expect_mark(Mark::checkpoint_durable);
  c.expect_no_mark(Mark::checkpoint_abandoned).expect_no_mark(Mark::session_table_full);
}

// ---------------------------------------------------------------- one replica alone

TEST(Alone, ATornLastPrepareIsDropped) {
  auto c = Cluster::of(1, {.clients = 2});
  c.request("a", client(0)).expect_reply();
  c.crash_on(primary, writing(Command::prepare), Moment::after, CrashKind::power);
  c.request("b", client(1)).run_for(milliseconds(2)).run_until_down(primary);
  c.unwrite(node(0), record(2)).crash_client(client(1)).restart(node(0)).run_until_normal();
  c.expect_log({"a"}).on(primary);
  c.request("c", client(0)).expect_reply();
}

TEST(Alone, DamageInTheMiddleOfTheLogIsRefusedNotSkipped) {
  auto c = Cluster::of(1);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.run().crash(primary).corrupt(node(0), record(2)).restart(node(0)).run();
  c.expect_fenced(FenceReason::log_damaged).on(node(0)).expect_notified(NotifyKind::fenced).on(node(0));
}

TEST(Alone, ADamagedEntryIsNothingWhileTheRecordIsIntact) {
  auto c = Cluster::of(1);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.run().crash(primary).corrupt(node(0), entry(2)).restart(node(0)).run_until_normal();
  c.expect_log({"a", "b", "c"}).on(primary);
  c.request("d").expect_reply();
}

TEST(Alone, TwoReplicasRepairEachOther) {
  auto c = Cluster::of(2);
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.run().crash(all).corrupt(node(0), record(1)).corrupt(node(1), record(2)).restart(all).run_until_normal();
  c.run_for(milliseconds(200)).expect_log({"a", "b", "c"}).on(all);
  c.request("d").expect_reply();
}

}  // namespace
}  // namespace keelson::test
