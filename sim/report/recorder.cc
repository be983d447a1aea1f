#include "keelson/sim/report/recorder.h"

#include <algorithm>
#include <set>

#include "keelson/sim/run/cluster.h"

namespace keelson::sim {
namespace {

std::int64_t number(u64 value) { return static_cast<std::int64_t>(value); }

}  // namespace

Recorder::Recorder() { turn_type_ = type(RowClass::turn, "turn", {"events", "effects"}); }

void Recorder::attach(RunCluster& cluster, std::vector<std::string> phases) {
  world_ = &cluster.world;
  population_ = cluster.world.population();
  timeline_.phases = std::move(phases);
  units_.resize(population_.units());
  pairs_.resize(std::size_t{population_.hosts()} * population_.hosts());
  pair_bands_.resize(pairs_.size(), no_band);
  for (u32 u = 0; u < population_.units(); ++u) {
    const UnitId unit(u);
    Lane lane{{}, population_.host_of_unit(unit).raw(), population_.is_client(unit)};
    lane.name = lane.client ? "client " + std::to_string(population_.client_of(unit))
                            : "node " + std::to_string(population_.node_of(unit).raw());
    if (!lane.client && population_.shards > 1) lane.name += "." + std::to_string(population_.shard_of(unit).raw());
    timeline_.lanes.push_back(std::move(lane));
  }
  cluster.world.add_observer(*this);
}

// --- rows

u16 Recorder::type(RowClass of, const std::string& name, const std::vector<std::string>& fields) {
  const auto [at, is_new] = type_places_.try_emplace(name, static_cast<u16>(timeline_.types.size()));
  if (is_new) {
    timeline_.types.push_back({name, of, fields, {}});
    timeline_.types.back().columns.resize(fields.size());
  }
  return at->second;
}

u16 Recorder::mark_type(const std::string& name, const std::vector<std::string>& fields) {
  return type(RowClass::mark, name, fields);
}

RowId Recorder::add(u16 type, u64 at_ns, u16 lane, RowId cause, Fields values) {
  RowType& table = timeline_.types[type];
  Row row{.at_ns = at_ns, .cause = cause, .type = type, .lane = lane};
  row.place = table.columns.empty() ? 0 : static_cast<u32>(table.columns[0].size());
  check(values.size() <= table.columns.size());
  std::size_t i = 0;
  for (const std::int64_t value : values) table.columns[i++].push_back(value);
  while (i < table.columns.size()) table.columns[i++].push_back(0);
  timeline_.rows.push_back(row);
  return static_cast<RowId>(timeline_.rows.size());
}

RowId Recorder::mark(const std::string& name, const TraceRecord& record, const std::vector<std::string>& fields,
                     Fields values) {
  return add(mark_type(name, fields), record.at_ns, lane_of(record), 0, values);
}

u16 Recorder::lane_of(const TraceRecord& record) const {
  if (record.node == no_node.raw()) return no_lane;
  return static_cast<u16>(population_.unit_of(NodeId(record.node), ShardId(record.shard)).raw());
}

// --- records

void Recorder::write(const TraceRecord& record) {
  if (also_) also_->write(record);
  timeline_.end_ns = record.at_ns;
  switch (record.kind) {
    case RecordKind::phase: {
      const std::string name =
          record.a < timeline_.phases.size() ? timeline_.phases[record.a] : "phase " + std::to_string(record.a);
      mark("phase", record, {"name$"}, {timeline_.string(name)});
      return;
    }
    case RecordKind::turn:
      look_at_barriers(record.at_ns);
      look_at_faults(record);
      turn_ = record;  // the rest of it comes with on_turn
      return;
    case RecordKind::spawn:
    case RecordKind::crash:
    case RecordKind::pause:
    case RecordKind::resume:
    case RecordKind::client_crash:
      return on_life(record);
    case RecordKind::deliver:
    case RecordKind::lose:
    case RecordKind::corrupt:
      return on_message(record);
    case RecordKind::peer_connected:
    case RecordKind::peer_lost: {
      const bool client = record.node == no_node.raw();
      const u16 lane = client ? static_cast<u16>(population_.client_unit(record.shard).raw()) : lane_of(record);
      const u16 of = type(RowClass::peer, std::string(text_of(record.kind).name), {"link"});
      const RowId id = add(of, record.at_ns, lane, 0, {number(record.b)});
      row(id).to = static_cast<u16>(record.a);
      units_[lane].waiting.push_back({RowClass::peer, 0, {}, id});
      return;
    }
    case RecordKind::partition:
      mark("partition", record, {"links", "kind"}, {number(record.a), number(record.b)});
      return;
    case RecordKind::heal:
      mark("heal", record, {"links"}, {number(record.a)});
      return;
    case RecordKind::write_done:
    case RecordKind::read_done:
      return on_disk_done(record);
    case RecordKind::torn:
      mark("torn write", record, {"offset", "outcome"}, {number(record.a), number(record.b)});
      return;
    case RecordKind::post:
    case RecordKind::post_dropped:
      return on_frame(record);
    case RecordKind::clock_step:
      mark("clock step", record, {"offset~"}, {number(record.b)});
      return;
    case RecordKind::violation:
      violation_ = record;
      return;
    case RecordKind::damage: {
      const std::string name(record.a < fault_count ? fault_names[record.a] : "damage");
      mark("damage", record, {"fault$", "offset"}, {timeline_.string(name), number(record.b)});
      return;
    }
    case RecordKind::veto:
      mark("veto", record, {"fault"}, {number(record.a)});
      return;
    case RecordKind::state:      // a digest: for the hash
    case RecordKind::write:      // the turn's bag says more
    case RecordKind::duplicate:  // not written by anybody
    case RecordKind::invoke:
    case RecordKind::outcome:
      return;
  }
}

void Recorder::on_life(const TraceRecord& record) {
  const bool client = record.kind == RecordKind::client_crash;
  const u16 lane =
      client ? static_cast<u16>(population_.client_unit(static_cast<u16>(record.a)).raw()) : lane_of(record);
  const u16 host = timeline_.lanes[lane].host;
  const std::string name(text_of(record.kind).name);
  if (client) {
    add(mark_type("client crash", {}), record.at_ns, lane, 0, {});
    for (const auto& [ticket, call] : units_[lane].calls) {
      row(call).length_ns = record.at_ns - row(call).at_ns;
      row(call).fate = call_unknown;
      timeline_.types[row(call).type].columns[1][row(call).place] = timeline_.string("its client crashed");
    }
    return note_gone(host);
  }
  if (record.kind == RecordKind::crash) {
    mark("crash", record, {"power"}, {number(record.a)});
    close_host_band("paused", host, record.at_ns);
    open_host_band("down", host, record.at_ns);
    return note_gone(host);
  }
  const RowId id = mark(name, record, {"boot"}, {record.boot});
  if (record.kind == RecordKind::pause) return open_host_band("paused", host, record.at_ns);
  if (record.kind == RecordKind::resume) return close_host_band("paused", host, record.at_ns);
  // What the former life left on its disk is the past of this one.
  close_host_band("down", host, record.at_ns);
  row(id).cause = units_[lane].last_busy;
  for (u32 u = 0; u < units_.size(); ++u)
    if (timeline_.lanes[u].host == host) units_[u].last_busy = id;
}

void Recorder::note_gone(u16 host) {
  for (u32 u = 0; u < units_.size(); ++u) {
    if (timeline_.lanes[u].host != host) continue;
    units_[u].waiting.clear();
    units_[u].disk.clear();
    units_[u].calls.clear();
    units_[u].groups.clear();
  }
}

// --- messages

void Recorder::on_message(const TraceRecord& record) {
  if (record.kind == RecordKind::deliver) return on_deliver(record);
  if (record.kind == RecordKind::lose) return on_lose(record);
  on_corrupt(record);
}

// The oldest of these bytes on its way from there to there, or (open false) the newest that has arrived.
RowId Recorder::find_sent(const Digest& digest, u16 from, u16 to_host, bool open) const {
  const auto known = sent_.find(digest);
  if (known == sent_.end()) return 0;
  RowId found = 0;
  for (const RowId id : known->second) {
    const Row& sent = timeline_.rows[id - 1];
    if (sent.lane != from) continue;
    if (sent.to != no_lane && timeline_.lanes[sent.to].host != to_host) continue;
    if (open != (sent.fate == static_cast<u8>(Fate::under_way))) continue;
    if (open) return id;
    found = id;
  }
  return found;
}

RowId Recorder::copy_of(RowId original, u64 at_ns) {
  const Row from = row(original);
  const RowId id = add(from.type, at_ns, from.lane, original, {});
  RowType& table = timeline_.types[from.type];
  for (auto& column : table.columns) column.back() = column[from.place];
  row(id).group = from.group;
  row(id).to = from.to;
  row(id).fate = static_cast<u8>(Fate::duplicate);
  return id;
}

void Recorder::on_deliver(const TraceRecord& record) {
  const bool to_client = record.node == no_node.raw();
  const u16 to = to_client ? static_cast<u16>(population_.client_unit(record.shard).raw()) : lane_of(record);
  const auto from = static_cast<u16>(record.a);
  const u16 host = timeline_.lanes[to].host;
  RowId id = find_sent(record.digest, from, host, true);
  if (id != 0) {
    row(id).fate = static_cast<u8>(Fate::delivered);
    row(id).length_ns = record.at_ns - row(id).at_ns;
  } else if (const RowId original = find_sent(record.digest, from, host, false)) {
    id = copy_of(original, record.at_ns);
  } else {  // from nowhere: forged or replayed by a step
    const auto command = static_cast<Command>(record.b);
    id = add(type(RowClass::message, std::string("injected ") + name_of(command), {}), record.at_ns, from, 0, {});
    row(id).fate = static_cast<u8>(Fate::delivered);
  }
  row(id).to = to;
  units_[to].waiting.push_back({RowClass::message, 0, record.digest, id});
}

void Recorder::lost(Row& message, u64 at_ns, u64 reason) {
  message.fate = static_cast<u8>(static_cast<u64>(Fate::lost) + reason);
  message.length_ns = at_ns - message.at_ns;
}

void Recorder::on_lose(const TraceRecord& record) {
  const auto why = static_cast<Lost>(record.b);
  if (why == Lost::no_slab) {  // it arrived, and there was no memory for it
    auto& waiting = units_[record.a].waiting;
    const auto at = std::find_if(waiting.begin(), waiting.end(), [&](const Waiting& w) {
      return w.kind == RowClass::message && w.digest == record.digest;
    });
    if (at == waiting.end()) return;
    lost(row(at->row), record.at_ns, record.b);
    waiting.erase(at);
    return;
  }
  const bool nobody = record.digest.is_zero();  // no connection at all: to whom is not recorded
  const bool client = record.node == no_node.raw() && !nobody;
  const u16 from = nobody   ? static_cast<u16>(record.a)
                   : client ? static_cast<u16>(population_.client_unit(record.shard).raw())
                            : lane_of(record);
  if (nobody) {
    for (RowId id = effects_from_; id != 0 && id <= timeline_.rows.size(); ++id) {
      Row& sent = row(id);
      const bool message = timeline_.type_of(sent).of == RowClass::message;
      if (message && sent.lane == from && sent.fate == 0) return lost(sent, record.at_ns, record.b);
    }
    return;
  }
  const u16 host = timeline_.lanes[record.a].host;
  if (const RowId id = find_sent(record.digest, from, host, true)) return lost(row(id), record.at_ns, record.b);
  if (const RowId original = find_sent(record.digest, from, host, false)) {  // a copy of it
    const RowId id = copy_of(original, record.at_ns);
    lost(row(id), record.at_ns, record.b);
  }
}

// The message itself is what the turn just sent there; which one of several is a guess.
void Recorder::on_corrupt(const TraceRecord& record) {
  const u16 lane =
      record.node == no_node.raw() ? static_cast<u16>(population_.client_unit(record.shard).raw()) : lane_of(record);
  RowId cause = 0;
  for (RowId id = effects_from_; id != 0 && id <= timeline_.rows.size() && cause == 0; ++id)
    if (row(id).lane == lane && row(id).to == record.a && timeline_.type_of(row(id)).of == RowClass::message)
      cause = id;
  add(mark_type("corrupt", {"bits"}), record.at_ns, lane, cause, {number(record.b)});
}

// --- disks, mailboxes

void Recorder::on_disk_done(const TraceRecord& record) {
  const u16 lane = lane_of(record);
  const auto kind = static_cast<u8>(record.kind == RecordKind::write_done ? IoKind::write : IoKind::read);
  const auto at = units_[lane].disk.find({kind, record.a});
  if (at == units_[lane].disk.end()) return;
  Row& done = row(at->second);
  done.length_ns = record.at_ns - done.at_ns;
  done.fate = static_cast<u8>(record.b + 1);  // 0: not completed
  units_[lane].waiting.push_back({RowClass::disk, u64{kind} << 56 | record.a, {}, at->second});
  units_[lane].disk.erase(at);
}

void Recorder::on_frame(const TraceRecord& record) {
  const u16 from = lane_of(record);
  const auto to = static_cast<u16>(population_.unit_of(NodeId(record.node), ShardId(static_cast<u16>(record.a))).raw());
  const bool dropped = record.kind == RecordKind::post_dropped;
  const u16 of = type(RowClass::frame, dropped ? "frame dropped" : "frame", {});
  const RowId id = add(of, record.at_ns, from, units_[from].last_busy, {});
  row(id).to = to;
  row(id).fate = static_cast<u8>(Fate::delivered);
  units_[dropped ? from : to].waiting.push_back({RowClass::frame, dropped ? to : from, {}, id});
}

// --- the end

void Recorder::on_violation(const TraceRecord& record) {
  // A step that failed left no turn: what it was given is what waited for it.
  RowId turn = 0;
  if (record.node != no_node.raw() && world_->violation()->checker == "kernel") {
    const u16 lane = lane_of(record);
    UnitState& unit = units_[lane];
    turn = add(type(RowClass::turn, "failed turn", {"events"}), record.at_ns, lane, unit.last_busy,
               {number(unit.waiting.size())});
    for (const Waiting& waiting : unit.waiting) row(waiting.row).used = turn;
    unit.waiting.clear();
  }
  add_violation(turn);
}

void Recorder::add_violation(RowId turn_row) {
  const TraceRecord record = *violation_;
  violation_.reset();
  const u16 lane = turn_row != 0 ? row(turn_row).lane : no_lane;
  const RowId id = add(mark_type("violation", {}), record.at_ns, lane, turn_row, {});
  timeline_.violation = id;
  if (!world_->violation()->calls.empty()) return note_calls(world_->violation()->calls);
  // It is about what replicas have agreed upon: the others' newest state belongs to its causes.
  for (u32 u = 0; u < units_.size(); ++u)
    if (units_[u].last_busy != 0 && (u == lane || !timeline_.lanes[u].client))
      timeline_.violation_causes.push_back(units_[u].last_busy);
}

// It is about answers that clients were given, perhaps long before anybody looked: those are its causes.
void Recorder::note_calls(const std::vector<SeenCall>& calls) {
  std::set<std::pair<u64, u16>> wanted;
  for (const SeenCall& call : calls) {
    const auto lane = static_cast<u16>(population_.client_unit(static_cast<u16>(call.client)).raw());
    wanted.emplace(call.called_ns, lane);
    if (call.known) wanted.emplace(call.returned_ns, lane);
  }
  for (RowId id = 1; id <= timeline_.rows.size(); ++id) {
    const Row& row = timeline_.rows[id - 1];
    if (timeline_.type_of(row).of == RowClass::call && wanted.contains({row.at_ns, row.lane}))
      timeline_.violation_causes.push_back(id);
  }
}

void Recorder::finish() {
  timeline_.end_ns = std::max(timeline_.end_ns, world_->now().ns());
  if (violation_) on_violation(*violation_);
  for (Band& band : timeline_.bands)
    if (band.end_ns == 0) band.end_ns = timeline_.end_ns;
  timeline_.rows_total = timeline_.rows.size();
}

}  // namespace keelson::sim
