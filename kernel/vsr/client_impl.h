// The inside of Client: submissions waiting per group, and the one exchange a group may have with the cluster.
//
// Who uses it: client.cc (what comes in) and client_exchange.cc (what is done about it), nobody else.
#pragma once

#include "keelson/base/random.h"
#include "keelson/base/timers.h"
#include "keelson/vsr/client.h"

namespace keelson {

class Client::Impl {
 public:
  Impl(const ClientConfig& config, Slabs& slabs);

  void step(const EventBag& in, EffectBag& out);
  Instant deadline() const { return timers_.deadline(); }
  std::size_t outstanding() const { return outstanding_; }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr u32 none = ~u32{0};
  enum class TimerKind : u8 { submission_deadline, resend };

  struct Submission {
    Ticket ticket;
    Operation operation;
    Instant deadline;
    MessageRef message;   // the body, behind room for a header
    bool sealed = false;  // it has a header, and may be on its way: never written again
    u32 body_size = 0;
    u32 group = none;  // index; none: the slot is free
    u32 next = none;   // of the group's queue, or of the free list
    u32 timer = none;
  };

  // One message that is being sent until it is answered: a register, or the request at the head of the queue.
  struct Exchange {
    MessageRef message;  // empty: there is no exchange
    bool registers = false;
    u32 copies = 0;  // ever sent
    Instant first_sent;
    u32 timeouts = 0;    // since there was an answer of any kind to it
    u32 hops = 0;        // sent on without a pause
    MessageRef refusal;  // the newest
  };

  struct Group {
    GroupId group;
    ClientId client;
    SessionId session;          // 0: not registered
    RequestNo next_request{1};  // of the session
    RequestNo executed;         // the newest
    u32 head = none;
    u32 tail = none;
    u32 queued = 0;
    Exchange exchange;
    bool due = false;  // something is to be sent when the events of this step are done
    NodeId target;     // where the newest copy went, or the next one goes
    ViewId view;       // newest that a primary or a normal replica told
    u32 timer = none;  // resend
    Instant last_use;
  };

  // What comes in: client.cc.
  void on_peer(const PeerEvent& event);
  void on_message(const Envelope& envelope);
  void on_submit(const ClientSubmit& submit);
  void on_timers();
  u32 group_of(GroupId group);  // index, made on first use; none: too many are busy
  u32 find_group(GroupId group) const;
  u32 take_slot();
  void enqueue(Group& group, u32 slot);
  void unlink(Group& group, u32 slot);
  // Answers a submission and frees its slot.
  void finish(u32 slot, Status status, Outcome outcome, MessageRef message);
  void reject(const ClientSubmit& submit, Status status);

  // What is done about it: client_exchange.cc.
  void transmit(Group& group);
  bool begin_exchange(Group& group);
  MessageRef seal_request(const Group& group, Submission& submission);
  bool is_answer(const Group& group, const Reply& reply) const;
  bool is_only_copy(const Exchange& exchange) const;
  void on_registered(Group& group, const Reply& reply);
  void on_executed(Group& group, const Reply& reply, const MessageRef& message);
  void on_refused(Group& group, const Reply& reply, NodeId from, const MessageRef& message);
  void follow_hint(Group& group, const Reply& reply, NodeId from);
  void on_session_over(Group& group, const Reply& reply);
  bool gives_back(const Group& group) const;  // the head of the queue is an unregister
  void end_unregistered(Group& group);
  void end_head(Group& group, Status status, Outcome outcome, const MessageRef& message, bool number_is_spent);
  void hop(Group& group);
  void rotate(Group& group);
  void clear_exchange(Group& group);
  // The session is never used again: what was sent under it may still execute, once, and never under the next one.
  void abandon_session(Group& group);
  ClientId fresh_client_id();
  void note_view(Group& group, const Reply& reply);
  bool is_connected(NodeId node) const { return node.raw() < connected_.size() && connected_[node.raw()]; }
  Duration resend_after(u32 timeouts);

  ClientConfig config_;
  Slabs& slabs_;
  Prng prng_;
  Counters counters_;
  Timers timers_;
  Vec<u8> connected_;            // by node
  Vec<Submission> submissions_;  // slots, made on demand
  u32 free_slot_ = none;
  std::size_t outstanding_ = 0;
  Vec<Group> groups_;
  Vec<GroupId> group_ids_;  // of groups_, for the search
  u64 identities_ = 0;      // derived from config_.id so far
  bool recycled_ = false;   // a group's entry was reused, and its session number with it forgotten
  Instant now_;
  EffectBag* out_ = nullptr;  // during a step
};

}  // namespace keelson
