#include "keelson/sim/run/cluster.h"

#include <algorithm>

#include "keelson/sim/check_off.h"
#include "keelson/sim/settings_of.h"

namespace keelson::sim {
namespace {

constexpr ClusterId cluster_id{0x6e6f736c65656b, 1};

Population population_of(const pb::Cluster& cluster) {
  Population population;
  population.nodes = static_cast<u16>(cluster.has_nodes() ? cluster.nodes() : cluster.replicas());
  population.shards = static_cast<u16>(cluster.shards());
  population.clients = static_cast<u16>(cluster.clients());
  return population;
}

KernelConfig kernel_of(const pb::Cluster& cluster, const MachineRegistry& machines) {
  KernelConfig config;
  config.cluster = cluster_id;
  config.population = population_of(cluster);
  config.limits = limits_of(cluster);
  config.client_limits = client_limits_of(config.limits);
  config.tunables = tunables_of(cluster);
  config.machines = &machines;
  return config;
}

// A tape in the file is one way to say which decisions: the run is the same one as with those of a seed or a recording.
Digest start_of(const pb::Scenario& scenario, u64 seed) {
  if (!scenario.has_tape()) return trace_start(serialise(scenario), seed);
  pb::Scenario without = scenario;
  without.clear_tape();
  return trace_start(serialise(without), 0);
}

WorldConfig world_of(const pb::Scenario& scenario, const KernelConfig& kernel, u64 seed, TraceSink* sink) {
  WorldConfig config;
  config.population = kernel.population;
  config.cluster = kernel.cluster;
  config.limits = kernel.limits;
  config.client_limits = kernel.client_limits;
  config.settings = calm_settings();
  config.events_max = scenario.budget().events();
  config.trace_start = start_of(scenario, seed);
  config.trace_sink = sink;
  return config;
}

// How wrong a wall clock is, and where a monotonic one begins, is drawn when a machine starts: before any phase does.
void set_clocks(const pb::Clock& clock, World& world, Roles& roles) {
  ClockSettings wrong = calm_settings().clock;
  wrong.offset_max = milliseconds(clock.offset_ms());
  wrong.huge_base = clock.huge_base();
  const Population& who = world.population();
  const auto named = roles.resolve_all(clock.node());
  for (u16 n = 0; n < who.nodes; ++n)
    if (clock.node().empty() || std::find(named.begin(), named.end(), NodeId(n)) != named.end())
      world.set_clock(who.host_of(NodeId(n)), wrong);
}

std::vector<NodeId> members_of_first(const KernelPrograms& programs) {
  const GroupConfig* first = nullptr;
  for (const auto& group : programs.groups())
    if (!first || group.group < first->group) first = &group;
  return {first->members.begin(), first->members.end()};
}

std::vector<NodeId> members_of_metadata(const KernelPrograms& programs) {
  for (const auto& group : programs.groups())
    if (group.group == metadata_group) return {group.members.begin(), group.members.end()};
  return {};
}

std::map<GroupId, MachineKind> kinds_of(const KernelPrograms& programs) {
  std::map<GroupId, MachineKind> kinds;
  for (const auto& group : programs.groups()) kinds[group.group] = group.machine;
  return kinds;
}

MachineRegistry with_builtin(const OwnMachine& own) {
  MachineRegistry machines = builtin_machines();
  own.add(machines);
  return machines;
}

std::vector<GroupId> data_groups_of(const KernelPrograms& programs) {
  std::vector<GroupId> groups;
  for (const auto& group : programs.groups())
    if (group.group != metadata_group) groups.push_back(group.group);
  return groups;
}

}  // namespace

void ShardWatch::on_turn(const TurnSeen& seen) {
  const Shard* shard = seen.program.shard();
  if (on_ && shard) world_.guarded(seen.node, [shard] { shard->check_invariants(); });
}

void ShardWatch::on_crash(HostId host, CrashKind) {
  if (host.raw() < world_.population().nodes) gather(NodeId(host.raw()), ended_);
}

void ShardWatch::gather(NodeId node, std::map<std::string, u64>& into) const {
  for (u16 s = 0; s < world_.population().shards; ++s) {
    const Program* program = world_.program(node, ShardId(s));
    if (!program || !program->shard()) continue;
    const Counters& counters = program->shard()->counters();
    for (std::size_t m = 0; m < Counters::mark_count; ++m)
      if (const u64 hits = counters[static_cast<Mark>(m)]) into[name_of(static_cast<Mark>(m))] += hits;
  }
}

std::map<std::string, u64> ShardWatch::marks() const {
  auto all = ended_;
  for (u16 n = 0; n < world_.population().nodes; ++n) gather(NodeId(n), all);
  return all;
}

void ClientWatch::on_start(HostId host, u32 boot) {
  if (host.raw() >= population_.nodes && boot > 1)
    clients_.on_client_started(static_cast<u16>(host.raw() - population_.nodes));
}

RunCluster::RunCluster(const pb::Scenario& scenario, Tape& tape, u64 seed, TraceSink* sink, const Simulation* own)
    : own_scope(own ? &own->own_machine() : nullptr),
      machines(own ? with_builtin(own->own_machine()) : builtin_machines()),
      kernel(kernel_of(scenario.cluster(), machines)),
      programs(kernel, spread_groups(scenario.cluster().groups(), static_cast<u16>(scenario.cluster().replicas()),
                                     kernel.population.nodes, own ? own->own_machine().kind : machine_kv, machine_kv)),
      world(world_of(scenario, kernel, seed, sink), programs, tape),
      roles(world, members_of_first(programs)),
      logs(world, kernel.cluster, kernel.limits),
      commits(world, kernel.limits, members_of_metadata(programs)),
      replay(world, commits, logs, history, machines, kinds_of(programs)),
      linearizable(world, history),
      promises(world, logs),
      evidence(world),
      sleepers(world),
      shards(world),
      clients(world, history),
      client_watch(world.population(), clients),
      data_groups(data_groups_of(programs)) {
  if (!is_on(scenario, Checked::commits)) commits.silence();
  if (!is_on(scenario, Checked::promises)) promises.silence();
  if (!is_on(scenario, Checked::evidence)) evidence.silence();
  if (!is_on(scenario, Checked::sleepers)) sleepers.silence();
  if (!is_on(scenario, Checked::replay)) replay.silence();
  if (!is_on(scenario, Checked::linearizable)) linearizable.silence();
  if (!is_on(scenario, Checked::invariants)) shards.silence();
  set_clocks(scenario.clock(), world, roles);
  world.add_observer(roles);
  world.add_observer(shards);
  world.add_observer(logs);
  world.add_observer(commits);
  world.add_observer(replay);
  history.set_listener(&replay);
  world.add_observer(promises);
  world.add_observer(evidence);
  world.add_observer(sleepers);
  world.add_observer(client_watch);
}

}  // namespace keelson::sim
