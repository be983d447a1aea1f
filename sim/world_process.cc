// Lives of processes: start, crash, pause, stall.
#include "keelson/sim/world.h"

namespace keelson::sim {
namespace {

// An armed crash that finds nothing to interrupt comes anyway.
constexpr Duration armed_crash_patience = milliseconds(100);

}  // namespace

void World::ArmedCrash::on_time(u64 host_raw) {
  Host& host = world_.hosts_[host_raw];
  const auto kind = host.crash_after_turn ? host.crash_after_turn : host.crash_in_write;
  if (kind) world_.crash_host(host, *kind);
}

World::~World() {
  if (step_fiber_.failed()) leak_everything();
  for (Unit& unit : units_) {
    unit.program.reset();
    // a program that kept references is a violation that nobody asked for any more: keep the memory
    if (unit.slabs && unit.slabs->in_use() != 0) static_cast<void>(unit.slabs.release());
  }
}

// After a failed check the program was left in the middle of a step: its destructors must not run. What it had stays
// reachable, so that leak checkers stay quiet.
void World::leak_everything() {
  static auto& graveyard = *new std::vector<void*>;
  graveyard.push_back(in_.release());
  graveyard.push_back(out_.release());
  for (Unit& unit : units_) {
    graveyard.push_back(unit.program.release());
    graveyard.push_back(unit.slabs.release());
  }
}

void World::start_all() {
  for (u16 n = 0; n < population().nodes; ++n) start(NodeId(n));
  for (u16 c = 0; c < population().clients; ++c) start_client(c);
}

void World::start(NodeId node) {
  Host& host = hosts_[node.raw()];
  check(host.state == HostState::absent || host.state == HostState::down);
  const bool first = host.boot == 0;
  if (first) {
    host.clock.install(core_.now, host.clock_settings);
  } else {
    host.clock.boot(core_.now, host.clock_settings);
    core_.faults.add(Fault::restart);
  }
  if (host.clock.drift_ppm() != 0) core_.faults.add(Fault::clock_drift);
  ++host.boot;
  host.state = HostState::up;
  host.recovering = true;
  const Stream entropy = core_.tape.stream("kernel/" + std::to_string(node.raw()) + '.' + std::to_string(host.boot));
  core_.record(RecordKind::spawn, {.node = node, .boot = static_cast<u16>(host.boot)}, {.a = host.unit_count});
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u) {
    Unit& unit = units_[u];
    if (first) programs_.format(node, unit.shard, *unit.disk);
    for (auto& word : unit.entropy) word = entropy.bits64(Site::kernel_entropy);
    unit.slabs = std::make_unique<Slabs>(config_.limits);
    if (!guarded(node, [&] { unit.program = programs_.make_shard(node, unit.shard, *unit.slabs); })) return;
    prepare(unit);
    arrive(unit.id, {.kind = ArrivalKind::boot});
  }
  for (Observer* observer : observers_) observer->on_start(host.id, host.boot);
  if (!running_) run_ready();
}

void World::start_client(u16 client) {
  Host& host = hosts_[population().client_host(client).raw()];
  Unit& unit = units_[host.first_unit];
  check(host.state == HostState::absent || host.state == HostState::down);
  if (host.boot == 0) {
    host.clock.install(core_.now, host.clock_settings);
  } else {
    host.clock.boot(core_.now, host.clock_settings);
  }
  ++host.boot;
  host.state = HostState::up;
  const Stream entropy = core_.tape.stream("kernel/c" + std::to_string(client) + '.' + std::to_string(host.boot));
  ClientStart start{.client = client, .id = {}, .seed = 0};
  start.id.lo = entropy.bits64(Site::kernel_entropy);
  start.id.hi = entropy.bits64(Site::kernel_entropy);
  start.seed = entropy.bits64(Site::kernel_entropy);
  unit.slabs = std::make_unique<Slabs>(config_.client_limits);
  if (!guarded(no_node, [&] { unit.program = programs_.make_client(start, *unit.slabs); })) return;
  prepare(unit);
  network_.up(unit.id, {});
  for (Observer* observer : observers_) observer->on_start(host.id, host.boot);
}

void World::prepare(Unit& unit) {
  unit.life = {};
  unit.busy_until = core_.now;
  unit.due = false;
  unit.steps_without_progress = 0;
  unit.bytes_waiting = 0;
}

void World::crash(NodeId node, CrashKind kind) { crash_host(hosts_[node.raw()], kind); }

void World::crash_after_turn(NodeId node, CrashKind kind) {
  Host& host = hosts_[node.raw()];
  disarm(host);
  host.crash_after_turn = kind;
  host.armed_crash = core_.schedule(core_.now + armed_crash_patience, Rank::process, armed_crash_, host.id.raw());
}

void World::crash_in_write(NodeId node, CrashKind kind) {
  Host& host = hosts_[node.raw()];
  disarm(host);
  host.crash_in_write = kind;
  host.armed_crash = core_.schedule(core_.now + armed_crash_patience, Rank::process, armed_crash_, host.id.raw());
}

bool World::crash_armed(NodeId node) const {
  const Host& host = hosts_[node.raw()];
  return host.crash_after_turn || host.crash_in_write;
}

void World::disarm(Host& host) {
  host.crash_after_turn.reset();
  host.crash_in_write.reset();
  core_.queue.cancel(host.armed_crash);
}

void World::crash_client(u16 client) {
  Host& host = hosts_[population().client_host(client).raw()];
  if (host.state == HostState::absent || host.state == HostState::down) return;
  crash_host(host, CrashKind::process);
}

void World::crash_host(Host& host, CrashKind kind) {
  if (core_.violation || host.state == HostState::absent || host.state == HostState::down) return;
  check(in_->empty() && out_->empty());  // not from inside a turn: who watches turns schedules a Task
  disarm(host);
  const bool client = host.id.raw() >= population().nodes;
  if (client) {
    core_.faults.add(Fault::client_crash);
  } else {
    core_.faults.add(Fault::crash);
    if (kind == CrashKind::power) core_.faults.add(Fault::crash_power);
    if (host.recovering) core_.faults.add(Fault::crash_in_boot);
  }
  core_.record(client ? RecordKind::client_crash : RecordKind::crash, place_of(units_[host.first_unit]),
               {.a = client ? units_[host.first_unit].client : static_cast<u64>(kind)});
  for (Observer* observer : observers_) observer->on_crash(host.id, kind);
  if (host.state == HostState::paused) network_.resumed(host.id);
  bool writing = false;
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u) {
    writing = writing || (units_[u].disk && units_[u].disk->writes_in_flight() > 0);
    bury(units_[u], kind);
  }
  if (writing) core_.faults.add(Fault::crash_in_write);
  if (!client) mailboxes_.clear(NodeId(host.id.raw()));
  host.state = HostState::down;
  host.recovering = false;
  if (client && reply_reader_) reply_reader_->on_client_gone(units_[host.first_unit].client);
}

void World::bury(Unit& unit, CrashKind kind) {
  network_.down(unit.id, kind);
  if (unit.disk) {
    unit.disk->crash(kind);
    trace_damage(unit);
    unit.disk->set_slow(1);
  }
  while (!unit.arrivals.empty())
    if (Parcel* parcel = unit.arrivals.pop_front().parcel) core_.parcels.release(parcel);
  unit.bytes_waiting = 0;
  unit.slow = 1;
  unit.life = {};
  core_.queue.cancel(unit.turn);
  core_.queue.cancel(unit.deadline);
  if (!guarded(unit.node, [&] { unit.program.reset(); })) return;
  if (!unit.slabs) return;
  if (const u32 leaked = unit.slabs->in_use(); leaked != 0) {
    fail({.checker = "world",
          .invariant = "slab_leak",
          .detail = std::to_string(leaked) + " slabs are still referenced after their program is gone",
          .node = unit.node});
    return;
  }
  unit.slabs.reset();
}

void World::pause(NodeId node) {
  Host& host = hosts_[node.raw()];
  if (host.state != HostState::up) return;
  host.state = HostState::paused;
  core_.faults.add(Fault::pause);
  core_.record(RecordKind::pause, {.node = node, .boot = static_cast<u16>(host.boot)}, {});
  network_.paused(host.id);
}

// Everything that came meanwhile is one bag, and time has jumped.
void World::resume(NodeId node) {
  Host& host = hosts_[node.raw()];
  if (host.state != HostState::paused) return;
  host.state = HostState::up;
  core_.record(RecordKind::resume, {.node = node, .boot = static_cast<u16>(host.boot)}, {});
  network_.resumed(host.id);
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u)
    if (units_[u].due || !units_[u].arrivals.empty()) wake(units_[u]);
  if (!running_) run_ready();
}

void World::stall(NodeId node, ShardId shard, Duration time) {
  Unit& unit = unit_of(node, shard);
  if (!unit.program) return;
  core_.faults.add(Fault::shard_stall);
  unit.busy_until = std::max(unit.busy_until, core_.now + time);
}

void World::set_slow_turns(NodeId node, u64 factor) {
  const Host& host = hosts_[node.raw()];
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u) units_[u].slow = factor;
}

void World::wipe(NodeId node) {
  check(state(node) == HostState::down);
  programs_.replace(node);
  core_.faults.add(Fault::wiped_disk);
  replace_disks(node, Fault::wiped_disk, [this, node](Unit& unit) {
    unit.disk->wipe();
    programs_.format(node, unit.shard, *unit.disk);
  });
}

void World::save_disks(NodeId node) {
  const Host& host = hosts_[node.raw()];
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u) units_[u].disk->save_image();
}

bool World::has_saved_disks(NodeId node) const { return units_[hosts_[node.raw()].first_unit].disk->has_image(); }

void World::restore_disks(NodeId node) {
  check(state(node) == HostState::down);
  core_.faults.add(Fault::stale_disk);
  replace_disks(node, Fault::stale_disk, [](Unit& unit) { unit.disk->restore_image(); });
}

template <class Replace>
void World::replace_disks(NodeId node, Fault fault, Replace replace) {
  const Host& host = hosts_[node.raw()];
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u) replace(units_[u]);
  core_.record(RecordKind::damage, {.node = node, .boot = static_cast<u16>(host.boot)}, {.a = static_cast<u64>(fault)});
  for (Observer* observer : observers_) observer->on_disk_replaced(host.id, fault == Fault::wiped_disk);
}

void World::spare_disk(NodeId node) {
  DiskSettings& settings = hosts_[node.raw()].disk_settings;
  settings = settings.without_damage();
}

void World::damage(NodeId node, ShardId shard, const std::function<void(Disk&)>& how) {
  Unit& unit = unit_of(node, shard);
  how(*unit.disk);
  trace_damage(unit);
}

bool World::hurt(NodeId node) const {
  return any_disk(node, [](const Disk& disk) { return disk.hurt(); });
}

bool World::torn(NodeId node) const {
  return any_disk(node, [](const Disk& disk) { return disk.torn(); });
}

}  // namespace keelson::sim
