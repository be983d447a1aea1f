#include "keelson/sim/check/replay.h"

#include <algorithm>

#include "keelson/base/checksum.h"

namespace keelson::sim {

Replay::Replay(World& world, const Commits& commits, const LogWatch& logs, const History& history,
               const MachineRegistry& machines, const std::map<GroupId, MachineKind>& groups)
    : Checker(world, "replay"),
      commits_(commits),
      logs_(logs),
      history_(history),
      machines_(machines),
      slabs_(world.config().limits),
      reply_(world.config().limits.reply_bytes_max),
      parts_(world.config().limits.reply_parts_max) {
  for (const auto& [id, kind] : groups) groups_[id].machine = machines_.make(kind, world.config().limits);
}

void Replay::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || failed()) return;
  world_.guarded(seen.node, [this] {  // a machine of somebody's own may do anything
    for (auto& [id, group] : groups_) replay(id, group);
  });
}

void Replay::replay(GroupId id, Group& group) {
  const auto& log = commits_.log(id);
  while (group.replayed < log.size() && !failed()) {
    replay_op(id, group, log[group.replayed]);
    ++group.replayed;
    const auto taken = commits_.digest_at(id, Op(group.replayed));
    if (taken && *taken != digest_of_state(group))
      fail("state", text(id) + ": the replicas' state after " + text(Op(group.replayed)) +
                        " is not what the log gives when each request is executed once");
  }
}

Digest Replay::digest_of_state(const Group& group) {
  const Digest machine = group.machine.digest();
  if (group.retained.empty()) return machine;
  DigestStream stream;
  stream.add_value(machine);
  for (const auto& [op, retained] : group.retained) {
    stream.add_value(op);
    stream.add_value(retained.times);
  }
  return stream.finish();
}

bool Replay::Keeping::retain(Op op) {
  const auto known = group->retained.find(op);
  if (known != group->retained.end()) return ++known->second.times, true;
  if (prepare->size > replay->world_.config().limits.retained_bytes_max - group->retained_bytes) return false;
  group->retained[op] = {prepare->size, 1};
  group->retained_bytes += prepare->size;
  return true;
}

void Replay::Keeping::release(Op op) {
  const auto known = group->retained.find(op);
  if (known == group->retained.end())
    return replay->fail("released", text(op) + ": released by the machine, and not retained");
  if (--known->second.times > 0) return;
  group->retained_bytes -= known->second.size;
  group->retained.erase(known);
}

// With the bytes that it refers to; the session has a share of each, instead of those of its reply before.
std::vector<std::byte> Replay::whole(GroupId id, Keeping& keeping, const ReplyWriter& reply, Session& session) {
  std::vector<Op> before = std::move(session.bodies);
  session.bodies.clear();
  std::vector<std::byte> bytes;
  std::size_t at = 0;
  const auto add = [&](Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); };
  for (const ReplyPart& part : reply.parts()) {
    add(reply.body().subspan(at, part.at - at));
    at = part.at;
    const Bytes prepare = logs_.prepare(commits_.log(id)[part.ref.op.raw() - 1].identity);
    add(prepare.subspan(header_size + part.ref.offset, part.ref.size));
    keeping.retain(part.ref.op);
    session.bodies.push_back(part.ref.op);
  }
  add(reply.body().subspan(at));
  for (const Op op : before) keeping.release(op);
  return bytes;
}

void Replay::end_session(Group& group, std::map<ClientId, Session>::iterator session) {
  Keeping keeping{this, &group, nullptr};
  for (const Op op : session->second.bodies) keeping.release(op);
  group.sessions.erase(session);
}

void Replay::replay_op(GroupId id, Group& group, const CommittedOp& op) {
  if (op.operation == PrepareOperation::checkpoint) group.machine.settle_sections();
  if (op.operation != PrepareOperation::batch) return;
  const Bytes bytes = logs_.prepare(op.identity);
  if (bytes.empty())
    return fail("written", text(id) + ": " + text(op.op) + " is committed, and no disk was asked to keep it");
  const MessageRef message = copy_message(slabs_, bytes);
  if (validate_content(bytes, world_.config().limits) != Reject::none)
    return fail("well_formed", text(id) + ": " + text(op.op) + " is committed, and no valid prepare");
  PrepareBody requests(message);
  RequestView request;
  while (requests.next(request)) replay_request(id, group, message, request);
}

void Replay::replay_request(GroupId id, Group& group, const MessageRef& message, const RequestView& request) {
  static constexpr BodyKeeper::Ops keep = {[](void* self, Op op) { return static_cast<Keeping*>(self)->retain(op); },
                                           [](void* self, Op op) { static_cast<Keeping*>(self)->release(op); }};
  const Prepare prepare = message.as<Prepare>();
  const RequestFrame& frame = request.frame;
  if (frame.operation == operation_register) return replay_register(group, prepare, frame.client);
  const auto known = group.sessions.find(frame.client);
  if (known == group.sessions.end() || known->second.session != frame.session) return;
  Session& session = known->second;
  if (frame.request <= session.executed) return;                                       // executed before
  if (frame.ack_floor > session.executed || frame.ack_floor >= frame.request) return;  // out of order
  if (frame.operation == operation_unregister) {
    end_session(group, known);
    return;
  }
  ReplyWriter writer(reply_, parts_);
  Keeping keeping{this, &group, &prepare};
  const ApplyCtx context{id,
                         prepare.op,
                         prepare.timestamp,
                         prepare.release,
                         frame.client,
                         frame.session,
                         {},
                         BodyKeeper(&keeping, keep, prepare.op, message.body())};
  if (frame.operation != operation_keepalive) group.machine.apply(context, request, writer);
  const std::vector<std::byte> answer = whole(id, keeping, writer, session);
  if (kind_of(frame.operation) == machine_kv) ask_model(id, group, prepare, request, writer.status(), answer);
  session.executed = frame.request;
  session.last_op = prepare.op;
  session.last_timestamp = prepare.timestamp;
  Expected& expected = expected_[{id, frame.client, frame.session, frame.request}];
  expected = {prepare.op, writer.status(), answer};
  if (info(writer.status()).outcome != Outcome::not_executed) ++executed_bodies_[{id, frame.body_checksum}];
  ++executed_;
}

// What doesn't fit into the machine any more, the model can't know of.
void Replay::ask_model(GroupId id, Group& group, const Prepare& prepare, const RequestView& request, Status status,
                       Bytes answer) {
  if (status == Status::machine_full || status == Status::too_large) return;
  const KvModel::Answer expected = group.kv.apply(prepare.op, request);
  if (status == expected.status && equal(answer, Bytes(expected.body))) return;
  fail("model", text(id) + ": " + text(prepare.op) + " was answered with " + info(status).name +
                    ", where a map answers " + info(expected.status).name);
}

void Replay::replay_register(Group& group, const Prepare& prepare, ClientId client) {
  if (group.sessions.contains(client)) return;
  if (group.sessions.size() >= world_.config().limits.sessions_max) {
    auto victim = group.sessions.end();
    for (auto at = group.sessions.begin(); at != group.sessions.end(); ++at) {
      if (prepare.timestamp.since(at->second.last_timestamp).ns() <= world_.config().limits.session_ttl_ns) continue;
      if (victim == group.sessions.end() || at->second.last_op < victim->second.last_op) victim = at;
    }
    if (victim == group.sessions.end()) return;  // nobody is idle: refused
    end_session(group, victim);
  }
  group.sessions[client] = Session{SessionId(prepare.op.raw()), RequestNo(0), prepare.op, prepare.timestamp, {}};
}

void Replay::on_call_ended(const Call& call) {
  if (call.status == Status::body_lost && world_.config().population.nodes > 1 && !failed())
    return fail("body_lost", "call " + std::to_string(call.id) + " of client " + std::to_string(call.client) + ", " +
                                 text(call.group) + ": its answer is lost, though no damage is on all nodes at once");
  if (call.end != CallEnd::ok || failed()) return;
  const auto what = [&] {
    return "call " + std::to_string(call.id) + " of client " + std::to_string(call.client) + ", " + text(call.group);
  };
  const auto known = expected_.find({call.group, call.client_id, call.session, call.request});
  if (known == expected_.end())
    return fail("answered_executed",
                what() + ": answered with " + text(call.op) + ", where no such request was executed");
  const Expected& expected = known->second;
  if (expected.op != call.op || expected.status != call.status || expected.body != call.reply)
    return fail("answer", what() + ": answered as " + text(call.op) + " (" + info(call.status).name +
                              "); the log says " + text(expected.op) + " (" + info(expected.status).name + ")" +
                              (expected.body == call.reply ? "" : ", with other bytes"));
  if (call.op.raw() <= call.floor_op)
    fail("real_time", what() + ": executed as " + text(call.op) + ", though " + text(Op(call.floor_op)) +
                          " had been answered before it began");
}

// What a client was told did not happen, did not happen; what it was told happened, is still applied.
void Replay::at_end() {
  for (const auto& call : history_.calls()) {
    if (call.end == CallEnd::fail && !call.body.empty() &&
        executed_bodies_.contains({call.group, digest_of(Bytes(call.body))}) && unique_body(call))
      return fail("fail_means_no", "call " + std::to_string(call.id) + " of client " + std::to_string(call.client) +
                                       " was refused, and executed all the same");
    if (call.end == CallEnd::ok && commits_.log(call.group).size() < call.op.raw())
      return fail("durability",
                  "call " + std::to_string(call.id) + ": " + text(call.op) + " was acknowledged and is not in the log");
  }
  check_executed_once();
}

// A client library may give a request to another session, and the first one may have executed it already. Calls with
// the same bytes can't be told apart: together they execute at most as often as they were made.
void Replay::check_executed_once() {
  std::map<std::pair<GroupId, Digest>, u64> asked;
  for (const auto& call : history_.calls()) ++asked[{call.group, digest_of(Bytes(call.body))}];
  for (const auto& [what, times] : executed_bodies_) {
    const auto calls = asked.find(what);
    if (calls == asked.end() || times <= calls->second) continue;
    return fail("twice", text(what.first) + ": a request that clients made " + std::to_string(calls->second) +
                             " times was executed " + std::to_string(times) + " times");
  }
}

// Reads repeat their bytes; only what carries a value that was used once proves anything.
bool Replay::unique_body(const Call& call) const {
  return 1 == std::count_if(history_.calls().begin(), history_.calls().end(),
                            [&](const Call& other) { return other.group == call.group && other.body == call.body; });
}

}  // namespace keelson::sim
