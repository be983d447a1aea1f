#include "keelson/sim/world.h"

#include <algorithm>

namespace keelson::sim {
namespace {

constexpr std::size_t ties_max = 64;

std::string host_name(const Population& population, HostId host) {
  if (host.raw() < population.nodes) return std::to_string(host.raw());
  return 'c' + std::to_string(host.raw() - population.nodes);
}

}  // namespace

World::World(const WorldConfig& config, Programs& programs, Tape& tape)
    : config_(config),
      programs_(programs),
      core_(tape, config.trace_start, config.trace_sink),
      decisions_(tape.stream("world")),
      network_(core_, *this, config.population, config.cluster, config.limits.message_size_max),
      mailboxes_(core_, *this, config.population, config.limits.mailbox_frames_max),
      bags_(core_),
      in_(std::make_unique<EventBag>(config.limits)),
      out_(std::make_unique<EffectBag>(config.limits)),
      next_digest_(config.digest_every) {
  core_.settings = config.settings;
  build();
}

void World::build() {
  const Population& who = population();
  check(who.nodes > 0 && who.shards > 0);
  hosts_.reserve(who.hosts());  // disks refer to their host's settings
  for (u16 h = 0; h < who.hosts(); ++h) {
    const HostId id(h);
    const bool node = h < who.nodes;
    const std::string name = host_name(who, id);
    hosts_.push_back({.id = id,
                      .first_unit = node ? u32{h} * who.shards : who.client_unit(static_cast<u16>(h - who.nodes)).raw(),
                      .unit_count = node ? who.shards : 1u,
                      .clock = NodeClock(core_.tape.stream("clock/" + name)),
                      .proc = core_.tape.stream("proc/" + name),
                      .disk_settings = config_.settings.disk,
                      .clock_settings = config_.settings.clock,
                      .crash_after_turn = {},
                      .crash_in_write = {},
                      .armed_crash = {}});
  }
  for (u32 u = 0; u < who.units(); ++u) {
    const UnitId id(u);
    Unit unit;
    unit.id = id;
    unit.host = who.host_of_unit(id);
    if (who.is_client(id)) {
      unit.client = who.client_of(id);
    } else {
      unit.node = who.node_of(id);
      unit.shard = who.shard_of(id);
      unit.turns =
          core_.tape.stream("turn/" + std::to_string(unit.node.raw()) + '.' + std::to_string(unit.shard.raw()));
      unit.disk = std::make_unique<Disk>(
          programs_.disk_shape(), core_.pages,
          core_.tape.stream("disk/" + std::to_string(unit.node.raw()) + '.' + std::to_string(unit.shard.raw())),
          hosts_[unit.host.raw()].disk_settings, core_.faults);
    }
    if (who.is_client(id)) unit.turns = core_.tape.stream("turn/c" + std::to_string(unit.client));
    units_.push_back(std::move(unit));
  }
}

bool World::step() {
  if (core_.violation || core_.queue.empty()) return false;
  if (core_.events >= config_.events_max) {
    fail({.kind = ViolationKind::inconclusive,
          .checker = "world",
          .invariant = "events_max",
          .detail = "the budget of " + std::to_string(config_.events_max) + " events is used up"});
    return false;
  }
  const auto event = pop();
  core_.now = event.key.at;
  ++core_.events;
  running_ = true;
  dispatch(event.payload);
  run_ready();
  running_ = false;
  return true;
}

void World::run_until(Instant truth) {
  while (!core_.violation && !core_.queue.empty() && core_.queue.next_at() <= truth && step()) {
  }
  if (!core_.violation && core_.now < truth) core_.now = truth;
}

bool World::run_until(const std::function<bool()>& holds, Duration limit) {
  const Instant end = now() + limit;
  while (!holds()) {
    if (core_.violation || core_.queue.empty() || core_.queue.next_at() > end || !step()) return false;
  }
  return true;
}

// Feature tie_shuffle: of several events of one instant and rank, the tape says which comes first.
EventQueue<Happening>::Event World::pop() {
  auto first = core_.queue.pop();
  const u64 ppm = core_.settings.turn.tie_shuffle_ppm;
  if (ppm == 0 || core_.queue.empty()) return first;
  const auto tied = [&] {
    const auto next = core_.queue.next_key();
    return next.at == first.key.at && next.rank == first.key.rank;
  };
  if (!tied() || !decisions_.chance(Site::tie_shuffle, ppm)) return first;
  ties_.clear();
  while (ties_.size() < ties_max && !core_.queue.empty() && tied()) ties_.push_back(core_.queue.pop());
  const u64 chosen = decisions_.below(Site::tie_order, ties_.size() + 1);
  if (chosen > 0) {
    core_.faults.add(Fault::tie_shuffle);
    std::swap(first, ties_[chosen - 1]);
  }
  for (auto& event : ties_) core_.queue.put_back(event);
  return first;
}

void World::dispatch(const Happening& happening) {
  switch (happening.owner) {
    case Owner::task:
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      reinterpret_cast<Task*>(static_cast<std::uintptr_t>(happening.value))->on_time(happening.extra);
      return;
    case Owner::turn:
      return wake(units_[happening.index]);
    case Owner::deadline:
      return on_deadline(units_[happening.index]);
    case Owner::disk:
      return on_disk(happening);
    case Owner::network:
      return network_.on_happening(happening);
    case Owner::mailbox:
      return mailboxes_.on_happening(happening);
  }
}

void World::on_disk(const Happening& happening) {
  Unit& unit = units_[happening.index];
  if (hosts_[unit.host.raw()].boot != happening.extra || !unit.program) return;  // of a former life
  const Completion done = unit.disk->complete(static_cast<u32>(happening.value));
  trace_damage(unit);
  core_.record(done.kind == IoKind::write ? RecordKind::write_done : RecordKind::read_done, place_of(unit),
               {.a = done.id.raw(), .b = static_cast<u64>(done.status)});
  arrive(unit.id, {.kind = ArrivalKind::completion,
                   .what = static_cast<u8>(done.kind),
                   .source = static_cast<u32>(done.status),
                   .value = done.id.raw()});
}

void World::arrive(UnitId id, const Arrival& arrival) {
  Unit& unit = units_[id.raw()];
  if (!unit.program) {
    if (arrival.parcel) core_.parcels.release(arrival.parcel);
    return;
  }
  if (arrival.kind == ArrivalKind::message) unit.bytes_waiting += arrival.parcel->size;
  unit.arrivals.push_back(arrival);
  wake(unit);
}

bool World::has_room(UnitId id, u32 bytes) const {
  const Unit& unit = units_[id.raw()];
  if (hosts_[unit.host.raw()].state != HostState::paused) return true;
  return unit.bytes_waiting + bytes <= core_.settings.network.receive_buffer_bytes;
}

// The unit has something to do: now if it is idle, else when its turn is over.
void World::wake(Unit& unit) {
  if (unit.ready || !unit.program || hosts_[unit.host.raw()].state != HostState::up) return;
  if (unit.busy_until > core_.now) {
    if (core_.queue.pending(unit.turn)) return;
    unit.turn = core_.schedule(unit.busy_until, Rank::deadline, {.owner = Owner::turn, .index = unit.id.raw()});
    return;
  }
  unit.ready = true;
  ready_.push_back(unit.id.raw());
}

void World::run_ready() {
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    Unit& unit = units_[ready_[i]];
    unit.ready = false;
    if (unit.program && !core_.violation && (unit.due || !unit.arrivals.empty())) take_turn(unit);
  }
  ready_.clear();
}

Trace::Place World::place_of(const Unit& unit) const {
  return {.node = unit.node,
          .shard = unit.node == no_node ? ShardId(unit.client) : unit.shard,
          .boot = static_cast<u16>(hosts_[unit.host.raw()].boot)};
}

const Program* World::program(NodeId node, ShardId shard) const {
  return units_[population().unit_of(node, shard).raw()].program.get();
}

const Program* World::client_program(u16 client) const {
  return units_[population().client_unit(client).raw()].program.get();
}

const Slabs* World::slabs(NodeId node, ShardId shard) const {
  return units_[population().unit_of(node, shard).raw()].slabs.get();
}

void World::submit(u16 client, const SubmissionHead& head, Bytes body) {
  const UnitId unit = population().client_unit(client);
  words_.clear();
  std::vector<std::byte> bytes(sizeof head + body.size());
  store(bytes.data(), head);
  copy(MutableBytes(bytes).subspan(sizeof head), body);
  arrive(unit, {.kind = ArrivalKind::submission, .parcel = core_.parcels.copy(bytes)});
  if (!running_) run_ready();
}

void World::control(NodeId node, ShardId shard, const Control& control) {
  arrive(population().unit_of(node, shard), {.kind = ArrivalKind::control,
                                             .what = static_cast<u8>(control.verb),
                                             .source = control.target.raw(),
                                             .value = control.group.raw()});
  if (!running_) run_ready();
}

void World::set_settings(const Settings& settings) {
  core_.settings = settings;
  for (u16 h = 0; h < population().hosts(); ++h) {
    set_disk(HostId(h), settings.disk);
    set_clock(HostId(h), settings.clock);
  }
}

void World::set_disk(HostId host, const DiskSettings& settings) { hosts_[host.raw()].disk_settings = settings; }

// A rate that begins or ends with a phase concerns clocks that already run.
void World::set_clock(HostId id, const ClockSettings& settings) {
  Host& host = hosts_[id.raw()];
  const bool rate_changes = host.clock_settings.drift_ppm_max != settings.drift_ppm_max;
  host.clock_settings = settings;
  if (rate_changes && host.state != HostState::absent) set_drift(id, host.clock.draw_drift(settings));
}

void World::step_wall_clock(NodeId node, std::int64_t delta_ns) {
  core_.faults.add(Fault::clock_step);
  hosts_[node.raw()].clock.step_wall(delta_ns);
  core_.record(RecordKind::clock_step, {.node = node}, {.b = static_cast<u64>(delta_ns)});
}

void World::mend_wall_clocks() {
  for (Host& host : hosts_) host.clock.mend_wall(core_.now);
}

void World::set_drift(HostId id, std::int64_t ppm) {
  Host& host = hosts_[id.raw()];
  host.clock.set_drift(core_.now, ppm);
  if (ppm != 0) core_.faults.add(Fault::clock_drift);
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u)
    if (units_[u].program) schedule_deadline(units_[u]);
}

}  // namespace keelson::sim
