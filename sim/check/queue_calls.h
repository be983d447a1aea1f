// QueueCall: one operation of a client on a queue, and the judgement over many of them, in the order of the times at
// which the queue carried them out.
//
// Who uses it: `keelson check --model queue`; the simulator, once there is a queue machine. Calls of unknown outcome
// may have been carried out or not: what they excuse is no violation. Not here: what a queue may do (queue_model.h).
#pragma once

#include "keelson/sim/check/queue_model.h"
#include "keelson/sim/history.h"

namespace keelson::sim {

enum class QueueAct : u8 { enqueue, dequeue, ack, nack, release, extend, drain };
const char* name_of(QueueAct act);

struct QueueCall {
  u64 id = 0;  // place in the history, or line of the file
  u64 client = 0;
  QueueAct act = QueueAct::enqueue;
  CallEnd end = CallEnd::info;
  u64 called = 0, returned = 0;  // places in the order of all calls and answers

  u64 at = 0;            // when the queue did it, in its own time; of all that isn't unknown
  bool accepted = true;  // false: a settlement was refused, as the lease was lost or over
  std::string key, body;
  u64 seq = 0;  // of an enqueue: what it was given; of a dequeue: 0 where nothing came
  u64 token = 0;
  u64 until = 0;    // end of the lease
  u64 visible = 0;  // not before; 0: at once
  bool to_dead = false;
  std::vector<u64> there, dead;  // drain: what is left, at the end
};

struct QueueJudgement {
  bool ok = true;
  u64 failed = 0;  // id
  std::string detail;
  u64 calls = 0, unknown = 0, accepted = 0, acknowledged = 0;
};
QueueJudgement judge_queue(const std::vector<QueueCall>& calls, const QueueRules& rules);

}  // namespace keelson::sim
