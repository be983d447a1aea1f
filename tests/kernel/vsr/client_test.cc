// Sessions of a client: how it gets them, counts in them and gives them back, and what it can't take.
#include <set>

#include "tests/kernel/vsr/client_rig.h"

namespace keelson {
namespace {

class ClientTest : public test::ClientRig {};

TEST_F(ClientTest, RegistersOnFirstUseAndThenCounts) {
  connect_all();
  EXPECT_TRUE(sent.empty()) << "nothing is asked of a group before it is used";
  submit(1, "one");
  const Sent registration = take();
  EXPECT_EQ(registration.header.operation, operation_register);
  EXPECT_EQ(registration.header.request, RequestNo(0));
  EXPECT_EQ(registration.header.session, SessionId(0));
  EXPECT_EQ(registration.header.client, base_id);
  grant(registration, 7);
  const Sent first = take();
  EXPECT_EQ(first.header.session, SessionId(7));
  EXPECT_EQ(first.header.request, RequestNo(1));
  EXPECT_EQ(first.header.ack_floor, RequestNo(0));
  EXPECT_EQ(first.header.operation, Operation(0x201));
  EXPECT_EQ(first.header.deadline_ms, default_timeout_ms);
  EXPECT_EQ(first.body, "one");
  answer(first, Status::not_found, Op(9), "reply");
  EXPECT_EQ(take_done(), (Done{1, Status::not_found, Outcome::executed, "reply"}));
  submit(2, "two");
  const Sent second = take();
  EXPECT_EQ(second.header.request, RequestNo(2));
  EXPECT_EQ(second.header.ack_floor, RequestNo(1));
}

TEST_F(ClientTest, HasOneRequestPerGroupInFlightAndKeepsTheirOrder) {
  open_session();
  for (u64 t = 2; t <= 4; ++t) submit(t, "body " + std::to_string(t));
  EXPECT_EQ(client.outstanding(), 3u);
  ASSERT_EQ(sent.size(), 1u);
  for (u64 t = 2; t <= 4; ++t) {
    const Sent next = take();
    EXPECT_TRUE(sent.empty());
    EXPECT_EQ(next.body, "body " + std::to_string(t));
    answer(next, Status::ok, Op(10 + t));
    EXPECT_EQ(take_done().ticket, t);
  }
  EXPECT_EQ(client.outstanding(), 0u);
  EXPECT_EQ(client.deadline(), Instant::never()) << "an idle client waits for nothing";
}

TEST_F(ClientTest, GroupsDoNotWaitForEachOther) {
  open_session();
  submit(2);
  submit(3, "body", 0, 2);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].header.group, GroupId(1));
  EXPECT_EQ(sent[1].header.group, GroupId(2));
  EXPECT_EQ(sent[1].header.operation, operation_register);
}

TEST_F(ClientTest, ARegisterIsNotAnsweredBySessionZero) {
  connect_all();
  submit(1);
  const Sent registration = take();
  answer(registration, Status::ok, Op(5));
  EXPECT_TRUE(sent.empty());
  EXPECT_TRUE(done.empty());
}

TEST_F(ClientTest, GivesItsSessionBackAndRegistersAnewUnderAnotherId) {
  open_session();
  submit(2, "", 0, 1, operation_unregister);
  submit(3, "after");
  const Sent unregister = take();
  EXPECT_EQ(unregister.header.operation, operation_unregister);
  EXPECT_EQ(unregister.header.session, SessionId(7));
  EXPECT_EQ(unregister.header.request, RequestNo(2));
  refuse(unregister, Status::session_unknown);  // how a replica says that it is gone
  EXPECT_EQ(take_done(), (Done{2, Status::ok, Outcome::executed, ""}));
  const Sent registration = take();
  EXPECT_EQ(registration.header.operation, operation_register);
  EXPECT_NE(registration.header.client, base_id) << "a late copy of the first register must not open the new session";
  refuse(unregister, Status::session_unknown);
  EXPECT_TRUE(done.empty()) << "the duplicate";
}

TEST_F(ClientTest, WithoutASessionThereIsNothingToGiveBack) {
  submit(1, "", 0, 1, operation_unregister);
  EXPECT_EQ(take_done(), (Done{1, Status::ok, Outcome::executed, ""})) << "though nobody is connected";
  open_session();
  submit(2, "", 0, 1, operation_unregister);
  const Sent unregister = take();
  pass(300);
  refuse(take(), Status::session_unknown);  // the second copy's: the first one did it
  EXPECT_EQ(take_done(), (Done{2, Status::ok, Outcome::executed, ""}));
  submit(3, "", 0, 1, operation_unregister);
  EXPECT_EQ(take_done(), (Done{3, Status::ok, Outcome::executed, ""}));
  EXPECT_TRUE(sent.empty());
  EXPECT_EQ(client.outstanding(), 0u);
}

TEST_F(ClientTest, RefusesWhatItCannotTake) {
  connect_all();
  const std::string large(limits.request_body_max() + 1, 'x');
  submit(1, large);
  EXPECT_EQ(take_done(), (Done{1, Status::too_large, Outcome::not_executed, ""}));
  submit(2, "body", 0, 0);
  EXPECT_EQ(take_done(), (Done{2, Status::group_unknown, Outcome::not_executed, ""}));
  submit(3, "", 0, 1, operation_register);
  EXPECT_EQ(take_done(), (Done{3, Status::bad_request, Outcome::not_executed, ""}));
  submit(3, "body", 0, 1, operation_unregister);
  EXPECT_EQ(take_done(), (Done{3, Status::bad_request, Outcome::not_executed, ""}));
  for (u64 t = 10; t < 10 + limits.request_queue_max; ++t) submit(t);
  EXPECT_TRUE(done.empty());
  submit(20);
  EXPECT_EQ(take_done(), (Done{20, Status::busy, Outcome::not_executed, ""}));
}

TEST_F(ClientTest, WithoutMemoryItIsBusyAndLaterGoesOn) {
  connect_all();
  std::vector<MessageRef> hoard;
  while (MessageRef taken = allocate_message(slabs, 0)) hoard.push_back(taken);
  submit(1);
  EXPECT_EQ(take_done(), (Done{1, Status::busy, Outcome::not_executed, ""}));
  hoard.pop_back();
  submit(2);
  EXPECT_TRUE(sent.empty()) << "no slab for the register";
  hoard.clear();
  pass(200);
  EXPECT_EQ(take().header.operation, operation_register);
}

TEST_F(ClientTest, MoreGroupsThanItRemembersCostTheIdlestItsSession) {
  connect_all();
  for (u64 g = 1; g <= 257; ++g) {
    submit(g, "body", 0, g);
    grant(take(), 100);
    answer(take(), Status::ok, Op(200));
    take_done();
    in.now = in.now + milliseconds(1);
  }
  submit(1000, "body", 0, 1);
  const Sent registration = take();
  EXPECT_EQ(registration.header.operation, operation_register);
  EXPECT_NE(registration.header.client, base_id) << "the table may remember the old numbers of group 1";
}

TEST_F(ClientTest, IdentitiesAreDerivedAndNeverRepeat) {
  open_session();
  std::set<ClientId> ids{base_id};
  for (u64 t = 2; t < 12; ++t) {
    submit(t, "body", 100);
    while (!sent.empty()) {
      const Sent next = take();
      if (next.header.operation == operation_register) {
        EXPECT_TRUE(ids.insert(next.header.client).second);
        grant(next, t * 10);
      }
    }
    pass(100);
    EXPECT_EQ(take_done().outcome, Outcome::unknown);
  }
}

}  // namespace
}  // namespace keelson
