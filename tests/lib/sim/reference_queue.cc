#include "tests/lib/sim/reference_queue.h"

#include <algorithm>

namespace keelson::test {
namespace {

using sim::CallEnd;
using sim::QueueAct;
using sim::QueueCall;

class ReferenceQueue {
 public:
  explicit ReferenceQueue(const DrawnQueue& how) : how_(how), random_(how.seed) {}

  std::vector<QueueCall> run() {
    for (u32 i = 0; i < how_.calls; ++i) {
      now_ += 1 + below(20);
      expire();
      const u64 what = below(10);
      if (what < 3)
        enqueue();
      else if (what < 7 || held_.empty())
        dequeue();
      else
        settle();
    }
    now_ += 10'000;  // all leases are over, unless a message is dead of it
    expire();
    QueueCall& drain = call(QueueAct::drain);
    for (const Message& m : messages_) {
      if (m.state == State::waiting) drain.there.push_back(m.seq);
      if (m.state == State::dead) drain.dead.push_back(m.seq);
    }
    return history_;
  }

 private:
  enum class State { waiting, leased, acknowledged, dead };
  struct Message {
    u64 seq;
    std::string key, body;
    State state = State::waiting;
    u64 token = 0, until = 0, visible = 0;
    u32 failures = 0;
  };

  u64 below(u64 n) { return random_() % n; }

  // Calls overlap: each was made some time before it was carried out, and answered some time after.
  QueueCall& call(QueueAct act) {
    QueueCall c;
    c.id = history_.size();
    c.client = below(5);
    c.act = act;
    c.end = CallEnd::ok;
    c.at = now_;
    c.called = now_ * 10 - below(30);
    c.returned = now_ * 10 + below(30);
    history_.push_back(c);
    return history_.back();
  }

  bool loses_answer(QueueCall& c) {
    if (below(100) >= how_.unknown_percent) return false;
    c.end = CallEnd::info;
    c.at = c.until = c.visible = 0;
    return true;
  }

  void expire() {
    for (Message& m : messages_)
      if (m.state == State::leased && m.until <= now_) fail(m, 0);
  }

  void fail(Message& m, u64 visible) {
    m.state = ++m.failures >= how_.rules.attempts_max ? State::dead : State::waiting;
    m.visible = visible;
  }

  void enqueue() {
    QueueCall& c = call(QueueAct::enqueue);
    c.key = std::string(1, static_cast<char>('a' + below(3)));
    c.body = "body " + std::to_string(c.id);
    const bool lost = loses_answer(c);
    if (lost && below(2)) return;  // it never got there
    Message m{++last_seq_, c.key, c.body};
    if (how_.rules.order == sim::QueueOrder::none && below(8) == 0) m.visible = now_ + 50;
    if (!lost) {
      c.seq = m.seq;
      c.visible = m.visible;
    }
    messages_.push_back(m);
  }

  bool blocked(const Message& m) const {
    if (how_.rules.order == sim::QueueOrder::none) return false;
    return std::any_of(messages_.begin(), messages_.end(), [&](const Message& other) {
      return other.seq < m.seq && other.key == m.key && (other.state == State::waiting || other.state == State::leased);
    });
  }

  void dequeue() {
    QueueCall& c = call(QueueAct::dequeue);
    const bool lost = loses_answer(c);
    if (lost && below(2)) return;
    const u64 first_key = below(3);
    for (u64 k = 0; k < 3; ++k)
      for (Message& m : messages_) {
        if (m.key[0] != static_cast<char>('a' + (first_key + k) % 3)) continue;
        if (m.state != State::waiting || m.visible > now_ || blocked(m)) continue;
        m.state = State::leased;
        m.token += 1 + below(3);
        m.until = now_ + 100;
        if (lost) return;
        c.seq = m.seq;
        c.key = m.key;
        c.body = m.body;
        c.token = m.token;
        c.until = m.until;
        held_.push_back({m.seq, m.token});
        return;
      }
  }

  void settle() {
    const auto [seq, token] = held_[below(held_.size())];
    static constexpr QueueAct acts[] = {QueueAct::ack, QueueAct::ack, QueueAct::nack, QueueAct::release,
                                        QueueAct::extend};
    QueueCall& c = call(acts[below(5)]);
    c.seq = seq;
    c.token = token;
    c.to_dead = c.act == QueueAct::nack && below(4) == 0;
    const bool lost = loses_answer(c);
    if (lost && below(2)) return;
    Message& m = *std::find_if(messages_.begin(), messages_.end(), [&](const Message& x) { return x.seq == c.seq; });
    if (m.state != State::leased || m.token != token) {
      c.accepted = false;
      return;
    }
    if (c.act == QueueAct::ack) m.state = State::acknowledged;
    if (c.act == QueueAct::release) {
      m.state = State::waiting;
      m.visible = 0;
    }
    if (c.act == QueueAct::extend) m.until = now_ + 150;
    if (c.act == QueueAct::nack) fail(m, now_ + 30);
    if (c.to_dead) m.state = State::dead;
    if (lost) return;
    if (c.act == QueueAct::extend) c.until = m.until;
    if (c.act == QueueAct::nack) c.visible = m.visible;
  }

  DrawnQueue how_;
  std::mt19937_64 random_;
  std::vector<QueueCall> history_;
  std::vector<Message> messages_;
  std::vector<std::pair<u64, u64>> held_;
  u64 now_ = 100;
  u64 last_seq_ = 0;
};

using Places = std::vector<std::size_t>;

Places where(const std::vector<QueueCall>& history, auto&& holds) {
  Places places;
  for (std::size_t i = 0; i < history.size(); ++i)
    if (history[i].end == CallEnd::ok && holds(history[i])) places.push_back(i);
  return places;
}

bool is_delivery(const QueueCall& c) { return c.act == QueueAct::dequeue && c.seq != 0; }
bool is_ack(const QueueCall& c) { return c.act == QueueAct::ack && c.accepted; }

}  // namespace

std::vector<QueueCall> history_of_a_queue(const DrawnQueue& how) { return ReferenceQueue(how).run(); }

const char* mutation_name(u32 kind) {
  static constexpr const char* names[mutation_count] = {"a message that is there at the end is lost",
                                                        "a dead message is lost",
                                                        "an acknowledged message comes back",
                                                        "a delivery is repeated within its lease",
                                                        "a delivery has another body",
                                                        "a delivery has another key",
                                                        "a delivery of what nobody enqueued",
                                                        "an ack is accepted under an old token",
                                                        "an ack is accepted too late",
                                                        "an ack that is in time is refused",
                                                        "a message is accepted twice",
                                                        "a waiting message is dead without a failure"};
  return names[kind];
}

std::optional<std::vector<QueueCall>> mutated(std::vector<QueueCall> history, u32 kind, u64 seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  const Places deliveries = where(history, is_delivery), acks = where(history, is_ack);
  const Places enqueues = where(history, [](const QueueCall& c) { return c.act == QueueAct::enqueue; });
  QueueCall& drain = history.back();
  const auto take_one = [&](std::vector<u64>& from) {
    const auto at = random() % from.size();
    const u64 seq = from[at];
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(at));
    return seq;
  };
  if (kind <= 1) {
    auto& from = kind == 0 ? drain.there : drain.dead;
    if (from.empty()) return {};
    take_one(from);
  } else if (kind == 2) {
    if (acks.empty()) return {};
    drain.there.push_back(history[pick(acks)].seq);
  } else if (kind <= 6) {
    if (deliveries.empty()) return {};
    QueueCall& c = history[pick(deliveries)];
    if (kind == 3) {
      QueueCall again = c;
      again.token += 100;
      history.insert(history.begin() + (&c - history.data()) + 1, again);
    } else if (kind == 4) {
      c.body += "!";
    } else if (kind == 5) {
      c.key = c.key == "a" ? "b" : "a";
    } else {
      c.seq += 1'000'000;
    }
  } else if (kind == 11) {
    Places fresh;
    for (const u64 seq : drain.there)
      if (std::none_of(history.begin(), history.end(),
                       [&](const QueueCall& c) { return c.act != QueueAct::enqueue && c.seq == seq; }))
        fresh.push_back(seq);
    if (fresh.empty()) return {};
    const u64 seq = pick(fresh);
    std::erase(drain.there, seq);
    drain.dead.push_back(seq);
  } else if (kind == 10) {
    if (enqueues.size() < 2) return {};
    history[enqueues.back()].seq = history[enqueues.front()].seq;
  } else {
    if (acks.empty()) return {};
    QueueCall& c = history[pick(acks)];
    if (kind == 7) c.token -= 1;
    if (kind == 8) {
      c.at += 1000;
      c.returned += 10'000;
      c.called += 10'000;
    }
    if (kind == 9) c.accepted = false;
  }
  return history;
}

}  // namespace keelson::test
