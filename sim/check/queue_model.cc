#include "keelson/sim/check/queue_model.h"

#include <algorithm>

namespace keelson::sim {

QueueModel::Wrong QueueModel::enqueue(u64 seq, const std::string& key, const std::string& body, u64 at,
                                      u64 visible_at) {
  if (messages_.contains(seq)) return name(seq) + " is accepted twice";
  if (seq <= highest_) return name(seq) + " is accepted after message " + std::to_string(highest_);
  Message& message = messages_[seq];
  message.key = key;
  message.body = body;
  message.visible_at = visible_at;
  message.delayed = visible_at > at;
  keys_[key].push_back(seq);
  highest_ = seq;
  return {};
}

QueueModel::Wrong QueueModel::deliver(u64 seq, const std::string& key, const std::string& body, u64 token, u64 at,
                                      u64 until) {
  auto known = messages_.find(seq);
  if (known == messages_.end()) {
    const auto attempt = std::find_if(attempts_.begin(), attempts_.end(),
                                      [&](const Attempt& a) { return a.key == key && a.body == body; });
    if (attempt == attempts_.end()) return name(seq) + " is delivered, and nobody enqueued it";
    attempts_.erase(attempt);
    known = messages_.try_emplace(seq).first;
    known->second.key = key;
    known->second.body = body;
    auto& of_key = keys_[key];
    of_key.insert(std::upper_bound(of_key.begin(), of_key.end(), seq), seq);
    highest_ = std::max(highest_, seq);
  }
  Message& message = known->second;
  if (message.key != key || message.body != body) return name(seq) + " is delivered with another key or other bytes";
  if (token <= message.token)
    return name(seq) + " is delivered under token " + std::to_string(token) + " after " + std::to_string(message.token);
  if (const Wrong wrong = may_be_taken(seq, message, at)) return wrong;
  if (const Wrong wrong = in_order(seq, message, at)) return wrong;
  message.fate = Fate::leased;
  message.token = token;
  message.until = until;
  message.delivered = true;
  message.maybe = {};
  return {};
}

// Whether it waits: it never was leased, or its lease ended, or somebody who nobody heard of again gave it back.
QueueModel::Wrong QueueModel::may_be_taken(u64 seq, const Message& seen, u64 at) {
  Message& message = messages_[seq];
  const bool given_back = seen.maybe.returned;
  switch (seen.fate) {
    case Fate::acknowledged:
      return name(seq) + " is delivered after it was acknowledged";
    case Fate::dead:
      return name(seq) + " is delivered, and it is dead";
    case Fate::leased:
      if (at < seen.until && !given_back)
        return name(seq) + " is delivered to two: the lease of token " + std::to_string(seen.token) + " lasts until " +
               std::to_string(seen.until) + ", and it is " + std::to_string(at);
      if (given_back)
        ++message.maybe_failures;
      else
        failed(message, 0);
      if (message.fate == Fate::dead) return name(seq) + " is delivered, and its attempts are used up";
      return {};
    case Fate::waiting:
      if (at < seen.visible_at) return name(seq) + " is delivered before its delay is over";
      return {};
  }
  return {};
}

QueueModel::Wrong QueueModel::in_order(u64 seq, const Message& message, u64 at) const {
  u64 never_delivered = 0;
  for (const u64 before : keys_.at(message.key)) {
    if (before >= seq) return {};
    const Message& other = messages_.at(before);
    if (other.fate == Fate::acknowledged || other.fate == Fate::dead) continue;
    if (rules_.order == QueueOrder::by_key && !other.maybe.gone && !maybe_dead(other, at))
      return name(seq) + " is delivered while " + name(before) + " of the same key is not settled";
    if (message.delivered || other.delivered || message.delayed || other.delayed) continue;
    if (++never_delivered > lost_deliveries_)
      return name(seq) + " is delivered before " + name(before) + " of the same key ever was";
  }
  return {};
}

bool QueueModel::maybe_dead(const Message& message, u64 at) const {
  const bool one_more = message.maybe.returned || (message.fate == Fate::leased && message.until <= at);
  return message.fate == Fate::dead || message.maybe.dead ||
         message.failures + message.maybe_failures + lost_deliveries_ + one_more >= rules_.attempts_max;
}

void QueueModel::failed(Message& message, u64 visible_at) const {
  ++message.failures;
  message.fate = message.failures >= rules_.attempts_max ? Fate::dead : Fate::waiting;
  message.visible_at = visible_at;
}

// What a settling verb may be answered: accepted only under the newest token, in time; refused only otherwise.
QueueModel::Wrong QueueModel::holds_lease(const Message& message, u64 seq, u64 token, u64 at, bool accepted,
                                          const char* verb) const {
  const bool holds = message.fate == Fate::leased && message.token == token && at < message.until;
  const bool maybe_not = message.maybe.returned || message.maybe.gone || message.maybe.dead;
  const std::string what = name(seq) + ": " + verb + " under token " + std::to_string(token);
  const bool maybe_holds = message.fate == Fate::leased && message.token == token && message.maybe.longer;
  if (accepted && !holds && !maybe_holds)
    return what + " is accepted, and " +
           (message.token != token
                ? "the newest one is " + std::to_string(message.token)
                : std::string(message.fate == Fate::leased ? "its lease is over" : "it holds no lease"));
  if (!accepted && holds && !maybe_not) return what + " is refused, and it holds the lease";
  return {};
}

QueueModel::Wrong QueueModel::ack(u64 seq, u64 token, u64 at, bool accepted) {
  const auto known = messages_.find(seq);
  if (known == messages_.end()) return accepted ? Wrong(name(seq) + " is acknowledged, and nobody got it") : Wrong();
  if (const Wrong wrong = holds_lease(known->second, seq, token, at, accepted, "an ack")) return wrong;
  if (accepted) {
    known->second.fate = Fate::acknowledged;
    ++acknowledged_;
  }
  return {};
}

QueueModel::Wrong QueueModel::nack(u64 seq, u64 token, u64 at, bool accepted, bool to_dead, u64 visible_at) {
  const auto known = messages_.find(seq);
  if (known == messages_.end()) return accepted ? Wrong(name(seq) + " is given back, and nobody got it") : Wrong();
  if (const Wrong wrong = holds_lease(known->second, seq, token, at, accepted, "a nack")) return wrong;
  if (!accepted) return {};
  failed(known->second, visible_at);
  if (to_dead) known->second.fate = Fate::dead;
  return {};
}

QueueModel::Wrong QueueModel::release(u64 seq, u64 token, u64 at, bool accepted) {
  const auto known = messages_.find(seq);
  if (known == messages_.end()) return accepted ? Wrong(name(seq) + " is given back, and nobody got it") : Wrong();
  if (const Wrong wrong = holds_lease(known->second, seq, token, at, accepted, "a release")) return wrong;
  if (!accepted) return {};
  known->second.fate = Fate::waiting;
  known->second.visible_at = 0;
  return {};
}

QueueModel::Wrong QueueModel::extend(u64 seq, u64 token, u64 at, bool accepted, u64 until) {
  const auto known = messages_.find(seq);
  if (known == messages_.end()) return accepted ? Wrong(name(seq) + " is extended, and nobody got it") : Wrong();
  if (const Wrong wrong = holds_lease(known->second, seq, token, at, accepted, "an extension")) return wrong;
  if (accepted) known->second.until = until;
  return {};
}

void QueueModel::maybe_settled(u64 seq, u64 token, QueueMaybe maybe) {
  const auto known = messages_.find(seq);
  if (known == messages_.end() || known->second.token != token) return;  // it could only be refused
  known->second.maybe.returned |= maybe.returned;
  known->second.maybe.gone |= maybe.gone;
  known->second.maybe.dead |= maybe.dead;
  known->second.maybe.longer |= maybe.longer;
}

QueueModel::Wrong QueueModel::finish(const std::vector<u64>& there, const std::vector<u64>& dead, u64 at) {
  std::map<u64, u32> places;
  for (const u64 seq : there) ++places[seq];
  for (const u64 seq : dead) ++places[seq];
  for (const auto& [seq, count] : places) {
    if (count > 1) return name(seq) + " is in two places at the end";
    if (!messages_.contains(seq) && attempts_.empty())
      return name(seq) + " is there at the end, and nobody enqueued it";
  }
  for (const auto& [seq, message] : messages_) {
    const bool is_there = std::find(there.begin(), there.end(), seq) != there.end();
    const bool is_dead = std::find(dead.begin(), dead.end(), seq) != dead.end();
    if (message.fate == Fate::acknowledged && (is_there || is_dead))
      return name(seq) + " is still there, and it was acknowledged";
    if (message.fate == Fate::acknowledged) continue;
    if (!is_there && !is_dead && !message.maybe.gone) return name(seq) + " is lost: accepted, and nowhere at the end";
    if (message.fate == Fate::dead && is_there) return name(seq) + " is there, and its attempts are used up";
    if (is_dead && !maybe_dead(message, at))
      return name(seq) + " is dead after " + std::to_string(message.failures) + " failed attempts of " +
             std::to_string(rules_.attempts_max);
  }
  return {};
}

}  // namespace keelson::sim
