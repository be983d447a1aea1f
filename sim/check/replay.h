// Replay: applies each group's canonical log to a machine of its own (a map to a model besides) and a session table
// written apart from the kernel's, and holds everything that clients were told against it: same op, status and bytes;
// nothing executed twice; never an op older than one answered before the call began (so the log order is a
// linearization).
#pragma once

#include <map>
#include <unordered_map>

#include "keelson/machine/machine.h"
#include "keelson/sim/check/commits.h"
#include "keelson/sim/check/kv_model.h"
#include "keelson/sim/check/log_watch.h"
#include "keelson/sim/history.h"

namespace keelson::sim {

class Replay final : public Checker, public HistoryListener {
 public:
  Replay(World& world, const Commits& commits, const LogWatch& logs, const History& history,
         const MachineRegistry& machines, const std::map<GroupId, MachineKind>& groups);
  void on_turn(const TurnSeen& seen) override;
  void on_call_ended(const Call& call) override;
  void at_end() override;

  u64 executed() const { return executed_; }

 private:
  struct Session {
    SessionId session;
    RequestNo executed;
    Op last_op;
    Timestamp last_timestamp;
    std::vector<Op> bodies;  // that its newest reply has
  };
  struct Retained {
    u32 size = 0;  // of the prepare
    u64 times = 0;
  };
  struct Expected {
    Op op;
    Status status = Status::ok;
    std::vector<std::byte> body;
  };
  using RequestKey = std::tuple<GroupId, ClientId, SessionId, RequestNo>;
  struct Group;
  // What a machine that is replayed retains: counted by hand.
  struct Keeping {
    Replay* replay;
    Group* group;
    const Prepare* prepare;
    bool retain(Op op);
    void release(Op op);
  };
  struct Group {
    AnyMachine machine;
    KvModel kv;  // of machine_kv
    std::map<ClientId, Session> sessions;
    std::map<Op, Retained> retained;
    u64 retained_bytes = 0;
    u64 replayed = 0;
  };

  void replay(GroupId id, Group& group);
  void replay_op(GroupId id, Group& group, const CommittedOp& op);
  void replay_request(GroupId id, Group& group, const MessageRef& message, const RequestView& request);
  std::vector<std::byte> whole(GroupId id, Keeping& keeping, const ReplyWriter& reply, Session& session);
  void end_session(Group& group, std::map<ClientId, Session>::iterator session);
  static Digest digest_of_state(const Group& group);
  void ask_model(GroupId id, Group& group, const Prepare& prepare, const RequestView& request, Status status,
                 Bytes answer);
  void replay_register(Group& group, const Prepare& prepare, ClientId client);
  bool unique_body(const Call& call) const;
  void check_executed_once();

  const Commits& commits_;
  const LogWatch& logs_;
  const History& history_;
  const MachineRegistry& machines_;
  Slabs slabs_;
  std::map<GroupId, Group> groups_;
  std::map<RequestKey, Expected> expected_;
  std::map<std::pair<GroupId, Digest>, u64> executed_bodies_;  // how often
  std::vector<std::byte> reply_;
  Vec<ReplyPart> parts_;
  u64 executed_ = 0;
};

}  // namespace keelson::sim
