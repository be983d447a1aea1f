#include "keelson/sim/check/queue_calls.h"

#include <algorithm>
#include <map>

namespace keelson::sim {
namespace {

using Wrong = QueueModel::Wrong;
using Lease = std::pair<u64, u64>;  // of a message, under a token

QueueMaybe maybe_of(const QueueCall& call) {
  QueueMaybe maybe;
  maybe.gone = call.act == QueueAct::ack;
  maybe.dead = call.act == QueueAct::nack && call.to_dead;
  maybe.returned = (call.act == QueueAct::nack && !call.to_dead) || call.act == QueueAct::release;
  maybe.longer = call.act == QueueAct::extend;
  return maybe;
}

class Judge {
 public:
  Judge(const std::vector<QueueCall>& calls, const QueueRules& rules) : calls_(calls), model_(rules) {}

  QueueJudgement run() {
    QueueJudgement judgement;
    judgement.calls = calls_.size();
    for (const QueueCall& call : calls_) sort_in(call);
    judgement.unknown = unknown_;
    std::stable_sort(known_.begin(), known_.end(),
                     [](const QueueCall* a, const QueueCall* b) { return a->at < b->at; });
    u64 latest_call = 0;
    for (const QueueCall* call : known_) {
      Wrong wrong;
      if (call->returned < latest_call)
        wrong = "it was answered before a call began that the queue carried out earlier, by its own time";
      latest_call = std::max(latest_call, call->called);
      if (!wrong) wrong = carry_out(*call);
      if (!wrong) continue;
      judgement.ok = false;
      judgement.failed = call->id;
      judgement.detail = "call " + std::to_string(call->id) + " of client " + std::to_string(call->client) + " (" +
                         name_of(call->act) + " at " + std::to_string(call->at) + "): " + *wrong;
      break;
    }
    judgement.accepted = model_.accepted();
    judgement.acknowledged = model_.acknowledged();
    return judgement;
  }

 private:
  void sort_in(const QueueCall& call) {
    if (call.end == CallEnd::fail) return;
    if (call.end == CallEnd::ok) return known_.push_back(&call);
    ++unknown_;
    if (call.act == QueueAct::enqueue) model_.maybe_enqueued(call.key, call.body);
    if (call.act == QueueAct::dequeue) model_.maybe_delivered();
    const QueueMaybe more = maybe_of(call);
    QueueMaybe& maybe = maybe_[{call.seq, call.token}];
    maybe.gone |= more.gone;
    maybe.dead |= more.dead;
    maybe.returned |= more.returned;
    maybe.longer |= more.longer;
  }

  Wrong carry_out(const QueueCall& c) {
    switch (c.act) {
      case QueueAct::enqueue:
        return model_.enqueue(c.seq, c.key, c.body, c.at, c.visible);
      case QueueAct::dequeue:
        return c.seq == 0 ? Wrong() : deliver(c);
      case QueueAct::ack:
        return model_.ack(c.seq, c.token, c.at, c.accepted);
      case QueueAct::nack:
        return model_.nack(c.seq, c.token, c.at, c.accepted, c.to_dead, c.visible);
      case QueueAct::release:
        return model_.release(c.seq, c.token, c.at, c.accepted);
      case QueueAct::extend:
        return model_.extend(c.seq, c.token, c.at, c.accepted, c.until);
      case QueueAct::drain:
        return model_.finish(c.there, c.dead, c.at);
    }
    return {};
  }

  Wrong deliver(const QueueCall& c) {
    if (const Wrong wrong = model_.deliver(c.seq, c.key, c.body, c.token, c.at, c.until)) return wrong;
    const auto maybe = maybe_.find({c.seq, c.token});
    if (maybe != maybe_.end()) model_.maybe_settled(c.seq, c.token, maybe->second);
    return {};
  }

  const std::vector<QueueCall>& calls_;
  QueueModel model_;
  std::vector<const QueueCall*> known_;
  std::map<Lease, QueueMaybe> maybe_;
  u64 unknown_ = 0;
};

}  // namespace

const char* name_of(QueueAct act) {
  static constexpr const char* names[] = {"enqueue", "dequeue", "ack", "nack", "release", "extend", "drain"};
  return names[static_cast<std::size_t>(act)];
}

QueueJudgement judge_queue(const std::vector<QueueCall>& calls, const QueueRules& rules) {
  return Judge(calls, rules).run();
}

}  // namespace keelson::sim
