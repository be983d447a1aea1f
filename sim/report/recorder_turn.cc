// What a recorder takes from the two bags of a turn.
#include <algorithm>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/node/shard.h"
#include "keelson/sim/report/message_fields.h"
#include "keelson/sim/report/recorder.h"

namespace keelson::sim {
namespace {

constexpr std::size_t groups_max = 64;  // watched on each shard
constexpr std::string_view zone_names[] = {"superblock", "log", "index", "checkpoint"};

std::int64_t number(u64 value) { return static_cast<std::int64_t>(value); }

// Told again and again while nothing happens.
bool is_chatter(Command command) {
  switch (command) {
    case Command::beat:
    case Command::ping:
    case Command::pong:
    case Command::client_ping:
    case Command::client_pong:
      return true;
    default:
      return false;
  }
}

std::string key_text(Bytes key) {
  if (key.size() == sizeof(u64)) return "k" + std::to_string(load<u64>(key.data()));
  return std::to_string(key.size()) + " bytes";
}

std::string call_text(Operation operation, Bytes body) {
  const auto request = decode_kv_request(operation, body);
  if (operation == operation_register) return "register";
  if (operation == operation_unregister) return "leave";
  if (!request) return "operation " + std::to_string(operation.raw());
  if (operation == kv_get) return "get " + key_text(request->key);
  if (operation == kv_put) return "put " + key_text(request->key);
  if (operation == kv_delete) return "delete " + key_text(request->key);
  return "cas " + key_text(request->key);
}

std::array<u64, std::size(ReplicaState::fields)> values_of(const GroupView& g, u64 missing) {
  return {static_cast<u64>(g.status),
          static_cast<u64>(g.recovering),
          static_cast<u64>(g.fenced),
          g.primary,
          g.view.raw(),
          g.log_view.raw(),
          g.head.raw(),
          g.commit_min.raw(),
          g.commit_max.raw(),
          g.checkpoint_op.raw(),
          g.durable_checkpoint.raw(),
          g.syncing,
          g.stuck_op.raw(),
          g.pipeline,
          g.queue,
          missing};
}

enum Field : std::size_t {
  status_field,
  recovering_field,
  fenced_field,
  primary_field,
  view_field,
  log_view_field,
  head_field,
  applied_field,
  commit_field,
  checkpoint_field,
  durable_field,
  syncing_field,
  stuck_field
};

}  // namespace

void Recorder::on_turn(const TurnSeen& turn) {
  const bool nothing = turn.in.empty() && turn_ && turn_->b == 0;
  const bool moved = nothing && see_groups(turn, 0);
  if (nothing && !moved && !violation_) return;  // a timer that had nothing to do
  add_calls(turn, static_cast<RowId>(timeline_.rows.size() + turn.in.submissions.size() + 1));
  const RowId id = add_turn(turn);
  const bool learned = take_inputs(turn, id);
  const bool changed = see_groups(turn, id);
  row(id).idle = !learned && !changed;
  if (!row(id).idle) units_[turn.unit.raw()].last_busy = id;
  effects_from_ = static_cast<RowId>(timeline_.rows.size() + 1);
  add_effects(turn, id);
  if (violation_) add_violation(id);
}

RowId Recorder::add_turn(const TurnSeen& turn) {
  const auto lane = static_cast<u16>(turn.unit.raw());
  return add(turn_type_, turn.at.ns(), lane, units_[lane].last_busy,
             {turn_ ? number(turn_->a) : 0, turn_ ? number(turn_->b) : 0});
}

// --- what went in

void Recorder::add_calls(const TurnSeen& turn, RowId turn_row) {
  const u16 of = type(RowClass::call, "call", {"what$", "outcome$", "op"});
  for (const ClientSubmit& submission : turn.in.submissions) {
    const std::string text = call_text(submission.operation, submission.body);
    const auto lane = static_cast<u16>(turn.unit.raw());
    const RowId id =
        add(of, turn.at.ns(), lane, 0, {timeline_.string(text), timeline_.string("no answer in this run"), 0});
    row(id).group = group_of(submission.group);
    row(id).used = turn_row;
    units_[lane].calls[submission.ticket.raw()] = id;
  }
}

// The oldest of that kind that waits.
RowId Recorder::take(UnitState& unit, RowClass kind, u64 key, const Digest* digest, RowId turn_row) {
  const auto at = std::find_if(unit.waiting.begin(), unit.waiting.end(), [&](const Waiting& w) {
    return w.kind == kind && w.key == key && (!digest || w.digest == *digest);
  });
  if (at == unit.waiting.end()) return 0;
  const RowId id = at->row;
  row(id).used = turn_row;
  unit.waiting.erase(at);
  return id;
}

// True: something that it did not know, or that it waited for.
bool Recorder::take_inputs(const TurnSeen& turn, RowId turn_row) {
  UnitState& unit = units_[turn.unit.raw()];
  bool learned = !turn.in.node.empty() || !turn.in.completions.empty() || !turn.in.submissions.empty() ||
                 !turn.in.frames.empty() || !turn.out.replies.empty();
  for (const Completion& done : turn.in.completions)
    take(unit, RowClass::disk, u64{static_cast<u8>(done.kind)} << 56 | done.id.raw(), nullptr, turn_row);
  for (const PeerEvent& peer : turn.in.peers)
    if (peer.kind != PeerEventKind::send_dropped) take(unit, RowClass::peer, 0, nullptr, turn_row);
  for (const FrameEvent& frame : turn.in.frames) {
    const u16 sibling = static_cast<u16>(population_.unit_of(turn.node, frame.shard).raw());
    take(unit, RowClass::frame, sibling, nullptr, turn_row);
  }
  for (const Envelope& envelope : turn.in.messages) {
    const auto digest = load<Digest>(envelope.message.data());
    const RowId id = take(unit, RowClass::message, 0, &digest, turn_row);
    if (id != 0 && envelope.peer.is_client()) client_of_connection_[envelope.peer.connection().raw()] = row(id).lane;
    learned = learned || !is_chatter(envelope.message.command());
  }
  return learned;
}

// --- what it changed

u16 Recorder::group_of(GroupId group) {
  if (group == GroupId()) return 0;
  auto& groups = timeline_.groups;
  const auto at = std::find(groups.begin(), groups.end(), group.raw());
  if (at != groups.end()) return static_cast<u16>(at - groups.begin() + 1);
  groups.push_back(group.raw());
  return static_cast<u16>(groups.size());
}

// True if any replica's state is another one than after the turn before. Without a row nothing is kept.
bool Recorder::see_groups(const TurnSeen& turn, RowId turn_row) {
  if (turn.node == no_node) return false;
  bool changed = false;
  UnitState& unit = units_[turn.unit.raw()];
  for (std::size_t g = 0; g < std::min(turn.program.group_count(), groups_max); ++g) {
    const GroupView view = turn.program.group(g);
    ReplicaState now{turn_row, static_cast<u16>(turn.unit.raw()), group_of(view.group),
                     values_of(view, turn.program.shard()->missing(g))};
    const auto [known, is_new] = unit.groups.try_emplace(view.group.raw(), now);
    ReplicaState& before = known->second;
    const bool same =
        !is_new && std::equal(now.values.begin(), now.values.begin() + ReplicaState::watched, before.values.begin());
    if (is_new && turn_row == 0) unit.groups.erase(known);
    if (same) continue;
    changed = true;
    if (turn_row == 0) continue;
    timeline_.states.push_back(now);
    if (is_new) before.values = {};
    see_change(turn, turn_row, before, now);
    before = now;
  }
  return changed;
}

void Recorder::see_change(const TurnSeen& turn, RowId turn_row, const ReplicaState& before, const ReplicaState& after) {
  const auto value = [&](Field field) { return after.values[field]; };
  const auto changed = [&](Field field) { return before.values[field] != after.values[field]; };
  const auto note = [&](const char* name, const std::vector<std::string>& fields, Fields values) {
    const RowId id = add(mark_type(name, fields), turn.at.ns(), after.lane, turn_row, values);
    row(id).group = after.group;
  };
  const auto status = static_cast<ReplicaStatus>(value(status_field));
  const std::int64_t view = number(value(view_field));
  if (changed(primary_field) || (value(primary_field) != 0 && changed(view_field)))
    note(value(primary_field) != 0 ? "primary" : "no longer primary", {"view", "commit_max"},
         {view, number(value(commit_field))});
  if (status == ReplicaStatus::view_change && (changed(status_field) || changed(view_field)))
    note("view change", {"view", "log_view"}, {view, number(value(log_view_field))});
  if (status == ReplicaStatus::normal && changed(status_field) && value(primary_field) == 0)
    note("normal", {"view", "head"}, {view, number(value(head_field))});
  if (changed(fenced_field) && value(fenced_field) != 0)
    note("fenced", {"reason$"}, {timeline_.string(name_of(static_cast<FenceReason>(value(fenced_field))))});
  if (changed(stuck_field) && value(stuck_field) != 0) note("stuck", {"op"}, {number(value(stuck_field))});
  if (changed(syncing_field))
    note(value(syncing_field) != 0 ? "state sync begins" : "state sync ends", {"applied", "commit_max"},
         {number(value(applied_field)), number(value(commit_field))});
  if (changed(checkpoint_field)) note("checkpoint", {"op"}, {number(value(checkpoint_field))});
  if (value(applied_field) > before.values[applied_field])
    note("commit", {"from", "op"}, {number(before.values[applied_field] + 1), number(value(applied_field))});
}

// --- what came out

void Recorder::add_effects(const TurnSeen& turn, RowId turn_row) {
  for (const Write& write : turn.out.writes) {
    u64 bytes = 0;
    for (const Bytes part : write.parts) bytes += part.size();
    add_disk(turn, turn_row, static_cast<u8>(IoKind::write), write.id.raw(), write.zone, write.offset, bytes);
  }
  for (const Read& read : turn.out.reads)
    add_disk(turn, turn_row, static_cast<u8>(IoKind::read), read.id.raw(), read.zone, read.offset, read.into.size());
  for (const Envelope& send : turn.out.sends) add_message(turn, turn_row, send);
  for (const SubmitReply& reply : turn.out.replies) add_answer(turn, turn_row, reply);
}

u16 Recorder::lane_of_peer(const Peer& peer, ShardId shard) const {
  if (peer.is_client()) {
    const auto known = client_of_connection_.find(peer.connection().raw());
    return known == client_of_connection_.end() ? no_lane : known->second;
  }
  if (peer.node_id().raw() >= population_.nodes || shard.raw() >= population_.shards) return no_lane;
  return static_cast<u16>(population_.unit_of(peer.node_id(), shard).raw());
}

void Recorder::add_message(const TurnSeen& turn, RowId turn_row, const Envelope& send) {
  const auto command = send.message.command();
  u16& of = message_types_[static_cast<std::size_t>(command)];
  if (of == 0) of = type(RowClass::message, name_of(command), fields_of(command));
  const auto lane = static_cast<u16>(turn.unit.raw());
  const RowId id = add(of, turn.at.ns(), lane, turn_row, {});
  sim::values_of(send.message.data(), values_);
  auto& columns = timeline_.types[of].columns;
  check(values_.size() == columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i].back() = values_[i];
  row(id).group = group_of(send.message.header().group);
  row(id).to = lane_of_peer(send.peer, send.shard);
  sent_[load<Digest>(send.message.data())].push_back(id);
}

void Recorder::add_answer(const TurnSeen& turn, RowId turn_row, const SubmitReply& reply) {
  const auto lane = static_cast<u16>(turn.unit.raw());
  auto& calls = units_[lane].calls;
  const auto open = calls.find(reply.ticket.raw());
  if (open == calls.end()) return;
  Row& call = row(open->second);
  call.length_ns = turn.at.ns() - call.at_ns;
  call.fate = reply.outcome == keelson::Outcome::executed       ? 1
              : reply.outcome == keelson::Outcome::not_executed ? 2
                                                                : call_unknown;
  const u16 group = call.group;
  const u32 text = timeline_.string(info(reply.status).name);
  const u64 op = reply.message && reply.message.command() == Command::reply ? reply.message.as<Reply>().op.raw() : 0;
  RowType& table = timeline_.types[call.type];
  table.columns[1][call.place] = text;
  table.columns[2][call.place] = number(op);
  const std::int64_t what = table.columns[0][call.place];
  const u16 of = type(RowClass::call, "answer", {"what$", "outcome$", "op"});
  const RowId id = add(of, turn.at.ns(), lane, turn_row, {what, text, number(op)});
  row(id).group = group;
  row(id).fate = row(open->second).fate;
  calls.erase(open);
}

void Recorder::add_disk(const TurnSeen& turn, RowId turn_row, u8 kind, u64 id, Zone zone, u64 offset, u64 bytes) {
  const bool write = kind == static_cast<u8>(IoKind::write);
  const u16 of = type(RowClass::disk, write ? "write" : "read", {"zone$", "offset", "size"});
  const std::string name(zone_names[static_cast<std::size_t>(zone)]);
  const auto lane = static_cast<u16>(turn.unit.raw());
  const RowId operation =
      add(of, turn.at.ns(), lane, turn_row, {timeline_.string(name), number(offset), number(bytes)});
  units_[lane].disk[{kind, id}] = operation;
}

}  // namespace keelson::sim
