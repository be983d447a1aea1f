#include "keelson/vsr/client.h"

#include <algorithm>

#include "keelson/vsr/client_impl.h"
#include "keelson/wire/validate.h"

namespace keelson {
namespace {

// Per client process, all groups: what one step can answer must fit its EffectBag.
constexpr u32 submissions_max = 4096;
constexpr u32 groups_max = 256;

}  // namespace

Client::Client(const ClientConfig& config, Slabs& slabs) : impl_(new Impl(config, slabs)) {}
Client::~Client() = default;
void Client::step(const EventBag& in, EffectBag& out) { impl_->step(in, out); }
Instant Client::deadline() const { return impl_->deadline(); }
std::size_t Client::outstanding() const { return impl_->outstanding(); }
const Counters& Client::counters() const { return impl_->counters(); }

Client::Impl::Impl(const ClientConfig& config, Slabs& slabs)
    : config_(config),
      slabs_(slabs),
      prng_(config.seed),
      timers_(submissions_max + groups_max),
      connected_(config.node_count),
      submissions_(submissions_max),
      groups_(groups_max),
      group_ids_(groups_max) {
  check(config.node_count > 0 && !config.id.is_zero());
  connected_.resize(config.node_count);
}

void Client::Impl::step(const EventBag& in, EffectBag& out) {
  now_ = in.now;
  out_ = &out;
  for (const PeerEvent& event : in.peers) on_peer(event);
  for (const Envelope& envelope : in.messages) on_message(envelope);
  for (const ClientSubmit& submit : in.submissions) on_submit(submit);
  on_timers();
  for (Group& group : groups_)
    if (group.due) transmit(group);
  out_ = nullptr;
}

void Client::Impl::on_peer(const PeerEvent& event) {
  if (!event.peer.is_node() || event.peer.node_id().raw() >= config_.node_count) return;
  const NodeId node = event.peer.node_id();
  if (event.kind == PeerEventKind::connected) connected_[node.raw()] = 1;
  if (event.kind == PeerEventKind::lost) connected_[node.raw()] = 0;
  for (Group& group : groups_) {
    if (group.head == none) continue;
    if (event.kind == PeerEventKind::connected) {
      // Whoever has nobody to talk to takes this one; a copy sent over the old connection may be lost with it.
      if (group.target == node || !is_connected(group.target)) group.due = true;
    } else if (group.target == node && event.kind == PeerEventKind::lost) {
      hop(group);
    } else if (group.target == node && event.kind == PeerEventKind::send_dropped) {
      timers_.arm_if_sooner(group.timer, now_ + config_.tunables.client_resend);
    }
  }
}

void Client::Impl::on_message(const Envelope& envelope) {
  if (!envelope.peer.is_node() || envelope.peer.node_id().raw() >= config_.node_count)
    return counters_.add(Counter::drop_author);
  const Bytes bytes = envelope.message.bytes();
  if (const Reject why = validate_content(bytes, config_.limits); why != Reject::none)
    return counters_.add(counter_of(why));
  if (envelope.message.command() != Command::reply) return counters_.add(Counter::drop_command);
  const Reply reply = envelope.message.as<Reply>();
  const u32 index = find_group(reply.group);
  if (index == none || !is_answer(groups_[index], reply)) return counters_.add(Counter::drop_not_asked);
  Group& group = groups_[index];
  if (reply.op == Op(0)) return on_refused(group, reply, envelope.peer.node_id(), envelope.message);
  note_view(group, reply);
  if (group.exchange.registers)
    on_registered(group, reply);
  else
    on_executed(group, reply, envelope.message);
}

void Client::Impl::on_submit(const ClientSubmit& submit) {
  if (submit.group == no_group) return reject(submit, Status::group_unknown);
  if (submit.body.size() > config_.limits.request_body_max()) return reject(submit, Status::too_large);
  if (submit.operation == operation_register || (submit.operation == operation_unregister && !submit.body.empty()))
    return reject(submit, Status::bad_request);  // registering is the client's own affair
  const u32 index = group_of(submit.group);
  if (index == none || groups_[index].queued >= config_.limits.request_queue_max) return reject(submit, Status::busy);
  const u32 body_size = static_cast<u32>(submit.body.size());
  MessageRef message = allocate_message(slabs_, body_size);
  if (!message) return reject(submit, Status::busy);
  const u32 slot = take_slot();
  if (slot == none) return reject(submit, Status::busy);
  copy(body_of(message, body_size), submit.body);

  Submission& submission = submissions_[slot];
  submission.ticket = submit.ticket;
  submission.operation = submit.operation;
  submission.deadline = now_ + (submit.timeout == Duration() ? config_.timeout : submit.timeout);
  submission.message = std::move(message);
  submission.sealed = false;
  submission.body_size = body_size;
  submission.group = index;
  timers_.arm(submission.timer, submission.deadline);
  ++outstanding_;
  enqueue(groups_[index], slot);
}

void Client::Impl::on_timers() {
  Timers::Due due;
  while (timers_.pop_due(now_, due)) {
    const u32 index = static_cast<u32>(due.owner);
    if (due.kind == static_cast<u32>(TimerKind::resend)) {
      Group& group = groups_[index];
      if (group.head == none) continue;
      ++group.exchange.timeouts;
      group.exchange.hops = 0;
      rotate(group);
      group.due = true;
      continue;
    }
    Group& group = groups_[submissions_[index].group];
    const bool was_sent = group.head == index && !group.exchange.registers && group.exchange.copies > 0;
    if (group.head == index) {
      end_head(group, Status::deadline_passed, was_sent ? Outcome::unknown : Outcome::not_executed,
               group.exchange.refusal, false);
    } else {
      unlink(group, index);
      finish(index, Status::deadline_passed, Outcome::not_executed, {});
    }
  }
}

void Client::Impl::reject(const ClientSubmit& submit, Status status) {
  counters_.add(Counter::requests_refused);
  out_->replies.push_back({submit.ticket, status, Outcome::not_executed, {}});
}

void Client::Impl::finish(u32 slot, Status status, Outcome outcome, MessageRef message) {
  Submission& submission = submissions_[slot];
  timers_.disarm(submission.timer);
  out_->replies.push_back({submission.ticket, status, outcome, std::move(message)});
  submission.message = {};
  submission.group = none;
  submission.next = free_slot_;
  free_slot_ = slot;
  --outstanding_;
}

u32 Client::Impl::take_slot() {
  if (free_slot_ != none) {
    const u32 slot = free_slot_;
    free_slot_ = submissions_[slot].next;
    return slot;
  }
  if (submissions_.full()) return none;
  const u32 slot = static_cast<u32>(submissions_.size());
  submissions_.emplace_back().timer = timers_.create(slot, static_cast<u32>(TimerKind::submission_deadline));
  return slot;
}

void Client::Impl::enqueue(Group& group, u32 slot) {
  submissions_[slot].next = none;
  if (group.head == none) {
    group.head = slot;
    group.due = true;
  } else {
    submissions_[group.tail].next = slot;
  }
  group.tail = slot;
  ++group.queued;
  group.last_use = now_;
}

void Client::Impl::unlink(Group& group, u32 slot) {
  const u32 next = submissions_[slot].next;
  if (group.head == slot) {
    group.head = next;
    if (next == none) group.tail = none;
  } else {
    u32 before = group.head;
    while (submissions_[before].next != slot) before = submissions_[before].next;
    submissions_[before].next = next;
    if (group.tail == slot) group.tail = before;
  }
  --group.queued;
}

u32 Client::Impl::find_group(GroupId group) const {
  const auto* const found = std::find(group_ids_.begin(), group_ids_.end(), group);
  return found == group_ids_.end() ? none : static_cast<u32>(found - group_ids_.begin());
}

u32 Client::Impl::group_of(GroupId id) {
  if (const u32 known = find_group(id); known != none) return known;
  u32 index = static_cast<u32>(groups_.size());
  if (!groups_.full()) {
    groups_.emplace_back().timer = timers_.create(index, static_cast<u32>(TimerKind::resend));
    group_ids_.push_back(id);
  } else {
    // The group that has been idle longest is forgotten, and its session with it.
    index = none;
    for (u32 i = 0; i < groups_.size(); ++i)
      if (groups_[i].head == none && (index == none || groups_[i].last_use < groups_[index].last_use)) index = i;
    if (index == none) return none;
    const u32 timer = groups_[index].timer;
    timers_.disarm(timer);
    groups_[index] = Group();
    groups_[index].timer = timer;
    group_ids_[index] = id;
    recycled_ = true;
  }
  groups_[index].group = id;
  groups_[index].client = recycled_ ? fresh_client_id() : config_.id;
  groups_[index].target = NodeId(0);
  return index;
}

}  // namespace keelson
