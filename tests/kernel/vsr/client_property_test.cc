#include <gtest/gtest.h>
#include <map>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <vector>

#include "keelson/base/random.h"
#include "keelson/vsr/client.h"
#include "keelson/vsr/sessions.h"

namespace keelson {
namespace {

constexpr ClusterId cluster{1, 2};
constexpr u16 node_count = 3;
constexpr u64 ms = 1'000'000;

struct Faults {
  u32 loss_permille = 0;
  u32 duplicate_permille = 0;
  u32 late_permille = 0;  // delayed by up to five seconds
  u32 busy_permille = 0;
  u32 disturbance_permille = 0;  // per 10 ms: fail-over, lost connection, newcomers that want sessions
};

// One group as clients see it: a log that all nodes share, nodes that are behind, and primaries that don't know it.
class FakeGroup {
 public:
  FakeGroup(const Limits& limits, Prng& prng) : prng_(prng) {
    for (u16 n = 0; n < node_count; ++n) nodes_.push_back({Sessions(limits), 0, 1, 0});
  }

  std::vector<u64> executed;  // tickets, in order
  bool full = false;          // once, for ever

  // Empty: no answer.
  std::optional<Reply> on_request(u16 n, const Request& request, u64 ticket, u64 now, u32 busy_permille,
                                  u64& reply_body) {
    Node& node = nodes_[n];
    Reply reply = make<Reply>();
    reply.client = request.client;
    reply.session = request.session;
    reply.request = request.request;
    reply.request_checksum = request.checksum_body;
    reply.epoch = Epoch(1);
    reply.view = View(node.view);
    const auto refuse = [&](Status status) {
      reply.status = static_cast<u16>(status);
      return reply;
    };
    if (node.primary != n) {
      if (prng_.below(4) == 0) {
        reply.view = View(0);  // in a view change
      } else {
        reply.hint_primary = NodeId(node.primary);
      }
      return refuse(Status::not_primary);
    }
    if (prng_.below(1000) < busy_permille) return refuse(Status::busy);
    const bool real = node.view == view_;
    RequestFrame frame{
        request.client,       request.session, request.request, request.ack_floor, 8, request.operation, 0,
        request.checksum_body};
    if (real) catch_up(node);
    const SessionVerdict verdict = node.sessions.judge(frame, Timestamp(now));
    if (verdict == SessionVerdict::execute) {
      if (ticket % 17 == 16 && request.operation != operation_register) return refuse(Status::bad_request);
      if (full) return refuse(Status::storage_full);
      if (!real) return std::nullopt;  // it will never be committed
      append(node, frame, ticket, now);
    }
    return answer(node, frame, verdict, reply, reply_body);
  }

  void fail_over() {
    const u16 old = primary_;
    primary_ = static_cast<u16>((primary_ + 1 + prng_.below(node_count - 1)) % node_count);
    ++view_;
    for (u16 n = 0; n < node_count; ++n)
      if (n == primary_ || (n != old && prng_.below(2))) learn(n);
    catch_up(nodes_[primary_]);
  }
  void heal() {
    for (u16 n = 0; n < node_count; ++n) learn(n);
  }
  // Somebody else registers, and may push an idle session out.
  void newcomer(u64 now) {
    RequestFrame frame;
    frame.client = {prng_.next(), 77};
    frame.operation = operation_register;
    Node& node = nodes_[primary_];
    catch_up(node);
    if (node.sessions.judge(frame, Timestamp(now)) == SessionVerdict::execute) append(node, frame, 0, now);
  }

 private:
  struct Node {
    Sessions sessions;
    std::size_t applied;
    u32 view;
    u16 primary;
  };
  struct Entry {
    RequestFrame frame;
    u64 ticket;
    u64 timestamp;
  };

  void learn(u16 n) {
    nodes_[n].view = view_;
    nodes_[n].primary = primary_;
  }
  void append(Node& node, const RequestFrame& frame, u64 ticket, u64 now) {
    log_.push_back({frame, ticket, now});
    if (frame.operation != operation_register) executed.push_back(ticket);
    catch_up(node);
  }
  void catch_up(Node& node) {
    for (; node.applied < log_.size(); ++node.applied) {
      const Entry& entry = log_[node.applied];
      const Op op(node.applied + 1);
      RC_ASSERT(node.sessions.judge(entry.frame, Timestamp(entry.timestamp)) == SessionVerdict::execute);
      if (entry.frame.operation == operation_register)
        (void)node.sessions.register_client(entry.frame.client, op, Timestamp(entry.timestamp));
      else
        node.sessions.executed(entry.frame, op, Timestamp(entry.timestamp), Status::ok, bytes_of(entry.ticket));
    }
  }
  static Reply answer(const Node& node, const RequestFrame& frame, SessionVerdict verdict, Reply reply,
                      u64& reply_body) {
    if (frame.operation == operation_register && verdict != SessionVerdict::full) {
      const auto session = node.sessions.session_of(frame.client);
      reply.session = *session;
      reply.op = Op(session->raw());
      return reply;
    }
    if (verdict == SessionVerdict::execute || verdict == SessionVerdict::resend) {
      const auto kept = node.sessions.retained(frame.client);
      reply.op = kept->op;
      reply.status = static_cast<u16>(kept->status);
      reply_body = load<u64>(kept->body.data());
      return reply;
    }
    reply.status = static_cast<u16>(status_of(verdict));
    return reply;
  }

  Prng& prng_;
  std::vector<Node> nodes_;
  std::vector<Entry> log_;
  u32 view_ = 1;
  u16 primary_ = 0;
};

// One client, a network that does its worst, and two groups.
class ClientWorld {
 public:
  ClientWorld(u64 seed, const Faults& faults)
      : prng_(seed),
        faults_(faults),
        client_({cluster, {3, 4}, node_count, limits_, Tunables::tiny(), seed, milliseconds(500)}, slabs_) {
    groups_.emplace(1, FakeGroup(limits_, prng_));
    groups_.emplace(2, FakeGroup(limits_, prng_));
    for (u16 n = 0; n < node_count; ++n) set_connected(n, true);
  }

  void submit(Duration timeout) {
    const u64 ticket = ++tickets_;
    const u64 group = 1 + prng_.below(2);
    calls_[ticket] = {group, now_ + (timeout == Duration() ? 500 * ms : timeout.ns()), 0, Status::ok, Outcome::unknown};
    in_.submissions.push_back({Ticket(ticket), GroupId(group), Operation(0x201), timeout, bytes_of(ticket)});
    step();
  }
  void run(u64 duration_ms) {
    for (const u64 end = now_ + duration_ms * ms; now_ < end;) {
      const u64 next_disturbance = (now_ / (10 * ms) + 1) * 10 * ms;
      u64 next = std::min(end, next_disturbance);
      if (!packets_.empty()) next = std::min(next, packets_.begin()->first);
      next = std::max(now_, std::min(next, client_.deadline().ns()));
      now_ = next;
      while (!packets_.empty() && packets_.begin()->first <= now_) deliver();
      if (now_ == next_disturbance) disturb();
      step();
    }
  }
  void heal() {
    faults_ = {};
    for (auto& [id, group] : groups_) group.heal();
    for (u16 n = 0; n < node_count; ++n)
      if (!connected_[n]) set_connected(n, true);
  }
  void fill(u64 group) { groups_.at(group).full = true; }
  u64 outstanding() const { return client_.outstanding(); }
  u64 last_ticket() const { return tickets_; }
  Status status(u64 ticket) const { return calls_.at(ticket).status; }
  bool ok(u64 ticket) const { return calls_.at(ticket).answers == 1 && calls_.at(ticket).outcome == Outcome::executed; }

  // After everything has been delivered.
  void check_history() {
    std::map<u64, u32> runs;
    for (const auto& [id, group] : groups_) {
      u64 newest = 0;
      for (const u64 ticket : group.executed) {
        ++runs[ticket];
        RC_ASSERT(calls_.at(ticket).group == id);
        if (calls_.at(ticket).outcome != Outcome::executed) continue;
        RC_ASSERT(ticket > newest);  // what was answered ran in the order it was asked
        newest = ticket;
      }
    }
    for (const auto& [ticket, call] : calls_) {
      RC_ASSERT(call.answers == 1u);
      RC_ASSERT(runs[ticket] <= 1u);
      if (call.outcome == Outcome::executed) RC_ASSERT(runs[ticket] == 1u);
      if (call.outcome == Outcome::not_executed) RC_ASSERT(runs[ticket] == 0u);
    }
  }
  bool quiet() const { return packets_.empty(); }

 private:
  struct Call {
    u64 group;
    u64 deadline;
    u32 answers;
    Status status;
    Outcome outcome;
  };
  struct Packet {
    bool to_client;
    u16 node;
    std::vector<std::byte> bytes;
  };

  void set_connected(u16 node, bool connected) {
    connected_[node] = connected;
    in_.peers.push_back({connected ? PeerEventKind::connected : PeerEventKind::lost, Peer::node(NodeId(node)), {}, 0});
  }

  void disturb() {
    if (prng_.below(1000) >= faults_.disturbance_permille) return;
    const u64 group = 1 + prng_.below(2);
    const u16 node = static_cast<u16>(prng_.below(node_count));
    switch (prng_.below(3)) {
      case 0:
        return groups_.at(group).fail_over();
      case 1:
        return set_connected(node, !connected_[node]);
      default:
        return groups_.at(group).newcomer(now_);
    }
  }

  void send(bool to_client, u16 node, Bytes bytes) {
    const u32 copies = prng_.below(1000) < faults_.duplicate_permille ? 2 : 1;
    for (u32 i = 0; i < copies; ++i) {
      if (prng_.below(1000) < faults_.loss_permille) continue;
      const bool late = prng_.below(1000) < faults_.late_permille;
      const u64 delay = ms / 10 + prng_.below(late ? 5000 * ms : 5 * ms);
      packets_.emplace(now_ + delay, Packet{to_client, node, {bytes.begin(), bytes.end()}});
    }
  }

  void deliver() {
    const Packet packet = std::move(packets_.extract(packets_.begin()).mapped());
    if (packet.to_client) {
      if (!connected_[packet.node] || in_.messages.full()) return;
      in_.messages.push_back({Peer::node(NodeId(packet.node)), ShardId(0), copy_message(slabs_, packet.bytes)});
      return;
    }
    const Request request = as<Request>(packet.bytes.data());
    const u64 ticket = request.size > header_size ? load<u64>(packet.bytes.data() + header_size) : 0;
    u64 body = 0;
    auto reply =
        groups_.at(request.group.raw()).on_request(packet.node, request, ticket, now_, faults_.busy_permille, body);
    if (!reply) return;
    reply->cluster = cluster;
    reply->group = request.group;
    reply->node = NodeId(packet.node);
    const u32 size = body ? 8 : 0;
    MessageRef message = allocate_message(slabs_, size);
    if (size) store(message.mutable_data() + header_size, body);
    seal(message, *reply, size);
    send(true, packet.node, message.bytes());
  }

  void step() {
    in_.now = Instant(now_);
    client_.step(in_, out_);
    in_.clear();
    for (const Envelope& envelope : out_.sends) {
      RC_ASSERT(connected_[envelope.peer.node_id().raw()]);
      send(false, envelope.peer.node_id().raw(), envelope.message.bytes());
    }
    for (const SubmitReply& answer : out_.replies) {
      Call& call = calls_.at(answer.ticket.raw());
      RC_ASSERT(++call.answers == 1u);
      RC_ASSERT(now_ <= call.deadline);
      call.status = answer.status;
      call.outcome = answer.outcome;
      if (answer.outcome == Outcome::executed)
        RC_ASSERT(load<u64>(answer.message.body().data()) == answer.ticket.raw());
    }
    out_.clear();
    RC_ASSERT(client_.deadline().ns() > now_);
  }

  static Limits world_limits() {
    Limits limits = Limits::tiny();
    limits.events_per_bag_max = 256;
    return limits;
  }

  Limits limits_ = world_limits();
  Slabs slabs_{limits_};
  Prng prng_;
  Faults faults_;
  EventBag in_{limits_};
  EffectBag out_{limits_};
  Client client_;
  std::map<u64, FakeGroup> groups_;
  bool connected_[node_count] = {};
  std::multimap<u64, Packet> packets_;
  std::map<u64, Call> calls_;
  u64 tickets_ = 0;
  u64 now_ = ms;
};

Faults any_faults() {
  Faults faults;
  faults.loss_permille = *rc::gen::elementOf(std::vector<u32>{0, 10, 200, 500});
  faults.duplicate_permille = *rc::gen::elementOf(std::vector<u32>{0, 50, 500});
  faults.late_permille = *rc::gen::elementOf(std::vector<u32>{0, 20, 200});
  faults.busy_permille = *rc::gen::elementOf(std::vector<u32>{0, 50, 300});
  faults.disturbance_permille = *rc::gen::elementOf(std::vector<u32>{0, 20, 100});
  return faults;
}

void some_calls(ClientWorld& world, u64 count) {
  for (u64 i = 0; i < count; ++i) {
    world.submit(milliseconds(*rc::gen::elementOf(std::vector<u64>{0, 20, 100, 300, 1000, 3000})));
    world.run(*rc::gen::elementOf(std::vector<u64>{0, 1, 10, 50, 200, 2500}));
  }
}

RC_GTEST_PROP(ClientProperty, EveryCallIsAnsweredOnceAndTruthfully, ()) {
  ClientWorld world(*rc::gen::arbitrary<u64>(), any_faults());
  some_calls(world, *rc::gen::inRange<u64>(0, 40));
  if (*rc::gen::inRange(0, 4) == 0) {
    world.fill(1);
    some_calls(world, 10);
  }
  world.run(16'000);  // the last deadline, the latest request and its reply
  RC_ASSERT(world.outstanding() == 0u);
  RC_ASSERT(world.quiet());
  world.check_history();
}

RC_GTEST_PROP(ClientProperty, OnceHealedEveryCallSucceeds, ()) {
  ClientWorld world(*rc::gen::arbitrary<u64>(), any_faults());
  some_calls(world, *rc::gen::inRange<u64>(0, 20));
  world.heal();
  world.run(6'000);  // sessions of newcomers are idle by then
  u32 evicted = 0;
  for (int i = 0; i < 10; ++i) {
    world.submit(milliseconds(5000));
    world.run(2'000);
    const u64 ticket = world.last_ticket();
    // The first call of a group may hear that its session is gone, from the second node it asks.
    const bool gone = world.status(ticket) == Status::session_unknown || world.status(ticket) == Status::session_fenced;
    if (gone && ++evicted <= 2) continue;
    RC_ASSERT(world.ok(ticket) || ticket % 17 == 16);
  }
}

}  // namespace
}  // namespace keelson
