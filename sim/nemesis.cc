#include "keelson/sim/nemesis.h"

#include <algorithm>

#include "keelson/sim/prng.h"
#include "keelson/sim/settings_of.h"

namespace keelson::sim {
namespace {

constexpr u32 boot_crashes_max = 5;
constexpr Duration boot_crash_after_mean = milliseconds(2);
constexpr Duration back_after_mean = milliseconds(300);  // with another disk
constexpr Duration look_again = milliseconds(20);        // at a node whose crash has not come yet
constexpr u64 stalls_every_ms = 1'000;
constexpr Duration length_min = milliseconds(1);

}  // namespace

Nemesis::Nemesis(World& world, Roles& roles, const DamageBudget& budget, const MarkWatch& marks)
    : world_(world),
      roles_(roles),
      budget_(budget),
      marks_(marks),
      stream_(roles.nemesis()),
      boot_crashes_(world.population().nodes),
      paused_(world.population().nodes) {
  if (marks.on()) world.add_observer(*this);
}

// --- timers

void Nemesis::arm(What what, u64 index, Duration after) {
  armed_.push_back(
      {token(what, index), world_.core().schedule(world_.now() + after, Rank::nemesis, *this, token(what, index))});
}

void Nemesis::arm_next(What what, u64 index, u64 mean_ms) {
  const u64 mean_ns = milliseconds(mean_ms).ns();
  const auto v = static_cast<u32>(stream_.draw(Site::nemesis_wait, u64{1} << 32));
  arm(what, index, v == 0 ? Duration(mean_ns) : Duration(exponential(v, mean_ns)));
  armed_.back().blank = v == 0;
}

Duration Nemesis::draw_length(u64 mean_ms) {
  return std::max(length_min, stream_.exponential(Site::nemesis_length, milliseconds(mean_ms)));
}

void Nemesis::disarm(What what) {
  std::erase_if(armed_, [&](const Armed& armed) {
    if (armed.token >> 32 != static_cast<u64>(what)) return false;
    world_.core().queue.cancel(armed.event);
    return true;
  });
}

// The next one of its kind, if the phase has such faults at all.
void Nemesis::repeat(What what, u64 index) {
  if (what == What::cut && faults_.partition && faults_.partition->has_every_ms())
    arm_next(what, index, faults_.partition->every_ms());
  if (what == What::crash && faults_.crash && faults_.crash->has_every_ms())
    arm_next(what, index, faults_.crash->every_ms());
  if (what == What::pause && faults_.pause && faults_.pause->has_every_ms())
    arm_next(what, index, faults_.pause->every_ms());
  if (what == What::power_cut && faults_.power_cut) arm_next(what, index, faults_.power_cut->every_ms());
  if (what == What::client_crash && faults_.client_crash) arm_next(what, index, faults_.client_crash->every_ms());
  if (what == What::clock_step && faults_.clock.step_ms() > 0) arm_next(what, index, faults_.clock.every_ms());
  if (what == What::stall && faults_.turn.shard_stall_ms() > 0) arm_next(what, index, stalls_every_ms);
  if (what == What::rot && faults_.disk.has_rot_every_ms()) arm_next(what, index, faults_.disk.rot_every_ms());
  if (what == What::wipe && faults_.disk.has_wipe_every_ms()) arm_next(what, index, faults_.disk.wipe_every_ms());
  if (what == What::stale && faults_.disk.has_stale_every_ms()) arm_next(what, index, faults_.disk.stale_every_ms());
}

void Nemesis::on_time(u64 fired) {
  const auto found = std::find_if(armed_.begin(), armed_.end(), [&](const Armed& armed) {
    return armed.token == fired && !world_.core().queue.pending(armed.event);
  });
  check(found != armed_.end());
  const bool blank = found->blank;
  armed_.erase(found);
  const auto what = static_cast<What>(fired >> 32);
  const u64 index = fired & 0xffff'ffff;
  if (blank) return repeat(what, index);
  switch (what) {
    case What::cut:
      return begin_cut();
    case What::uncut:
      return end_cut();
    case What::flap:
      return flap();
    case What::crash:
      return crash(index);
    case What::crash_at_mark:
      return world_.crash(NodeId(static_cast<u16>(index >> 1)), index & 1 ? CrashKind::power : CrashKind::process);
    case What::restart:
      return restart(NodeId(static_cast<u16>(index)));
    case What::crash_in_boot:
      return crash_in_boot(NodeId(static_cast<u16>(index)));
    case What::pause:
      return pause_one();
    case What::resume:
      paused_[index] = false;
      return world_.resume(NodeId(static_cast<u16>(index)));
    case What::power_cut:
      return power_cut();
    case What::power_off:
      return world_.crash(NodeId(static_cast<u16>(index)), CrashKind::power);
    case What::client_crash:
      return client_crash(index);
    case What::client_restart:
      return client_restart(index);
    case What::clock_step:
      return step_clock();
    case What::stall:
      return stall_shard();
    case What::rot:
      return rot(NodeId(static_cast<u16>(index)));
    case What::wipe:
      return wipe(NodeId(static_cast<u16>(index)));
    case What::stale:
      return stale(NodeId(static_cast<u16>(index)));
  }
}

// --- phases

void Nemesis::begin(const PhaseFaults& faults) {
  end();
  faults_ = faults;
  world_.set_settings(settings_of(faults));
  apply_to_some_nodes(faults);
  protect_sound_disks();
  if (faults.partition && !faults.partition->has_every_ms()) begin_cut();
  if (faults.pause && !faults.pause->has_every_ms()) pause_one();
  repeat(What::cut, 0);
  repeat(What::pause, 0);
  repeat(What::power_cut, 0);
  repeat(What::clock_step, 0);
  repeat(What::stall, 0);
  for (const NodeId node : damaged_nodes()) {
    repeat(What::rot, node.raw());
    if (!budget_.may_replace(node)) continue;
    repeat(What::wipe, node.raw());
    repeat(What::stale, node.raw());
  }
  if (faults.crash) {
    const bool named = faults.crash->node_size() > 0;  // one timer per name, else one per node
    const int count = named ? faults.crash->node_size() : world_.population().nodes;
    for (int i = 0; i < count; ++i) repeat(What::crash, static_cast<u64>(i));
  }
  if (faults_.crash)
    for (const auto& mark : faults_.crash->at_mark()) at_marks_.push_back(mark_named(mark));
  for (u16 c = 0; c < world_.population().clients; ++c) repeat(What::client_crash, c);
}

void Nemesis::end() {
  for (const What what : {What::cut, What::uncut, What::flap, What::crash, What::crash_at_mark, What::crash_in_boot,
                          What::pause, What::resume, What::power_cut, What::power_off, What::client_crash,
                          What::clock_step, What::stall, What::rot, What::wipe, What::stale})
    disarm(what);
  faults_ = {};
  at_marks_.clear();
  end_cut();
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    world_.set_slow_turns(NodeId(n), 1);
    if (!paused_[n]) continue;
    paused_[n] = false;
    world_.resume(NodeId(n));
  }
}

void Nemesis::mend(const std::vector<NodeId>& except) {
  end();
  disarm(What::restart);
  disarm(What::client_restart);
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const NodeId node(n);
    if (std::find(except.begin(), except.end(), node) != except.end()) continue;
    world_.disarm_crash(node);
    world_.resume(node);
    if (world_.state(node) == HostState::down) world_.start(node);
  }
  for (u16 c = 0; c < world_.population().clients; ++c) client_restart(c);
}

// Where a scenario names nodes, the others stay as they are by default.
void Nemesis::apply_to_some_nodes(const PhaseFaults& faults) {
  const Population& who = world_.population();
  const Settings normal = calm_settings();
  const auto others = [&](const auto& refs, auto&& apply) {
    if (refs.empty()) return;
    const auto named = roles_.resolve_all(refs);
    for (u16 n = 0; n < who.nodes; ++n)
      if (std::find(named.begin(), named.end(), NodeId(n)) == named.end()) apply(NodeId(n));
  };
  others(faults.disk.node(), [&](NodeId node) { world_.set_disk(who.host_of(node), normal.disk); });
  others(faults.clock.node(), [&](NodeId node) { world_.set_clock(who.host_of(node), normal.clock); });
  if (faults.turn.slow() > 1) {
    world_.core().settings.turn.slow = 1;
    for (const NodeId node : roles_.resolve_all(faults.turn.node())) world_.set_slow_turns(node, faults.turn.slow());
  }
}

// Of the victims those that the phase names, if it names any.
std::vector<NodeId> Nemesis::damaged_nodes() {
  auto nodes = budget_.victims();
  if (faults_.disk.node().empty()) return nodes;
  const auto named = roles_.resolve_all(faults_.disk.node());
  std::erase_if(nodes, [&](NodeId node) { return std::find(named.begin(), named.end(), node) == named.end(); });
  return nodes;
}

void Nemesis::protect_sound_disks() {
  if (!budget_.in_use()) return;
  for (u16 n = 0; n < world_.population().nodes; ++n)
    if (!budget_.is_victim(NodeId(n))) world_.spare_disk(NodeId(n));
}

// --- partitions

void Nemesis::begin_cut() {
  const pb::Partition& spec = *faults_.partition;
  end_cut();
  CutSpec wanted{.of = spec.has_of() ? std::optional(spec.of()) : std::nullopt,
                 .kind = spec.kind(),
                 .gray = spec.gray(),
                 .nodes = {}};
  if (spec.node_size() > 0) wanted.nodes = roles_.resolve_all(spec.node());
  cut_ = Cut::draw(wanted, roles_);
  cut_->raise(world_);
  if (spec.has_for_ms()) arm(What::uncut, 0, draw_length(spec.for_ms()));
  if (spec.has_flap_ms()) arm(What::flap, 0, milliseconds(spec.flap_ms()) / 2);
}

void Nemesis::end_cut() {
  disarm(What::uncut);
  disarm(What::flap);
  if (!cut_) return;
  cut_->lift(world_);
  cut_.reset();
  if (!armed_for(What::cut)) repeat(What::cut, 0);
}

void Nemesis::flap() {
  if (cut_->raised()) {
    cut_->lift(world_);
  } else {
    cut_->raise(world_);
    world_.core().faults.add(Fault::partition_flap);
  }
  arm(What::flap, 0, std::max(length_min, milliseconds(faults_.partition->flap_ms()) / 2));
}

bool Nemesis::armed_for(What what) const {
  return std::any_of(armed_.begin(), armed_.end(),
                     [what](const Armed& armed) { return armed.token >> 32 == static_cast<u64>(what); });
}

// --- crashes

void Nemesis::crash(u64 index) {
  const auto& named = faults_.crash->node();
  const NodeId node = named.empty() ? NodeId(static_cast<u16>(index))
                                    : roles_.resolve(static_cast<pb::NodeRef>(named.Get(static_cast<int>(index))));
  if (world_.state(node) == HostState::up) crash_node(node);
  repeat(What::crash, index);
}

// The turn is over, and nothing that it decided has happened yet.
void Nemesis::on_turn(const TurnSeen& turn) {
  if (!faults_.crash || marks_.reached().empty() || world_.crash_armed(turn.node)) return;
  if (strikes_at_marks() && names(turn.node)) crash_node(turn.node, true);
}

bool Nemesis::names(NodeId node) {
  const auto& refs = faults_.crash->node();
  const auto named = roles_.resolve_all(refs);
  return std::find(named.begin(), named.end(), node) != named.end();
}

bool Nemesis::strikes_at_marks() {
  const pb::Crash& spec = *faults_.crash;
  for (const Mark mark : marks_.reached()) {
    u64 ppm = spec.rare_mark_ppm() / marks_.turns(mark);
    if (std::find(at_marks_.begin(), at_marks_.end(), mark) != at_marks_.end())
      ppm = std::max<u64>(ppm, spec.at_mark_ppm());
    if (stream_.chance(Site::crash_at_mark, ppm)) return true;
  }
  return false;
}

void Nemesis::crash_node(NodeId node, bool in_turn) {
  const pb::Crash& spec = *faults_.crash;
  CrashKind kind = spec.kind() == pb::Crash::POWER ? CrashKind::power : CrashKind::process;
  if (spec.kind() == pb::Crash::EITHER && stream_.below(Site::nemesis_kind, 2) == 1) kind = CrashKind::power;
  if (stream_.chance(Site::crash_mid_bag, spec.mid_bag_ppm())) {
    world_.crash_after_turn(node, kind);
  } else if (stream_.chance(Site::crash_in_write, spec.in_write_ppm())) {
    world_.crash_in_write(node, kind);
  } else if (in_turn) {
    arm(What::crash_at_mark, u64{node.raw()} << 1 | (kind == CrashKind::power), Duration(0));
  } else {
    world_.crash(node, kind);
  }
  boot_crashes_[node.raw()] = 0;
  arm(What::restart, node.raw(), stream_.exponential(Site::crash_restart_after, milliseconds(spec.restart_after_ms())));
}

void Nemesis::restart(NodeId node) {
  if (world_.state(node) != HostState::down) {
    if (world_.crash_armed(node)) arm(What::restart, node.raw(), look_again);
    return;
  }
  world_.start(node);
  if (!faults_.crash || boot_crashes_[node.raw()] >= boot_crashes_max) return;
  if (!stream_.chance(Site::crash_in_boot, faults_.crash->in_boot_ppm())) return;
  arm(What::crash_in_boot, node.raw(), stream_.exponential(Site::crash_in_boot_after, boot_crash_after_mean));
}

void Nemesis::crash_in_boot(NodeId node) {
  if (!world_.recovering(node) || world_.state(node) != HostState::up) return;
  ++boot_crashes_[node.raw()];
  world_.crash(node, stream_.below(Site::nemesis_kind, 2) == 1 ? CrashKind::power : CrashKind::process);
  arm(What::restart, node.raw(),
      stream_.exponential(Site::crash_restart_after, milliseconds(faults_.crash->restart_after_ms())));
}

void Nemesis::power_cut() {
  const pb::PowerCut& spec = *faults_.power_cut;
  world_.core().faults.add(Fault::power_cut);
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const u64 late = stream_.below(Site::power_cut_spread, microseconds(spec.spread_us()).ns() + 1);
    arm(What::power_off, n, Duration(late));
    const Duration dark = stream_.exponential(Site::crash_restart_after, milliseconds(spec.restart_after_ms()));
    arm(What::restart, n, Duration(late) + dark + Duration(1));
  }
  repeat(What::power_cut, 0);
}

void Nemesis::client_crash(u64 client) {
  world_.crash_client(static_cast<u16>(client));
  const Duration away =
      stream_.exponential(Site::crash_restart_after, milliseconds(faults_.client_crash->restart_after_ms()));
  arm(What::client_restart, client, away);
  repeat(What::client_crash, client);
}

void Nemesis::client_restart(u64 client) {
  if (world_.client_state(static_cast<u16>(client)) == HostState::down) world_.start_client(static_cast<u16>(client));
}

// --- pauses, clocks, stalls

void Nemesis::pause_one() {
  const pb::Pause& spec = *faults_.pause;
  const NodeId node = roles_.resolve_one(spec.node());
  if (world_.state(node) == HostState::up) {
    world_.pause(node);
    paused_[node.raw()] = true;
    if (spec.has_for_ms()) arm(What::resume, node.raw(), draw_length(spec.for_ms()));
  }
  repeat(What::pause, 0);
}

void Nemesis::step_clock() {
  const NodeId node = roles_.resolve_one(faults_.clock.node());
  const std::int64_t delta = draw_signed(stream_, Site::clock_step, milliseconds(faults_.clock.step_ms()).ns());
  world_.step_wall_clock(node, delta);
  repeat(What::clock_step, 0);
}

void Nemesis::stall_shard() {
  const NodeId node = roles_.resolve_one(faults_.turn.node());
  const ShardId shard(static_cast<u16>(stream_.below(Site::nemesis_target, world_.population().shards)));
  const u64 longest = milliseconds(faults_.turn.shard_stall_ms()).ns();
  world_.stall(node, shard, Duration(stream_.range(Site::turn_stall, std::min(length_min.ns(), longest), longest)));
  repeat(What::stall, 0);
}

void Nemesis::rot(NodeId node) {
  const ShardId shard(static_cast<u16>(stream_.below(Site::nemesis_target, world_.population().shards)));
  world_.damage(node, shard, [](Disk& disk) { disk.rot(); });
  repeat(What::rot, node.raw());
}

void Nemesis::wipe(NodeId node) {
  put_in(node, &World::wipe);
  repeat(What::wipe, node.raw());
}

// First the disk is saved, the next time it comes back as it was then.
void Nemesis::stale(NodeId node) {
  if (world_.has_saved_disks(node)) {
    put_in(node, &World::restore_disks);
  } else {
    world_.save_disks(node);
  }
  repeat(What::stale, node.raw());
}

void Nemesis::put_in(NodeId node, void (World::*disks)(NodeId)) {
  if (world_.state(node) != HostState::down) world_.crash(node, CrashKind::power);
  if (world_.state(node) != HostState::down) return;  // the run is over
  (world_.*disks)(node);
  arm(What::restart, node.raw(), stream_.exponential(Site::crash_restart_after, back_after_mean));
}

}  // namespace keelson::sim
