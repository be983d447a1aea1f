// Who is primary, and with which log a view starts (VSR Revisited, section 4.2).
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

const Whom the_others{node(1), node(2)};  // than the first primary, of three

// ---------------------------------------------------------------- which ops survive

TEST(ViewChange, KeepsAnOpThatOnlyOneBackupPrepared) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.block(primary, backup(2), Command::prepare);  // the third replica misses what follows
  c.block(backup(1), primary, Command::prepare_ok);
  c.request("b").run();
  c.expect_commit(1).on(all);  // "b" is prepared on two, committed on none

  c.crash(primary);
  c.run_until_normal();

  c.expect_log({"a", "b"}).on(live);  // a quorum may have prepared it: it survives
  c.expect_reply("b");
}

TEST(ViewChange, KeepsAnOpThatOnlyTheOtherBackupPrepared) {
  auto c = Cluster::of(3);
  c.block(primary, backup(1), Command::prepare);
  c.block(backup(2), primary, Command::prepare_ok);
  c.request("a").run();
  c.crash(primary).run_until_normal();
  c.expect_primary(node(1)).expect_log({"a"}).on(live);
  c.expect_mark(Mark::vsr_view_change_keeps_uncommitted);
  c.expect_reply("a");
}

TEST(ViewChange, ForgetsAnOpThatOnlyTheOldPrimaryHad) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  c.block(primary, backups, Command::prepare);
  c.request("a").run();
  c.crash_client(client(0));  // or it would ask again
  c.expect_head(1).on(old);
  c.crash(old).unblock().run_until_normal();
  c.expect_head(0).on(live);
  c.restart(old).run_until_normal();
  c.expect_head(0).on(all);
  c.request("b").expect_reply();
  c.run().expect_log({"b"}).on(all);
}

TEST(ViewChange, ReplacesAnOpThatOnlyTheOldPrimaryHad) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.block(primary, backups, Command::prepare);
  c.request("lost", client(0)).run();
  c.crash_client(client(0));
  c.crash(old).unblock();
  c.request("kept", client(1)).expect_reply();
  c.expect_that(c.asked("kept").op() == Op(1), "the same op for another request");
  c.restart(old).run_until_normal();
  c.expect_log({"kept"}).on(all);
}

TEST(ViewChange, ForgetsASecondTimeWhatComesBackFromTheDiskOfTheOldPrimary) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.block(primary, backups, Command::prepare);
  c.request("lost", client(0)).run();
  c.crash_client(client(0)).crash(old).unblock().run_until_normal();
  c.restart(old).run_until_normal();
  c.crash(old, CrashKind::power).cut_off(old).restart(old).run();  // its record of "lost" is still on its disk
  c.expect_head(0).on(old);
  c.heal().crash(all, CrashKind::power);
  c.restart(all).run_until_normal();
  c.expect_head(0).on(all);
  c.request("kept", client(1)).expect_reply();
  c.run().expect_log({"kept"}).on(all);
}

// Each backup has what the other one lacks.
TEST(ViewChange, JoinsTwoLogsWithDifferentGaps) {
  auto c = Cluster::of(3, {.clients = 2});
  const auto keep_gaps = [&] {
    c.block(backups, primary, Command::prepare_ok).block(backups, all, {Command::get_headers, Command::get_prepares});
  };
  c.block(primary, backup(1), Command::prepare);
  keep_gaps();
  c.request("a", client(0)).run_for(milliseconds(1));
  c.unblock().block(primary, backup(2), Command::prepare);
  keep_gaps();
  c.request("b", client(1)).run_for(milliseconds(1));
  c.expect_head(2).on(backup(1)).expect_head(1).on(backup(2)).expect_commit(0).on(primary);
  c.crash(primary).unblock().run_until_normal();
  c.expect_log({"a", "b"}).on(live);
  c.expect_reply("a").expect_reply("b");
}

TEST(ViewChange, EndsTheLogBelowAGapThatNobodyCanFill) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.block(primary, backups, Command::prepare);
  c.request("a", client(0)).run_for(milliseconds(1));
  c.unblock().block(backups, all, {Command::prepare_ok, Command::get_headers, Command::get_prepares});
  c.request("b", client(1)).run_for(milliseconds(1));
  c.expect_head(2).on(backups);
  c.crash_client(client(0)).crash_client(client(1)).crash(primary).unblock().run_until_normal();
  c.expect_head(0).on(live).expect_mark(Mark::vsr_view_change_truncates);
  c.restart(old).run_until_normal().expect_head(0).on(all);
}

TEST(ViewChange, CarriesAFullPipelineIntoTheNewView) {
  auto c = Cluster::of(3, {.clients = 4});
  c.block(backups, primary, Command::prepare_ok);
  for (u16 i = 0; i < 4; ++i) c.request("r" + std::to_string(i), client(i)).run_for(milliseconds(1));
  c.expect_commit(0).on(all).expect_head(4).on(all);
  c.crash(primary).unblock().run_until_normal();
  c.expect_log({"r0", "r1", "r2", "r3"}).on(live);
  for (u16 i = 0; i < 4; ++i) c.expect_reply("r" + std::to_string(i));
}

// A replica that took part in view 1 knows more than one that slept through it, however long that one's log is.
TEST(ViewChange, PrefersTheLogOfTheNewerViewToTheLongerOne) {
  auto c = Cluster::of(3, {.clients = 4});
  const Who old = c.pin(primary);
  c.block(old, backups, Command::prepare);
  for (u16 i = 0; i < 3; ++i) c.request("lost" + std::to_string(i), client(i)).run_for(milliseconds(1));
  for (u16 i = 0; i < 3; ++i) c.crash_client(client(i));
  c.expect_head(3).on(old);
  c.crash(old).unblock().run_until_normal();
  c.request("kept", client(3)).expect_reply();
  c.run().crash(primary);
  c.restart(old).run_until_normal();
  c.expect_log({"kept"}).on(live);
}

// ---------------------------------------------------------------- a primary that is cut off

TEST(ViewChange, APrimaryThatIsCutOffIsReplacedOnce) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  c.request("a").expect_reply();
  c.cut_off(old).run_for(milliseconds(300));
  c.expect_view(1).on(the_others).expect_view(0).on(old);
  c.heal().run_until_normal();
  c.expect_view(1).on(all).expect_log({"a"}).on(all);
}

TEST(ViewChange, APrimaryThatNobodyHearsIsReplacedOnceAndFollows) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  c.request("a").expect_reply();
  c.cut_off(old, Direction::outbound).run_for(milliseconds(300));
  c.expect_view(1).on(all);
  c.heal().run_until_normal();
  c.expect_view(1).on(all).expect_log({"a"}).on(all);
}

TEST(ViewChange, APrimaryThatHearsNobodyAbdicatesAtTheFirstRequest) {
  auto c = Cluster::of(3);
  c.cut_off(primary, Direction::inbound).run_for(milliseconds(500));
  c.expect_view(0).on(all);  // idle: its beats keep it in office
  c.request("a").expect_reply();
  c.expect_mark(Mark::vsr_abdicated).expect_view(1).on(the_others);
  c.heal().run_until_normal();
  c.expect_log({"a"}).on(all).expect_view(1).on(all);
}

// Its beats arrive and no work reaches it, so it does not abdicate; the connections that it hears nothing from die.
TEST(ViewChange, APrimaryThatHearsNeitherNodesNorClientsIsReplacedWhenItsConnectionsDie) {
  auto c = Cluster::of(3);
  c.cut_off(primary, Direction::inbound).cut_off_clients(primary, Direction::inbound);
  c.request("a").run_for(seconds(2));
  c.expect_no_reply("a").expect_view(0).on(all);
  c.expect_reply("a").expect_no_mark(Mark::vsr_abdicated);
}

TEST(ViewChange, OfTwoPrimariesOnlyTheNewOneCommits) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.cut_off(old);
  c.block(client(1), backups).block(client(0), old);
  c.request("b", client(1)).run_for(milliseconds(5));
  c.expect_head(1).on(old);
  c.request("c", client(0)).expect_reply();
  c.expect_commit(0).on(old).expect_no_reply("b");
  c.heal().unblock().run_until_normal();
  c.expect_reply("b");
  c.run().expect_log({"c", "b"}).on(all);
}

TEST(ViewChange, APausedPrimaryThatWakesUpFindsItselfReplaced) {
  auto c = Cluster::of(3, {.clients = 2});
  const Who old = c.pin(primary);
  c.request("a", client(0)).expect_reply();
  c.request("b", client(1)).run_for(microseconds(150));  // it has the request, and falls asleep over it
  c.pause(old).run_for(milliseconds(300));
  c.expect_view(1).on(the_others);
  c.resume(old).run_until_normal();
  c.expect_view(1).on(all).expect_reply("b");
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(ViewChange, PreparesThatASleeperStillSendsAreOfADeadView) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  const auto late = c.capture(old, backups, Command::prepare);
  c.request("a").run();
  c.pause(old).unblock().crash_client(client(0)).run_for(milliseconds(300));
  c.expect_view(1).on(the_others);
  for (const Message& prepare : *late) c.replay(prepare);
  c.run().expect_head(0).on(the_others);
  c.resume(old).run_until_normal().expect_head(0).on(all);
}

// ---------------------------------------------------------------- primaries that crash

TEST(ViewChange, SkipsANextPrimaryThatIsDeadToo) {
  auto c = Cluster::of(5);
  c.request("a").expect_reply();
  c.crash({primary, backup(1)}).run_until_normal();
  c.expect_view(2).on(live).expect_log({"a"}).on(live);
  c.request("b").expect_reply();
}

TEST(ViewChange, TwoOfTwoWaitForTheOneThatCrashed) {
  auto c = Cluster::of(2);
  const Who old = c.pin(primary);
  c.request("a").expect_reply();
  c.crash(old).run_for(milliseconds(300));
  c.expect_view(0).on(live);
  c.restart(old).run_until_normal();
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(ViewChange, FourNeedThreeForANewView) {
  auto c = Cluster::of(4);
  c.request("a").expect_reply();
  c.run().crash({primary, backup(3)}).run_for(milliseconds(300));
  c.expect_view(0).on(live);
  c.restart(node(3)).run_until_normal();
  c.expect_view(1).on(live).expect_log({"a"}).on(live);
}

TEST(ViewChange, SixNeedFourForANewView) {
  auto c = Cluster::of(6);
  c.request("a").expect_reply();
  c.run().crash({primary, backup(4), backup(5)}).run_for(milliseconds(300));
  c.expect_view(0).on(live);
  c.restart(node(5)).run_until_normal();
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(live);
}

TEST(ViewChange, APrimaryThatRestartsDoesNotGoOnWithItsView) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  c.request("a").expect_reply();
  c.run().crash(old).restart(old).run_until_normal();
  c.expect_mark(Mark::vsr_primary_restarted_in_view).expect_view(1).on(all);
  c.expect_log({"a"}).on(all);
}

TEST(ViewChange, APowerCutOfAllLosesNothingThatWasAnswered) {
  auto c = Cluster::of(3, {.clients = 2});
  c.request("a", client(0)).expect_reply();
  c.block(backups, primary, Command::prepare_ok);
  c.request("b", client(1)).run();
  c.crash(all, CrashKind::power).unblock().restart(all).run_until_normal();
  c.expect_reply("b");
  c.run().expect_log({"a", "b"}).on(all);
}

// It was acked once, in the former view, and who knows that it is committed was not asked when this view began.
TEST(ViewChange, APrimaryHearsOfACommitThatOnlyALaterBackupKnows) {
  auto c = Cluster::of(3);
  c.block(node(0), node(1), Command::beat);
  c.request("a").expect_reply();
  c.run().expect_commit(1).on({node(0), node(2)}).expect_commit(0).on(node(1));
  c.crash({node(0), node(1)}).unblock().cut_off(node(2));
  c.block(node(0), node(1), Command::prepare_ok).restart({node(0), node(1)});
  c.run_until([&] { return c.view(node(1)).primary; }, "a view of the two that forgot");
  c.expect_head(1).on(node(1)).expect_commit(0).on(node(1));
  c.crash(node(0)).unblock().heal().run_until_normal();
  c.expect_commit(1).on(live);
  c.request("b").expect_reply();
}

// It has the op on its disk only and can't send it again; who acked it in vain has to be asked.
TEST(ViewChange, APrimaryAsksForAnAckThatWasLostWhenItHasTheOpOnItsDiskOnly) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run().crash(all).block(all, node(1), Command::prepare_ok).restart({node(0), node(1)});
  c.run_until([&] { return c.view(node(1)).primary; }, "a view without acks");
  c.run_for(milliseconds(50)).expect_commit(0).on(node(1));
  c.unblock().run_for(milliseconds(500)).expect_commit(1).on({node(0), node(1)}).expect_view(1).on(node(1));
}

TEST(ViewChange, FivePrimariesCrashOneAfterTheOther) {
  auto c = Cluster::of(3);
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    const Who old = c.pin(primary);
    names.push_back("r" + std::to_string(i));
    c.request(names.back()).expect_reply();
    c.crash(old, i % 2 == 0 ? CrashKind::power : CrashKind::process).run_until_normal();
    c.restart(old).run_until_normal();
  }
  c.expect_log(names).on(all);
}

// Its newest group_state is older than what it stored afterwards: the report tells the log, not the promise.
TEST(ViewChange, ARestartedReplicaReportsWhatItStoredSinceItsPromise) {
  auto c = Cluster::of(3, {.clients = 2});
  c.crash(primary).run_until_normal();
  c.restart(node(0)).run_until_normal();
  c.block(node(1), node(0), Command::prepare).block(node(2), node(1), Command::prepare_ok);
  c.request("a").run();
  c.expect_head(1).on({node(1), node(2)}).expect_commit(0).on(all);
  c.crash(all, CrashKind::power).unblock().restart({node(0), node(2)}).run_until_normal();
  c.expect_log({"a"}).on(live);
}

// Two entered view 1, and then the one that should lead it is cut off: the third one helps to leave it.
TEST(ViewChange, AViewChangeThatLosesItsNextPrimaryEndsInAFurtherView) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run().cut_off(node(0));
  c.run_until([&] { return c.view(node(1)).view == View(1) && c.view(node(2)).view == View(1); }, "view 1 on two");
  c.expect_status(ReplicaStatus::view_change).on(the_others);
  c.heal().cut_off(node(1)).run_for(milliseconds(500));
  c.expect_view(2).on({node(0), node(2)}).expect_primary(node(2));
  c.request("b").expect_reply();
  c.heal().run_until_normal();
  c.expect_view(2).on(all).expect_log({"a", "b"}).on(all);
}

void dead_op_leaves(bool sleeper_restarts) {
  auto c = Cluster::of(5, {.clients = 2});
  const Who old = c.pin(primary);
  const Who sleeper = c.pin(backup(4));
  c.block(old, {backup(1), backup(2), backup(3)}, Command::prepare);
  c.request("lost", client(0)).run();
  c.expect_head(1).on({old, sleeper});
  c.crash_client(client(0)).crash(old).unblock().block(all, sleeper);
  for (const auto* name : {"x", "y", "z"}) c.request(name, client(1)).expect_reply();
  if (sleeper_restarts) c.crash(sleeper).restart(sleeper);
  c.restart(old).unblock().run_until_normal();
  c.run_for(milliseconds(100)).expect_log({"x", "y", "z"}).on(all);
  c.expect_mark(Mark::vsr_prepare_from_dead_view_dropped);
}

TEST(ViewChange, WhatABackupKeptOfADeadViewLeavesItsLogWhenTheChainSaysSo) { dead_op_leaves(false); }
TEST(ViewChange, WhatABackupStoredOfADeadViewLeavesItsLogWhenTheChainSaysSo) { dead_op_leaves(true); }

TEST(ViewChange, AHandOverToADeadReplicaGoesOnToTheNext) {
  auto c = Cluster::of(3);
  c.crash(backup(1)).run();
  c.hand_over(primary).run_until([&] { return c.view(node(2)).primary; }, "the one behind it to lead");
  c.request("a").expect_reply();
  c.restart(node(1)).run_until_normal();
  c.expect_log({"a"}).on(all).expect_primary(node(2));
}

TEST(ViewChange, AnOperatorHandsThePrimaryRoleOver) {
  auto c = Cluster::of(3);
  c.block(backups, primary, Command::prepare_ok);
  c.request("a").run_for(milliseconds(2));
  c.hand_over(primary).unblock().run_until_normal();
  c.expect_view(1).on(all).expect_primary(node(1)).expect_log({"a"}).on(all);
  c.expect_reply("a");
}

// ---------------------------------------------------------------- votes, old messages, duplicates

TEST(ViewChange, OneVoterSaidManyTimesIsOneVote) {
  auto c = Cluster::of(5);
  const Who deaf = c.pin(backup(4));
  c.block(all, deaf);
  const auto votes = c.record(deaf, all, Command::start_view_change);
  c.run_for(milliseconds(200)).expect_that(!votes->empty(), "the deaf replica to vote");
  for (int i = 0; i < 3; ++i)
    for (std::size_t v = 0; v < std::min<std::size_t>(votes->size(), 8); ++v) c.replay(votes->at(v));
  c.run_for(milliseconds(50));
  c.expect_view(0).on(all);
}

TEST(ViewChange, AVoteExpires) {
  auto c = Cluster::of(3);
  const auto votes = c.record(all, all, Command::start_view_change);
  c.block(all, node(1)).run_for(milliseconds(100)).unblock().run_for(milliseconds(400));
  c.expect_that(!votes->empty(), "a vote of one");
  c.block(all, node(2)).run_for(milliseconds(100)).unblock().run_for(milliseconds(100));  // and later of the other
  c.expect_view(0).on(all).expect_status(ReplicaStatus::normal).on(all);
}

TEST(ViewChange, VotesToLeaveAViewSayNothingOfTheNextOne) {
  auto c = Cluster::of(3);
  c.crash(primary).run_until_normal();
  c.block(all, node(2)).run_for(milliseconds(80));  // deaf, so it votes; that of the other one was for view 1
  c.expect_view(1).on(live).expect_status(ReplicaStatus::normal).on(node(1));
}

// No second selection in a view that has begun, however good the late report is.
TEST(ViewChange, AReportThatComesAfterTheSelectionChangesNothing) {
  auto c = Cluster::of(5);
  c.block(node(0), {node(2), node(3), node(4)}, Command::prepare);
  c.request("kept").run();
  c.crash_client(client(0)).crash(node(0)).unblock();
  const auto late = c.capture(node(4), node(1), Command::do_view_change);  // with it, nobody but node 1 would have it
  c.run_until([&] { return c.view(node(1)).log_view == View(1); }, "node 1 to choose its log");
  c.expect_that(!late->empty(), "the report that is late").expect_status(ReplicaStatus::view_change).on(node(1));
  c.replay(late->at(0)).run_until_normal();
  c.expect_log({"kept"}).on(live).expect_no_mark(Mark::vsr_view_change_truncates);
}

TEST(ViewChange, VotersWithoutAQuorumDisturbNobody) {
  auto c = Cluster::of(5);
  c.cut_off({backup(3), backup(4)}, Direction::inbound).run_for(seconds(1));
  c.request("a").expect_reply();
  c.expect_view(0).on(all);
  c.heal().run_for(milliseconds(300)).run_until_normal();
  c.expect_view(0).on(all).expect_log({"a"}).on(all);
}

TEST(ViewChange, OneReportSaidManyTimesIsOneReport) {
  auto c = Cluster::of(5);
  const Who next = c.pin(backup(1));
  const Who other = c.pin(backup(2));
  const auto reports = c.record(other, next, Command::do_view_change);
  c.block({backup(3), backup(4)}, next, Command::do_view_change);
  c.crash(primary).run_until([&] { return !reports->empty(); }, "a report");
  for (int i = 0; i < 4; ++i) c.replay(reports->at(0));
  c.run_for(milliseconds(5)).expect_status(ReplicaStatus::view_change).on(next);
  c.unblock().run_until_normal();
  c.request("a").expect_reply();
}

TEST(ViewChange, MessagesOfOldViewsChangeNothing) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  std::vector<Recorded> recorded;
  for (const Command command : {Command::start_view_change, Command::do_view_change, Command::start_view,
                                Command::prepare, Command::prepare_ok})
    recorded.push_back(c.record(all, all, command));
  for (int i = 0; i < 2; ++i) {
    const Who old = c.pin(primary);
    c.crash(old).run_until_normal().restart(old).run_until_normal();
  }
  c.expect_view(2).on(all);
  std::vector<Message> old;
  for (const auto& tape : recorded)
    for (const Message& message : *tape)
      if (message.header().view < View(2)) old.push_back(message);
  c.expect_that(old.size() > 10, "messages of old views");
  for (const Message& message : old) c.replay(message);
  c.run_for(milliseconds(100)).expect_view(2).on(all).expect_status(ReplicaStatus::normal).on(all);
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(ViewChange, AStartViewThatComesTwiceIsInstalledOnce) {
  auto c = Cluster::of(3);
  const auto starts = c.record(all, all, Command::start_view);
  c.crash(primary).run_until_normal();
  c.request("a").expect_reply();
  c.run();
  const u64 installed = c.count(backup(2), Counter::views_installed) + c.count(backup(1), Counter::views_installed);
  const std::size_t count = starts->size();
  for (std::size_t i = 0; i < count; ++i) c.replay(starts->at(i));
  c.run().expect_log({"a"}).on(live);
  c.expect_that(
      c.count(backup(2), Counter::views_installed) + c.count(backup(1), Counter::views_installed) == installed,
      "no view to be installed again");
}

// A promise counts as stored when a marker says so, and a marker waits for all batches before it.
TEST(ViewChange, APromiseWaitsForTheWritesBeforeIt) {
  auto c = Cluster::of(3);
  const Who voter = c.pin(backup(2));
  const auto reports = c.record(voter, all, Command::do_view_change);
  c.block(primary, backup(1), Command::prepare).block(voter, primary, Command::prepare_ok);
  c.slow_disk(voter, milliseconds(60));  // twice: the write and its flush
  c.request("a").run_for(milliseconds(1));
  c.good_disk(voter).crash(primary).unblock();
  c.run_until([&] { return c.view(voter).view == View(1); }, "the voter to enter view 1");
  c.run_for(milliseconds(10)).expect_view(1).on(voter);
  c.expect_that(reports->empty(), "no report while an older write is under way");
  c.run_until_normal();
  c.expect_log({"a"}).on(live).expect_reply("a");  // by then it was stored, and said so
}

// ---------------------------------------------------------------- a lagging backup in a view change

TEST(ViewChange, ANewPrimaryThatIsBehindFetchesWhatItMissed) {
  auto c = Cluster::of(3);
  c.block(primary, backup(1), Command::prepare);
  c.block(backup(1), all, {Command::get_view, Command::get_headers, Command::get_prepares});
  for (const auto* name : {"a", "b", "c"}) c.request(name).expect_reply();
  c.expect_head(0).on(backup(1));
  c.crash(primary).unblock().run_until_normal();
  c.expect_primary(node(1)).run().expect_log({"a", "b", "c"}).on(live);
}

TEST(ViewChange, ABackupThatMissedAWholeViewCatchesUp) {
  auto c = Cluster::of(5);
  const Who sleeper = c.pin(backup(4));
  c.crash(sleeper);
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) c.request(names.emplace_back("r" + std::to_string(i))).expect_reply();
  c.crash(primary).run_until_normal();
  for (int i = 12; i < 24; ++i) c.request(names.emplace_back("r" + std::to_string(i))).expect_reply();
  c.restart(sleeper).run_until_normal().run_for(milliseconds(100));
  c.expect_log(names).on(live).expect_view(1).on(live);
}

}  // namespace
}  // namespace keelson::test
