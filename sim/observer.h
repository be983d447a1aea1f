// Observer: whoever watches a run, checkers above all. It sees each turn before anybody else does, and changes nothing.
//
// Who uses it: World calls; checkers, recorders and statistics implement. One call per turn, none per message: what
// arrived and what was emitted is in the two bags. Not for: workloads, which get their replies by ReplyReader.
#pragma once

#include "keelson/sim/arrival.h"
#include "keelson/sim/program.h"

namespace keelson::sim {

struct TurnSeen {
  UnitId unit;
  NodeId node = no_node;  // no_node: a client
  ShardId shard;
  u16 client = 0;
  u32 boot = 0;
  Instant at;  // true time
  const EventBag& in;
  const EffectBag& out;  // nothing of it has been carried out yet
  const Program& program;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_turn(const TurnSeen&) {}
  virtual void on_start(HostId, u32 /*boot*/) {}
  virtual void on_crash(HostId, CrashKind) {}               // its programs are still there to be looked at
  virtual void on_disk_replaced(HostId, bool /*blank*/) {}  // by a blank or an older one, while it is down
};

// Gets what clients answer. One per World.
class ReplyReader {
 public:
  virtual ~ReplyReader() = default;
  virtual void on_reply(u16 client, const SubmitReply& reply) = 0;
  virtual void on_client_gone(u16 client) = 0;  // whatever it had open has an unknown outcome
};

}  // namespace keelson::sim
