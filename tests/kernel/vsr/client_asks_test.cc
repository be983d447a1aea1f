// Whom a client asks, when it asks again, and that every copy of a request is the same.
#include <set>

#include "tests/kernel/vsr/client_rig.h"

namespace keelson {
namespace {

class ClientAsks : public test::ClientRig {};

TEST_F(ClientAsks, FollowsTheHintAndRemembersThePrimary) {
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

TEST_F(ClientAsks, ReplicasThatPointAtEachOtherCauseNoStorm) {
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

TEST_F(ClientAsks, DuringAViewChangeEveryReplicaIsAskedOncePerPause) {
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

TEST_F(ClientAsks, SilenceIsAnsweredByAskingTheNextNodeAfterDoublingPauses) {
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

TEST_F(ClientAsks, EveryCopyOfARequestHasTheSameBytes) {
  open_session();
  submit(2, "body");
  const Sent first = take();
  pass(1000);
  ASSERT_GE(sent.size(), 2u);
  for (const Sent& copy : sent) EXPECT_EQ(copy.header.checksum, first.header.checksum);
}

TEST_F(ClientAsks, WithoutAConnectionItWaitsForOneAndThenSends) {
  submit(1);
  pass(1000);
  EXPECT_TRUE(sent.empty());
  connect(2);
  EXPECT_EQ(take().node, NodeId(2));
}

TEST_F(ClientAsks, AfterAReconnectTheUnansweredIsSentAgain) {
  open_session();
  submit(2);
  take();
  lose(1);
  EXPECT_TRUE(sent.empty()) << "another node's connection is no reason";
  connect(0);
  EXPECT_EQ(take().node, NodeId(0));
}

TEST_F(ClientAsks, WhenThePrimaryIsLostAnotherNodeIsAskedAtOnce) {
  open_session();
  submit(2);
  take();
  lose(0);
  EXPECT_EQ(take().node, NodeId(1));
}

TEST_F(ClientAsks, ADroppedSendIsRepeatedSoon) {
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

TEST_F(ClientAsks, BusyIsRetriedAfterAPauseWithinTheDeadline) {
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

TEST_F(ClientAsks, WhatIsInASendQueueIsNeverWrittenAgain) {
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

TEST_F(ClientAsks, ADeposedPrimaryDoesNotKnowNewSessions) {
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

TEST_F(ClientAsks, AHintFromAnOlderViewIsNotFollowed) {
  connect_all();
  submit(1);
  grant(take(), 7, 5);
  hint(take(), 2, 4);
  EXPECT_EQ(take().node, NodeId(1)) << "the next in turn";
}

}  // namespace
}  // namespace keelson
