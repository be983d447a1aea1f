// One exchange of a client: what is sent where, and what an answer or a refusal means for the request and its session.
#include <algorithm>
#include <utility>

#include "keelson/base/checksum.h"
#include "keelson/vsr/client_impl.h"
#include "keelson/vsr/client_rules.h"

namespace keelson {
namespace {

constexpr u32 backoff_doublings_max = 4;
constexpr u64 identity_seed = 0x4b4c434c49454e54;

// Of a request of a submission that ends at `deadline`; at least one, for 0 says that there is none.
u32 milliseconds_until(Instant deadline, Instant now) {
  const u64 ms = deadline.since(now).ns() / 1'000'000;
  return static_cast<u32>(std::clamp<u64>(ms, 1, ~u32{0}));
}

}  // namespace

// ---------------------------------------------------------------- sending

void Client::Impl::transmit(Group& group) {
  group.due = false;
  while (group.head != none && group.session == SessionId(0) && gives_back(group)) end_unregistered(group);
  if (group.head == none) return;
  if (!is_connected(group.target)) rotate(group);
  if (!is_connected(group.target)) return timers_.disarm(group.timer);  // the next `connected` sends it
  if (!group.exchange.message && !begin_exchange(group))
    return timers_.arm(group.timer, now_ + config_.tunables.client_resend);  // no slab is free
  out_->sends.push_back({Peer::node(group.target), ShardId(0), group.exchange.message});
  if (group.exchange.copies++ == 0) group.exchange.first_sent = now_;
  timers_.arm(group.timer, now_ + resend_after(group.exchange.timeouts));
}

bool Client::Impl::begin_exchange(Group& group) {
  Exchange& exchange = group.exchange;
  exchange.registers = group.session == SessionId(0);
  if (exchange.registers) {
    Request header = make<Request>();
    header.cluster = config_.cluster;
    header.group = group.group;
    header.client = group.client;
    header.operation = operation_register;
    exchange.message = make_message(slabs_, header);
  } else {
    exchange.message = seal_request(group, submissions_[group.head]);
  }
  return static_cast<bool>(exchange.message);
}

// Under another session the same submission becomes another message, for the first may still be in a send queue.
MessageRef Client::Impl::seal_request(const Group& group, Submission& submission) {
  MessageRef message = submission.message;
  if (submission.sealed) {
    message = allocate_message(slabs_, submission.body_size);
    if (!message) return {};
    copy(body_of(message, submission.body_size), submission.message.body());
  }
  Request header = make<Request>();
  header.cluster = config_.cluster;
  header.group = group.group;
  header.client = group.client;
  header.session = group.session;
  header.request = group.next_request;
  header.ack_floor = group.executed;
  header.deadline_ms = milliseconds_until(submission.deadline, now_);
  header.operation = submission.operation;
  seal(message, header, submission.body_size);
  submission.sealed = true;
  return message;
}

Duration Client::Impl::resend_after(u32 timeouts) {
  const Duration pause = config_.tunables.client_resend * (u64{1} << std::min(timeouts, backoff_doublings_max));
  return pause + prng_.below(pause / 8);
}

// Sends on at once, as long as that isn't a circle; after that the pause decides.
void Client::Impl::hop(Group& group) {
  if (++group.exchange.hops > config_.node_count) return;
  if (!is_connected(group.target)) rotate(group);
  group.due = true;
}

// The next node in turn that can be reached; the same one when there is no other.
void Client::Impl::rotate(Group& group) {
  for (u32 step = 1; step <= config_.node_count; ++step) {
    const NodeId candidate(static_cast<u16>((group.target.raw() + step) % config_.node_count));
    if (!is_connected(candidate)) continue;
    group.target = candidate;
    return;
  }
}

// ---------------------------------------------------------------- answers

bool Client::Impl::is_answer(const Group& group, const Reply& reply) const {
  if (group.head == none || !group.exchange.message || reply.client != group.client) return false;
  const Request asked = group.exchange.message.as<Request>();
  if (!is_reply_to(reply, asked)) return false;
  if (group.exchange.registers) return reply.op == Op(0) || reply.session != SessionId(0);
  return reply.session == asked.session;
}

bool Client::Impl::is_only_copy(const Exchange& exchange) const {
  return speaks_for_all(exchange.copies, now_, exchange.first_sent, Duration(config_.limits.session_ttl_ns));
}

void Client::Impl::note_view(Group& group, const Reply& reply) {
  group.view = std::max(group.view, ViewId{reply.epoch, reply.view});
}

void Client::Impl::on_registered(Group& group, const Reply& reply) {
  group.session = reply.session;
  group.next_request = RequestNo(1);
  group.executed = RequestNo(0);
  clear_exchange(group);
  group.due = true;
}

void Client::Impl::on_executed(Group& group, const Reply& reply, const MessageRef& message) {
  const auto status = static_cast<Status>(reply.status);
  end_head(group, status, info(status).outcome, message, true);
}

void Client::Impl::on_refused(Group& group, const Reply& reply, NodeId from, const MessageRef& message) {
  const auto status = static_cast<Status>(reply.status);
  group.exchange.refusal = message;
  counters_.add(Counter::requests_refused);
  // A primary that was deposed before our session's view speaks of a past in which there was none.
  const bool from_the_past = ViewId{reply.epoch, reply.view} < group.view;
  if (is_primarys(status)) {
    if (from_the_past) return follow_hint(group, reply, from);
    note_view(group, reply);
  }
  switch (on_refusal(status)) {
    case OnRefusal::follow_hint:
      return follow_hint(group, reply, from);
    case OnRefusal::wait:
      return;  // until the timer says
    case OnRefusal::end:
      return end_head(group, status, Outcome::not_executed, message, false);
    case OnRefusal::end_if_only_copy:
      if (is_only_copy(group.exchange) || group.exchange.registers)
        return end_head(group, status, Outcome::not_executed, message, false);
      return;
    case OnRefusal::session_over:
      return on_session_over(group, reply);
    case OnRefusal::end_unknown:
      return end_head(group, status, Outcome::unknown, message, false);
  }
}

void Client::Impl::follow_hint(Group& group, const Reply& reply, NodeId from) {
  if (from != group.target) return;  // an older copy's: this one's target is newer knowledge
  const bool believed = reply.hint_primary.raw() < config_.node_count && reply.hint_primary != from &&
                        !(ViewId{reply.epoch, reply.view} < group.view);
  if (believed) {
    note_view(group, reply);
    group.target = reply.hint_primary;
  } else {
    rotate(group);
  }
  hop(group);
}

// Nothing of this session can execute from now on. Did it before? Only another copy could have.
void Client::Impl::on_session_over(Group& group, const Reply& reply) {
  if (group.exchange.registers) return;  // no answer to a register
  if (gives_back(group)) return end_unregistered(group);
  if (!is_only_copy(group.exchange)) {
    const MessageRef refusal = group.exchange.refusal;
    return end_head(group, static_cast<Status>(reply.status), Outcome::unknown, refusal, false);
  }
  abandon_session(group);
  clear_exchange(group);
  group.due = true;
}

// ---------------------------------------------------------------- endings

bool Client::Impl::gives_back(const Group& group) const {
  return submissions_[group.head].operation == operation_unregister;
}

// Whichever copy of it did that, or none had to.
void Client::Impl::end_unregistered(Group& group) { end_head(group, Status::ok, Outcome::executed, {}, false); }

void Client::Impl::end_head(Group& group, Status status, Outcome outcome, const MessageRef& message,
                            bool number_is_spent) {
  // A reference of its own: `message` may be the exchange's, which ends here.
  const MessageRef kept = message;  // NOLINT(performance-unnecessary-copy-initialization)
  const bool was_sent = !group.exchange.registers && group.exchange.copies > 0;
  const bool refused_by_all = on_refusal(status) == OnRefusal::end;
  if (number_is_spent)
    group.executed = std::exchange(group.next_request, group.next_request + 1);
  else if (was_sent && outcome == Outcome::not_executed && !refused_by_all)
    ++group.next_request;  // what the network may double of it must not meet another request of that number
  else if (was_sent && !refused_by_all)
    abandon_session(group);
  const u32 slot = group.head;
  unlink(group, slot);
  clear_exchange(group);
  group.due = group.head != none;
  group.last_use = now_;
  finish(slot, status, outcome, kept);
}

void Client::Impl::clear_exchange(Group& group) {
  group.exchange = Exchange();
  timers_.disarm(group.timer);
}

void Client::Impl::abandon_session(Group& group) {
  group.session = SessionId(0);
  group.client = fresh_client_id();
  group.next_request = RequestNo(1);
  group.executed = RequestNo(0);
}

ClientId Client::Impl::fresh_client_id() {
  struct {
    ClientId id;
    u64 count;
  } const of{config_.id, ++identities_};
  const Digest derived = digest_of(bytes_of(of), identity_seed);
  return {derived.lo, derived.hi | 1};  // never zero
}

}  // namespace keelson
