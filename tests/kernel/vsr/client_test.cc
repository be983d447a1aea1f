#include "keelson/vsr/client.h"

#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "keelson/wire/validate.h"

namespace keelson {
namespace {

constexpr ClusterId cluster{11, 12};
constexpr ClientId base_id{21, 22};

// A client whose every send is looked at and answered by hand.
class ClientTest : public ::testing::Test {
 protected:
  static constexpr u64 default_timeout_ms = 5000;

  explicit ClientTest(const Limits& l = Limits::tiny()) : limits(l) {}

  struct Done {
    u64 ticket;
    Status status;
    Outcome outcome;
    std::string body;
    bool operator==(const Done&) const = default;
  };
  struct Sent {
    NodeId node;
    Request header;
    std::string body;
  };

  void step() {
    client.step(in, out);
    in.clear();
    for (const Envelope& e : out.sends) {
      EXPECT_EQ(e.shard, ShardId(0));
      EXPECT_EQ(validate_header(e.message.data(), {cluster, Author::client, no_node, limits.message_size_max}),
                Reject::none);
      EXPECT_EQ(validate_body(e.message.bytes()), Reject::none);
      EXPECT_EQ(validate_content(e.message.bytes(), limits), Reject::none);
      newest = e.message;
      const Bytes body = e.message.body();
      sent.push_back({e.peer.node_id(), e.message.as<Request>(),
                      std::string(reinterpret_cast<const char*>(body.data()), body.size())});
    }
    for (const SubmitReply& r : out.replies) {
      std::string body;
      if (r.message && r.outcome == Outcome::executed)
        body.assign(reinterpret_cast<const char*>(r.message.body().data()), r.message.body().size());
      done.push_back({r.ticket.raw(), r.status, r.outcome, body});
    }
    out.clear();
  }
  void connect(u16 node) {
    in.peers.push_back({PeerEventKind::connected, Peer::node(NodeId(node)), {}, 0});
    step();
  }
  void lose(u16 node) {
    in.peers.push_back({PeerEventKind::lost, Peer::node(NodeId(node)), {}, 0});
    step();
  }
  void connect_all() {
    for (u16 n = 0; n < 3; ++n) in.peers.push_back({PeerEventKind::connected, Peer::node(NodeId(n)), {}, 0});
    step();
  }
  void submit(u64 ticket, const std::string& body = "body", u64 timeout_ms = 0, u64 group = 1,
              Operation operation = Operation(0x201)) {
    in.submissions.push_back({Ticket(ticket), GroupId(group), operation, milliseconds(timeout_ms),
                              std::as_bytes(std::span(body.data(), body.size()))});
    step();
  }
  void pass(u64 ms) {
    const Instant end = in.now + milliseconds(ms);
    while (client.deadline() <= end) {
      in.now = std::max(in.now, client.deadline());
      step();
    }
    in.now = end;
  }
  Sent take() {
    EXPECT_FALSE(sent.empty());
    if (sent.empty()) return {};
    Sent first = sent.front();
    sent.erase(sent.begin());
    return first;
  }
  Done take_done() {
    EXPECT_FALSE(done.empty());
    if (done.empty()) return {};
    Done first = done.front();
    done.erase(done.begin());
    return first;
  }

  // The reply that `node` gives to `to`, changed by `change` before it is sealed.
  using Change = std::function<void(Reply&)>;
  void answer(const Sent& to, Status status, Op op, const std::string& body = "", const Change& change = {},
              std::optional<u16> node = {}) {
    Reply reply = make<Reply>();
    reply.cluster = cluster;
    reply.group = to.header.group;
    reply.epoch = Epoch(1);
    reply.view = View(1);
    reply.node = NodeId(node.value_or(to.node.raw()));
    reply.replica = ReplicaIndex(0);
    reply.client = to.header.client;
    reply.session = to.header.session;
    reply.request = to.header.request;
    reply.request_checksum = to.header.checksum_body;
    reply.op = op;
    reply.status = static_cast<u16>(status);
    if (change) change(reply);
    MessageRef message = allocate_message(slabs, static_cast<u32>(body.size()));
    copy(body_of(message, static_cast<u32>(body.size())), std::as_bytes(std::span(body.data(), body.size())));
    seal(message, reply, static_cast<u32>(body.size()));
    in.messages.push_back({Peer::node(reply.node), ShardId(0), message});
    message = {};
    step();
  }
  void refuse(const Sent& to, Status status, const Change& change = {}) { answer(to, status, Op(0), "", change); }
  void hint(const Sent& to, u16 primary, u32 view = 1) {
    refuse(to, Status::not_primary, [&](Reply& reply) {
      reply.hint_primary = NodeId(primary);
      reply.view = View(view);
    });
  }
  void grant(const Sent& to, u64 session, u32 view = 1) {
    ASSERT_EQ(to.header.operation, operation_register);
    answer(to, Status::ok, Op(session), "", [&](Reply& reply) {
      reply.session = SessionId(session);
      reply.view = View(view);
    });
  }
  // Everybody connected, group 1 registered as session 7 at node 0.
  void open_session() {
    connect_all();
    submit(1, "first");
    grant(take(), 7);
    answer(take(), Status::ok, Op(8), "done");
    ASSERT_EQ(take_done(), (Done{1, Status::ok, Outcome::executed, "done"}));
  }

  Limits limits;
  Slabs slabs{limits};
  EventBag in{limits};
  EffectBag out{limits};
  Client client{ClientConfig{cluster, base_id, 3, limits, Tunables::standard(), 5, milliseconds(default_timeout_ms)},
                slabs};
  MessageRef newest;
  std::vector<Sent> sent;
  std::vector<Done> done;
};

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

TEST_F(ClientTest, FollowsTheHintAndRemembersThePrimary) {
  connect_all();
  submit(1);
  const Sent first = take();
  EXPECT_EQ(first.node, NodeId(0));
  hint(first, 2);
  const Sent second = take();
  EXPECT_EQ(second.node, NodeId(2));
  grant(second, 7);
  EXPECT_EQ(take().node, NodeId(2));
}

TEST_F(ClientTest, ReplicasThatPointAtEachOtherCauseNoStorm) {
  connect_all();
  submit(1);
  u32 copies = 0;
  for (; !sent.empty(); ++copies) {
    const Sent copy = take();
    hint(copy, copy.node == NodeId(0) ? 1 : 0);
  }
  EXPECT_EQ(copies, 4u) << "one, and one per node";
  pass(300);
  EXPECT_EQ(sent.size(), 1u) << "after a pause it goes on";
}

TEST_F(ClientTest, DuringAViewChangeEveryReplicaIsAskedOncePerPause) {
  connect_all();
  submit(1);
  std::set<u16> asked;
  while (!sent.empty()) {
    const Sent copy = take();
    asked.insert(copy.node.raw());
    refuse(copy, Status::not_primary);
  }
  EXPECT_EQ(asked.size(), 3u);
}

TEST_F(ClientTest, SilenceIsAnsweredByAskingTheNextNodeAfterDoublingPauses) {
  open_session();
  submit(2, "body", 60'000);
  std::vector<u64> pauses;
  std::vector<u16> nodes;
  nodes.push_back(take().node.raw());
  Instant last = in.now;
  for (int i = 0; i < 7; ++i) {
    in.now = client.deadline();
    step();
    nodes.push_back(take().node.raw());
    pauses.push_back(in.now.since(last).ns() / 1'000'000);
    last = in.now;
  }
  EXPECT_EQ(nodes, (std::vector<u16>{0, 1, 2, 0, 1, 2, 0, 1}));
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    const u64 base = std::min<u64>(3200, u64{200} << i);
    EXPECT_GE(pauses[i], base);
    EXPECT_LE(pauses[i], base + base / 8) << i;
  }
}

TEST_F(ClientTest, EveryCopyOfARequestHasTheSameBytes) {
  open_session();
  submit(2, "body");
  const Sent first = take();
  pass(1000);
  ASSERT_GE(sent.size(), 2u);
  for (const Sent& copy : sent) EXPECT_EQ(copy.header.checksum, first.header.checksum);
}

TEST_F(ClientTest, WithoutAConnectionItWaitsForOneAndThenSends) {
  submit(1);
  pass(1000);
  EXPECT_TRUE(sent.empty());
  connect(2);
  EXPECT_EQ(take().node, NodeId(2));
}

TEST_F(ClientTest, WhatWasNeverSentIsNotExecutedAtItsDeadline) {
  submit(1, "body", 300);
  pass(299);
  EXPECT_TRUE(done.empty());
  pass(1);
  EXPECT_EQ(take_done(), (Done{1, Status::deadline_passed, Outcome::not_executed, ""}));
  connect_all();
  EXPECT_TRUE(sent.empty());
}

TEST_F(ClientTest, ARequestBehindAnUnansweredRegisterIsNotExecuted) {
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

TEST_F(ClientTest, WhatWasSentIsUnknownAtItsDeadlineAndItsSessionIsNeverUsedAgain) {
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

TEST_F(ClientTest, AQueuedRequestKeepsItsOwnDeadline) {
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

TEST_F(ClientTest, AfterAReconnectTheUnansweredIsSentAgain) {
  open_session();
  submit(2);
  take();
  lose(1);
  EXPECT_TRUE(sent.empty()) << "another node's connection is no reason";
  connect(0);
  EXPECT_EQ(take().node, NodeId(0));
}

TEST_F(ClientTest, WhenThePrimaryIsLostAnotherNodeIsAskedAtOnce) {
  open_session();
  submit(2);
  take();
  lose(0);
  EXPECT_EQ(take().node, NodeId(1));
}

TEST_F(ClientTest, ADroppedSendIsRepeatedSoon) {
  open_session();
  submit(2, "body", 60'000);
  pass(5000);
  sent.clear();
  const NodeId target = [&] {
    in.now = client.deadline();
    step();
    return take().node;
  }();
  in.peers.push_back({PeerEventKind::send_dropped, Peer::node(target), {}, 1});
  step();
  EXPECT_LE(client.deadline().since(in.now), milliseconds(200));
}

TEST_F(ClientTest, BusyIsRetriedAfterAPauseWithinTheDeadline) {
  for (const Status status : {Status::busy, Status::sessions_full, Status::clock_unsynchronized}) {
    SCOPED_TRACE(info(status).name);
    connect_all();
    submit(1, "body", 600);
    refuse(take(), status);
    EXPECT_TRUE(sent.empty());
    EXPECT_TRUE(done.empty());
    pass(250);
    EXPECT_EQ(sent.size(), 1u);
    pass(600);
    EXPECT_EQ(take_done().status, Status::deadline_passed);
    sent.clear();
  }
}

TEST_F(ClientTest, WhatIsMalformedEndsAtOnceAndItsNumberIsStillFree) {
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

TEST_F(ClientTest, AFullStoreIsToldAtOnceWhenNoOtherCopyWasSent) {
  open_session();
  submit(2);
  refuse(take(), Status::storage_full);
  EXPECT_EQ(take_done(), (Done{2, Status::storage_full, Outcome::not_executed, ""}));
  submit(3);
  EXPECT_NE(take().header.client, base_id) << "a number never changes its request";
}

TEST_F(ClientTest, ARefusalOfOneCopyOfTwoEndsNothing) {
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

TEST_F(ClientTest, AnEvictedSessionIsReplacedWhenNothingCanHaveRun) {
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

TEST_F(ClientTest, AnEvictedSessionMakesAResentRequestUnknown) {
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
TEST_F(ClientTest, ALateWordOfAnEvictedSessionMakesEvenASingleCopyUnknown) {
  open_session();
  submit(2);
  const Sent request = take();
  for (const u16 n : {u16{1}, u16{2}, u16{0}}) lose(n);
  ASSERT_TRUE(sent.empty());
  pass(limits.session_ttl_ns / 1'000'000 / 2);
  refuse(request, Status::session_unknown);
  EXPECT_EQ(take_done(), (Done{2, Status::session_unknown, Outcome::unknown, ""}));
}

TEST_F(ClientTest, WhatIsInASendQueueIsNeverWrittenAgain) {
  open_session();
  submit(2);
  const MessageRef queued = newest;
  const Digest checksum = queued.header().checksum;
  refuse(take(), Status::session_unknown);
  grant(take(), 40);
  EXPECT_EQ(take().header.session, SessionId(40));
  EXPECT_EQ(queued.as<Request>().session, SessionId(7));
  EXPECT_EQ(queued.header().checksum, checksum);
}

TEST_F(ClientTest, ADeposedPrimaryDoesNotKnowNewSessions) {
  connect_all();
  submit(1);
  const Sent registration = take();
  grant(registration, 7, 5);
  const Sent request = take();
  refuse(request, Status::session_unknown, [](Reply& reply) { reply.view = View(4); });
  EXPECT_TRUE(done.empty());
  const Sent elsewhere = take();
  EXPECT_NE(elsewhere.node, request.node);
  EXPECT_EQ(elsewhere.header.checksum, request.header.checksum);
}

TEST_F(ClientTest, AHintFromAnOlderViewIsNotFollowed) {
  connect_all();
  submit(1);
  grant(take(), 7, 5);
  hint(take(), 2, 4);
  EXPECT_EQ(take().node, NodeId(1)) << "the next in turn";
}

TEST_F(ClientTest, AnotherRequestUnderItsNumberIsUnknown) {
  open_session();
  submit(2);
  refuse(take(), Status::session_mismatch);
  EXPECT_EQ(take_done(), (Done{2, Status::session_mismatch, Outcome::unknown, ""}));
  submit(3);
  EXPECT_EQ(take().header.operation, operation_register);
}

TEST_F(ClientTest, AStatusOfANewerReleaseEndsNothing) {
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

TEST_F(ClientTest, RepliesToAnythingElseAreIgnored) {
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
