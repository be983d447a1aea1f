// Sessions: what a client asked for happens once, and it gets the same answer however often it asks.
#include <gtest/gtest.h>

#include "tests/lib/cluster/raw_client.h"

namespace keelson::test {
namespace {

TEST(Session, ARetryGetsTheSameBytesAndExecutesNothing) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  EXPECT_EQ(raw.do_register().status, Status::ok);
  const auto first = raw.put(1, "a");
  EXPECT_EQ(first.status, Status::ok);
  EXPECT_EQ(raw.put(1, "a"), first);
  EXPECT_EQ(raw.put(1, "a"), first);
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, ARetryInTheNextViewGetsTheSameAnswerFromTheNewPrimary) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  auto first = raw.put(1, "a");
  c.crash(primary).run_until_normal();
  auto second = raw.put(1, "a");
  EXPECT_NE(first.from, second.from);
  first.from = second.from;
  EXPECT_EQ(first, second);
  c.run().expect_log({"a"}).on(live);
}

TEST(Session, ARetryAfterAPowerCutGetsTheSameAnswer) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  const auto first = raw.put(1, "a");
  c.crash(all, CrashKind::power).restart(all).run_until_normal();
  const auto second = raw.put(1, "a");
  EXPECT_EQ(second.op, first.op);
  EXPECT_EQ(second.body, first.body);
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, ADuplicateUnderWayIsNotPreparedTwice) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  c.run().block(backups, primary, Command::prepare_ok);
  const u64 head = c.view(primary).head.raw();
  for (int i = 0; i < 3; ++i) raw.send_put(1, "a");
  c.run();
  c.expect_that(c.view(primary).head == Op(head + 1), "one op for three copies");
  c.expect_mark(Mark::session_duplicate_in_flight);
  c.unblock().run_for(milliseconds(50));
  EXPECT_EQ(raw.answers(1).size(), 1u);
  c.expect_log({"a"}).on(all);
}

TEST(Session, ALateCopyOfAnOlderRequestIsAlreadyDone) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  raw.put(1, "a");
  raw.put(2, "b");
  EXPECT_EQ(raw.put(1, "a").status, Status::already_done);
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(Session, ARequestThatSkipsANumberIsOutOfOrder) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  EXPECT_EQ(raw.put(2, "b").status, Status::out_of_order);
  EXPECT_EQ(raw.put(1, "a").status, Status::ok);
  EXPECT_EQ(raw.put(3, "c").status, Status::out_of_order);
  EXPECT_EQ(raw.put(2, "b").status, Status::ok);
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(Session, AnAckFloorThatDoesNotFitIsOutOfOrder) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  raw.put(1, "a");
  for (const u64 known : {2u, 3u}) {
    raw.ack_floor = known;
    EXPECT_EQ(raw.put(2, "b").status, Status::out_of_order);
  }
  raw.ack_floor.reset();
  EXPECT_EQ(raw.put(2, "b").status, Status::ok);
}

TEST(Session, NumbersThatWereRefusedAreSkippedForGood) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  raw.put(1, "a");
  raw.ack_floor = 1;
  EXPECT_EQ(raw.put(4, "b").status, Status::ok);
  EXPECT_EQ(raw.put(3, "late").status, Status::already_done);
  EXPECT_EQ(raw.put(2, "later").status, Status::already_done);
  EXPECT_EQ(raw.put(5, "c").status, Status::ok) << "a double of 4 was executed, and its client was told that it wasn't";
  c.run().expect_log({"a", "b", "c"}).on(all);
}

TEST(Session, OtherBytesUnderAUsedNumberAreAMismatch) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.do_register();
  raw.put(1, "a");
  EXPECT_EQ(raw.put(1, "other").status, Status::session_mismatch);
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, WithoutOneNothingIsExecuted) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  raw.session = SessionId(1);
  EXPECT_EQ(raw.put(1, "a").status, Status::session_unknown);
  c.run().expect_log({}).on(all);
}

TEST(Session, AFormerSessionOfAClientIsFenced) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  const SessionId first = raw.do_register().session;
  raw.put(1, "a");
  EXPECT_EQ(raw.unregister(2).op, Op(0));
  EXPECT_NE(raw.do_register().session, first);
  raw.session = first;
  EXPECT_EQ(raw.put(2, "b").status, Status::session_fenced);
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, ASecondRegisterOfALiveClientGivesTheSameSession) {
  auto c = Cluster::of(3);
  RawClient raw(c, 7);
  const auto first = raw.do_register();
  raw.put(1, "a");
  const auto again = raw.do_register();
  EXPECT_EQ(again.status, Status::ok);
  EXPECT_EQ(again.session, first.session);
  EXPECT_EQ(again.op, first.op);
  c.expect_head(2).on(primary);                   // the first register and "a"
  EXPECT_EQ(raw.put(1, "a").status, Status::ok);  // and what it executed is still known
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, AFullTableRefusesWhileEverybodyIsBusy) {
  auto c = Cluster::of(3);  // tiny: four sessions, one of them the client's of the warm-up
  for (u64 i = 1; i <= 3; ++i) EXPECT_EQ(RawClient(c, i).do_register().status, Status::ok);
  EXPECT_EQ(RawClient(c, 9).do_register().status, Status::sessions_full);
  c.expect_head(3).on(primary);  // a refusal costs no op
  c.request("a").expect_reply();
}

TEST(Session, AFullTableEvictsOnlyTheIdle) {
  auto c = Cluster::of(3);
  RawClient idle(c, 1);
  RawClient busy(c, 2);
  idle.do_register();
  busy.do_register();
  RawClient(c, 3).do_register();
  c.run_for(milliseconds(1500));
  EXPECT_EQ(busy.put(1, "a").status, Status::ok);
  c.request("b").expect_reply();
  c.run_for(milliseconds(700));  // the time to live is 2 s: now the idle ones are over it, and the busy are not
  EXPECT_EQ(RawClient(c, 9).do_register().status, Status::ok);
  c.expect_mark(Mark::session_evicted);
  EXPECT_EQ(busy.put(2, "c").status, Status::ok);
  EXPECT_EQ(idle.put(1, "d").status, Status::session_unknown);
  c.request("e").expect_reply();
  c.run().expect_log({"a", "b", "c", "e"}).on(all);
}

TEST(Session, AFullQueueIsRefusedWithBusy) {
  auto c = Cluster::of(3);  // tiny: four prepares in the pipeline, four requests in the queue
  c.block(primary, backups, Command::prepare);
  for (u64 i = 1; i <= 8; ++i) {
    RawClient(c, i).send_register();
    c.run_for(milliseconds(1));
  }
  c.expect_head(4).on(primary).expect_that(c.view(primary).queue == 4, "a full queue");
  EXPECT_EQ(RawClient(c, 9).do_register().status, Status::busy);
  c.expect_mark(Mark::vsr_queue_full).expect_mark(Mark::vsr_pipeline_full);
}

// Inherited ops are applied before anybody is judged: until then requests wait, and so many of them.
TEST(Session, ANewPrimaryLetsRequestsWaitUntilItsLogIsApplied) {
  auto c = Cluster::of(3, {.clients = 2});
  c.block(all, all, Command::prepare_ok);
  c.request("a", client(1)).run();
  c.crash(primary).run_until_normal();
  for (u64 i = 1; i <= 3; ++i) RawClient(c, i).send_register(node(1));
  c.run_for(milliseconds(1)).expect_head(1).on(node(1));
  c.expect_that(c.view(node(1)).queue >= 3, "requests that wait");
  for (u64 i = 4; i <= 5; ++i) RawClient(c, i).send_register(node(1));
  c.run_for(milliseconds(1)).expect_that(c.view(node(1)).queue == 4, "a full queue");
  c.expect_that(c.answers().back().reply.status == static_cast<u16>(Status::busy), "one to be refused");
  c.unblock().run_for(milliseconds(100)).expect_log({"a"}).on(live);
}

TEST(Session, WhatIsTooLargeOrMalformedGetsNoOp) {
  auto c = Cluster::of(3);
  c.request(std::string(300, 'x')).expect_refused(Status::bad_request);  // a key has at most 256 bytes
  c.run().expect_head(0).on(all);
  c.request("a").expect_reply();
}

// ---------------------------------------------------------------- the kernel's own client

TEST(Session, ALostReplyIsGivenAgain) {
  auto c = Cluster::of(3);
  c.block(primary, client(0), Command::reply);
  c.request("a").run();
  c.expect_commit(1).on(all).expect_no_reply("a");
  c.unblock().expect_reply("a");
  c.expect_head(1).on(all).expect_mark(Mark::session_reply_resent);
}

TEST(Session, ALostRequestIsSentAgain) {
  auto c = Cluster::of(3);
  c.block(client(0), all, Command::request);
  c.request("a").run();
  c.expect_head(0).on(all);
  c.unblock().expect_reply("a");
  c.run().expect_log({"a"}).on(all);
}

TEST(Session, AnAnswerOfTheFormerViewIsAnAnswer) {
  auto c = Cluster::of(3);
  const Who old = c.pin(primary);
  const auto replies = c.capture(all, client(0), Command::reply);
  c.request("a").run();
  c.crash(old).run_until_normal();
  c.restart(old).run_until_normal();
  c.expect_primary(node(1)).expect_no_reply("a");
  c.replay(replies->at(0)).run_for(milliseconds(1));
  c.expect_reply("a");
  c.unblock().request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(Session, ADeadlineEndsACallWhoseOutcomeNobodyKnows) {
  auto c = Cluster::of(3);
  c.block(all, all, Command::prepare_ok);
  c.request("a").expect_refused(Status::deadline_passed);
  c.unblock().request("b").expect_reply();
  c.run_until_normal();
  // the replay checker has looked: "a" is in the log at most once, and nobody said that it failed
}

TEST(Session, AClientThatCrashedAsksUnderANewName) {
  auto c = Cluster::of(3);
  c.block(primary, client(0), Command::reply);
  c.request("a").run();
  c.crash_client(client(0)).unblock();
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(Session, AClientWhoseSessionWasEvictedGetsANewOne) {
  auto c = Cluster::of(3);
  c.request("a").expect_reply();
  c.run_for(milliseconds(2500));
  for (u64 i = 1; i <= 4; ++i) EXPECT_EQ(RawClient(c, i).do_register().status, Status::ok);
  c.expect_mark(Mark::session_evicted);
  c.run_for(milliseconds(2500));
  c.request("b").expect_reply();
  c.run().expect_log({"a", "b"}).on(all);
}

TEST(Session, RequestsOfOneClientKeepTheirOrder) {
  auto c = Cluster::of(3);
  for (const auto* name : {"a", "b", "c", "d"}) c.request(name);
  c.run().crash(primary).run_until_normal();
  for (const auto* name : {"a", "b", "c", "d"}) c.expect_reply(name);
  c.run().expect_log({"a", "b", "c", "d"}).on(live);
}

}  // namespace
}  // namespace keelson::test
