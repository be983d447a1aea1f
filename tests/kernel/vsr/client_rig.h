// ClientRig: a client whose every send is looked at and answered by hand, over a clock that a test moves.
//
// Who uses it: the tests of vsr/client.h, by what they are about: sessions and order (client_test), whom it asks and
// when again (client_asks_test), what it says happened (client_outcome_test). Not here: a cluster that answers by
// itself (client_property_test.cc).
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "keelson/vsr/client.h"
#include "keelson/wire/validate.h"

namespace keelson::test {

class ClientRig : public ::testing::Test {
 protected:
  static constexpr ClusterId cluster{11, 12};
  static constexpr ClientId base_id{21, 22};
  static constexpr u64 default_timeout_ms = 5000;

  explicit ClientRig(const Limits& l = Limits::tiny()) : limits(l) {}

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

}  // namespace keelson::test
