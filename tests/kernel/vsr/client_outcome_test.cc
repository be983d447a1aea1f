// What a client says happened: executed, not executed, or unknown, and never one for the other.
#include "tests/kernel/vsr/client_rig.h"

namespace keelson {
namespace {

class ClientOutcome : public test::ClientRig {};

TEST_F(ClientOutcome, WhatWasNeverSentIsNotExecutedAtItsDeadline) {
  submit(1, "body", 300);
  pass(299);
  EXPECT_TRUE(done.empty());
  pass(1);
  EXPECT_EQ(take_done(), (Done{1, Status::deadline_passed, Outcome::not_executed, ""}));
  connect_all();
  EXPECT_TRUE(sent.empty());
}

TEST_F(ClientOutcome, ARequestBehindAnUnansweredRegisterIsNotExecuted) {
  connect_all();
  submit(1, "body", 300);
  pass(300);
  EXPECT_EQ(take_done(), (Done{1, Status::deadline_passed, Outcome::not_executed, ""}));
  for (const Sent& s : sent) EXPECT_EQ(s.header.operation, operation_register);
  const Sent registration = take();
  sent.clear();
  submit(2);
  EXPECT_EQ(take().header.client, registration.header.client) << "registering is harmless to repeat";
}

TEST_F(ClientOutcome, WhatWasSentIsUnknownAtItsDeadlineAndItsSessionIsNeverUsedAgain) {
  open_session();
  submit(2, "body", 300);
  submit(3, "next", 3000);
  const Sent lost = take();
  pass(300);
  EXPECT_EQ(take_done(), (Done{2, Status::deadline_passed, Outcome::unknown, ""}));
  const Sent registration = sent.back();
  EXPECT_EQ(registration.header.operation, operation_register);
  EXPECT_NE(registration.header.client, base_id);
  answer(lost, Status::ok, Op(20), "too late");
  EXPECT_TRUE(done.empty()) << "a late reply is nobody's";
  sent.clear();
  grant(registration, 30);
  const Sent next = take();
  EXPECT_EQ(next.header.client, registration.header.client);
  EXPECT_EQ(next.header.session, SessionId(30));
  EXPECT_EQ(next.header.request, RequestNo(1));
  EXPECT_EQ(next.body, "next");
}

TEST_F(ClientOutcome, AQueuedRequestKeepsItsOwnDeadline) {
  open_session();
  submit(2, "body", 3000);
  submit(3, "body", 300);
  submit(4, "body", 3000);
  pass(300);
  EXPECT_EQ(take_done(), (Done{3, Status::deadline_passed, Outcome::not_executed, ""}));
  answer(take(), Status::ok, Op(20));
  EXPECT_EQ(take_done().ticket, 2u);
  sent.erase(sent.begin(), sent.end() - 1);
  answer(take(), Status::ok, Op(21));
  EXPECT_EQ(take_done().ticket, 4u);
}

TEST_F(ClientOutcome, WhatIsMalformedEndsAtOnceAndItsNumberIsStillFree) {
  open_session();
  for (const Status status : {Status::bad_request, Status::too_large}) {
    submit(2);
    pass(1000);  // several copies are under way: all of them are refused alike
    const Sent refused = take();
    sent.clear();
    refuse(refused, status);
    EXPECT_EQ(take_done(), (Done{2, status, Outcome::not_executed, ""}));
    EXPECT_EQ(refused.header.request, RequestNo(2));
  }
}

TEST_F(ClientOutcome, AFullStoreIsToldAtOnceWhenNoOtherCopyWasSent) {
  open_session();
  submit(2);
  refuse(take(), Status::storage_full);
  EXPECT_EQ(take_done(), (Done{2, Status::storage_full, Outcome::not_executed, ""}));
  // A number never changes its request, and the session is not left behind: others need its place.
  submit(3);
  const Sent next = take();
  EXPECT_EQ(next.header.client, base_id);
  EXPECT_EQ(next.header.request, RequestNo(3));
  EXPECT_EQ(next.header.ack_floor, RequestNo(1));
  answer(next, Status::ok, Op(21));
  EXPECT_EQ(take_done().outcome, Outcome::executed);
  submit(4);
  EXPECT_EQ(take().header.ack_floor, RequestNo(3));
}

TEST_F(ClientOutcome, ARefusalOfOneCopyOfTwoEndsNothing) {
  open_session();
  u64 ticket = 1;
  for (const Status status : {Status::storage_full, Status::group_unknown, Status::busy}) {
    submit(++ticket, "body", 1000);
    pass(250);
    const Sent first = take();
    const Sent second = take();
    refuse(second, status);
    EXPECT_TRUE(done.empty());
    answer(first, Status::ok, Op(20), "after all");
    EXPECT_EQ(take_done(), (Done{ticket, Status::ok, Outcome::executed, "after all"}));
  }
}

TEST_F(ClientOutcome, AnEvictedSessionIsReplacedWhenNothingCanHaveRun) {
  open_session();
  submit(2, "body");
  refuse(take(), Status::session_unknown);
  EXPECT_TRUE(done.empty());
  const Sent registration = take();
  EXPECT_EQ(registration.header.operation, operation_register);
  EXPECT_NE(registration.header.client, base_id);
  grant(registration, 40);
  const Sent again = take();
  EXPECT_EQ(again.body, "body");
  EXPECT_EQ(again.header.session, SessionId(40));
  EXPECT_EQ(again.header.request, RequestNo(1));
  answer(again, Status::ok, Op(41));
  EXPECT_EQ(take_done().outcome, Outcome::executed);
}

TEST_F(ClientOutcome, AnEvictedSessionMakesAResentRequestUnknown) {
  for (const Status status : {Status::session_unknown, Status::session_fenced}) {
    SCOPED_TRACE(info(status).name);
    connect_all();
    submit(1);
    grant(take(), 7);
    pass(250);
    ASSERT_EQ(sent.size(), 2u);
    refuse(take(), status);
    EXPECT_EQ(take_done(), (Done{1, status, Outcome::unknown, ""}));
    sent.clear();
  }
}

// It may have run at once, its reply lost with the connection, and its session evicted since.
TEST_F(ClientOutcome, ALateWordOfAnEvictedSessionMakesEvenASingleCopyUnknown) {
  open_session();
  submit(2);
  const Sent request = take();
  for (const u16 n : {u16{1}, u16{2}, u16{0}}) lose(n);
  ASSERT_TRUE(sent.empty());
  pass(limits.session_ttl_ns / 1'000'000 / 2);
  refuse(request, Status::session_unknown);
  EXPECT_EQ(take_done(), (Done{2, Status::session_unknown, Outcome::unknown, ""}));
}

TEST_F(ClientOutcome, AnotherRequestUnderItsNumberIsUnknown) {
  open_session();
  submit(2);
  refuse(take(), Status::session_mismatch);
  EXPECT_EQ(take_done(), (Done{2, Status::session_mismatch, Outcome::unknown, ""}));
  submit(3);
  EXPECT_EQ(take().header.operation, operation_register);
}

TEST_F(ClientOutcome, AStatusOfANewerReleaseEndsNothing) {
  open_session();
  submit(2);
  const Sent request = take();
  refuse(request, static_cast<Status>(0x7777));
  EXPECT_TRUE(done.empty());
  answer(request, static_cast<Status>(0x7777), Op(20));
  EXPECT_EQ(take_done().outcome, Outcome::unknown) << "executed, with a result this client can't read";
  submit(3);
  EXPECT_EQ(take().header.request, RequestNo(3)) << "the number is spent";
}

TEST_F(ClientOutcome, RepliesToAnythingElseAreIgnored) {
  open_session();
  submit(2);
  const Sent request = take();
  const std::vector<Change> changes = {
      [](Reply& r) { r.client.lo ^= 1; },     [](Reply& r) { r.session = SessionId(6); },
      [](Reply& r) { ++r.request; },          [](Reply& r) { r.request_checksum.hi ^= 1; },
      [](Reply& r) { r.group = GroupId(2); }, [](Reply& r) { r.op = Op(0); },
  };
  for (const Change& change : changes) {
    answer(request, Status::ok, Op(20), "forged", change);
    EXPECT_TRUE(done.empty());
  }
  answer(request, Status::ok, Op(20), "forged", {}, 3);
  EXPECT_TRUE(done.empty()) << "no such node";
  answer(request, Status::ok, Op(20), "real");
  EXPECT_EQ(take_done().body, "real");
  answer(request, Status::ok, Op(20), "real");
  EXPECT_TRUE(done.empty()) << "the duplicate";
}

}  // namespace
}  // namespace keelson
