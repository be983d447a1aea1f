// QueueModel: what a fair queue may do with messages, one committed operation after the other; and what may
// be at the end. A message that was accepted is acknowledged, dead, dropped for a reason, or still there.
//
// Who uses it: judge_queue (queue_calls.h) over histories; the replay checker, once there is a queue machine. It knows
// leases, order per key and fates, not the scheduler: which ready message comes next among keys is free. Time is that
// of the operations (nanoseconds, replicated). Not here: files, unknown outcomes of clients (queue_calls.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

enum class QueueOrder : u8 {
  none,   // per key, first deliveries come in the order of acceptance
  by_key  // and no other message of a key while one is leased or waits for its retry
};

struct QueueRules {
  QueueOrder order = QueueOrder::none;
  u32 attempts_max = 20;  // failed ones, until a message is dead
};

// What clients said that may have been done, and may not: a delivery or the end must fit one of the two.
struct QueueMaybe {
  bool returned = false;  // a nack or a release of the newest token
  bool gone = false;      // an ack or a reject of it
  bool dead = false;      // a nack to the dead
  bool longer = false;    // an extension of its lease
};

// Each verb says what is wrong, or nothing; after the first wrong the model is of no more use.
class QueueModel {
 public:
  using Wrong = std::optional<std::string>;
  explicit QueueModel(const QueueRules& rules) : rules_(rules) {}

  Wrong enqueue(u64 seq, const std::string& key, const std::string& body, u64 at, u64 visible_at);
  Wrong deliver(u64 seq, const std::string& key, const std::string& body, u64 token, u64 at, u64 until);
  // `accepted`: what the machine answered; false: the lease is lost or over.
  Wrong ack(u64 seq, u64 token, u64 at, bool accepted);
  Wrong nack(u64 seq, u64 token, u64 at, bool accepted, bool to_dead, u64 visible_at);
  Wrong release(u64 seq, u64 token, u64 at, bool accepted);
  Wrong extend(u64 seq, u64 token, u64 at, bool accepted, u64 until);

  void maybe_settled(u64 seq, u64 token, QueueMaybe maybe);
  // Of a delivery that nobody heard of: of any message.
  void maybe_delivered() { ++lost_deliveries_; }
  // Of an enqueue whose outcome nobody knows; a delivery of such a message shows that it was accepted.
  void maybe_enqueued(const std::string& key, const std::string& body) { attempts_.push_back({key, body}); }

  // The end: what is still there, and what is dead. Everything accepted must have a place, in one of them only.
  Wrong finish(const std::vector<u64>& there, const std::vector<u64>& dead, u64 at);
  u64 accepted() const { return messages_.size(); }
  u64 acknowledged() const { return acknowledged_; }

 private:
  enum class Fate : u8 { waiting, leased, acknowledged, dead };
  struct Message {
    std::string key, body;
    Fate fate = Fate::waiting;
    u64 token = 0;       // newest
    u64 until = 0;       // of its lease
    u64 visible_at = 0;  // waiting: not before
    bool delayed = false;
    bool delivered = false;  // once
    u32 failures = 0;        // certain ones; a lease that ended is one
    u32 maybe_failures = 0;
    QueueMaybe maybe;
  };
  Wrong holds_lease(const Message& message, u64 seq, u64 token, u64 at, bool accepted, const char* verb) const;
  Wrong in_order(u64 seq, const Message& message, u64 at) const;
  Wrong may_be_taken(u64 seq, const Message& message, u64 at);
  void failed(Message& message, u64 visible_at) const;
  bool maybe_dead(const Message& message, u64 at) const;
  static std::string name(u64 seq) { return "message " + std::to_string(seq); }

  struct Attempt {
    std::string key, body;
  };
  QueueRules rules_;
  std::map<u64, Message> messages_;
  std::map<std::string, std::vector<u64>> keys_;  // in the order of acceptance
  std::vector<Attempt> attempts_;                 // enqueues of unknown outcome
  u64 lost_deliveries_ = 0;
  u64 highest_ = 0;
  u64 acknowledged_ = 0;
};

}  // namespace keelson::sim
