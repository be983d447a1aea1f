#include "keelson/sim/scenario_rules.h"

#include <algorithm>
#include <set>

#include "keelson/base/counters.h"
#include "keelson/base/limits.h"
#include "keelson/sim/check_off.h"
#include "keelson/sim/damage_budget.h"
#include "keelson/sim/scenario_swarm.h"
#include "keelson/sim/sites.h"

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;
using proto::FieldDescriptor;

constexpr u32 replicas_max = 6;
constexpr u32 nodes_max = 32;
constexpr u32 schema_newest = 1;

struct Finding {
  std::string what;
  std::string got{};
  std::string expected{};
  std::string hint{};
};

// What a rule looks at, and how it says what it found.
class Check {
 public:
  Check(const pb::Scenario& scenario, const ProtoText& text, const std::string& stem, Problems& problems)
      : scenario_(scenario), text_(text), stem_(stem), problems_(problems) {}

  const pb::Scenario& scenario() const { return scenario_; }
  const std::string& stem() const { return stem_; }
  void set_code(const char* code) { code_ = code; }
  // At the first of the paths that the file has.
  void found(std::initializer_list<std::string> at, Finding finding) {
    problems_.push_back({text_.file(), text_.at(at), code_, std::move(finding.what), std::move(finding.got),
                         std::move(finding.expected), std::move(finding.hint)});
  }

  u32 nodes() const {
    const auto& cluster = scenario_.cluster();
    return cluster.has_nodes() ? cluster.nodes() : cluster.replicas();
  }
  // Known unless a swarm draws it.
  bool shape_is_known() const { return !scenario_.swarm().on() || scenario_.cluster().has_replicas(); }

 private:
  const pb::Scenario& scenario_;
  const ProtoText& text_;
  const std::string& stem_;
  Problems& problems_;
  const char* code_ = "";
};

std::string number(u64 value) { return std::to_string(value); }

// The scenario itself and each phase: both have the fault and setting fields. `visit(prefix, place)`.
template <class Visit>
void for_each_place(const pb::Scenario& scenario, Visit visit) {
  visit(std::string(), scenario);
  for (int i = 0; i < scenario.phase_size(); ++i) visit("phase[" + std::to_string(i) + "].", scenario.phase(i));
}

void check_name(Check& c) {
  const auto& name = c.scenario().name();
  if (!c.scenario().has_name())
    c.found({}, {"name: missing", {}, "name: \"" + c.stem() + "\"", "a scenario is called like its file"});
  else if (name != c.stem())
    c.found({"name"}, {"name: differs from the file's", name, c.stem(), "a scenario is called like its file"});
}

void check_schema(Check& c) {
  const u32 schema = c.scenario().schema();
  if (schema == 0 || schema > schema_newest)
    c.found({"schema"}, {"schema: unknown version", number(schema), "1", "a newer keelson may read this file"});
}

void check_quorum(Check& c) {
  const auto& cluster = c.scenario().cluster();
  const u32 replicas = cluster.replicas();
  if (replicas == 0 || replicas > replicas_max)
    return c.found({"cluster.replicas"}, {"cluster.replicas: no quorum is defined for this many", number(replicas),
                                          "1 to 6", "more nodes than replicas are set with nodes"});
  if (!cluster.has_nodes()) return;
  if (cluster.nodes() < replicas)
    c.found({"cluster.nodes", "cluster.replicas"},
            {"cluster.nodes: fewer than replicas, so no group has a quorum", number(cluster.nodes()),
             number(replicas) + " to " + number(nodes_max)});
  else if (cluster.nodes() > nodes_max)
    c.found({"cluster.nodes"},
            {"cluster.nodes: too many", number(cluster.nodes()), number(replicas) + " to " + number(nodes_max)});
}

void check_limits(Check& c) {
  const auto& cluster = c.scenario().cluster();
  const auto limits = cluster.limits() == pb::LimitsProfile::TINY ? Limits::tiny() : Limits::standard();
  const u64 room = u64{limits.groups_max} * cluster.shards();
  if (cluster.groups() > room)
    c.found({"cluster.groups", "cluster.shards", "cluster.limits"},
            {"cluster.groups: more than the shards of a node hold under these limits", number(cluster.groups()),
             "1 to " + number(room), "limits: STANDARD holds more, and so do more shards"});
  const u64 least = u64{4} * cluster.checkpoint_ops();
  if (cluster.has_journal_ops() && (least == 0 || cluster.journal_ops() < least))
    c.found({"cluster.journal_ops", "cluster.checkpoint_ops"},
            {"cluster.journal_ops: less than four checkpoints' worth, or of unknown ones",
             number(cluster.journal_ops()), least == 0 ? "checkpoint_ops to be given" : "at least " + number(least)});
}

// Every NodeRef anywhere, with its path.
template <class Visit>
void for_each_node_ref(const proto::Message& message, const std::string& path, Visit& visit) {
  const auto& access = *message.GetReflection();
  std::vector<const FieldDescriptor*> given;
  access.ListFields(message, &given);
  for (const auto* field : given) {
    const int count = field->is_repeated() ? access.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const auto full = path + field->name() + (field->is_repeated() ? '[' + std::to_string(i) + ']' : "");
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
        for_each_node_ref(
            field->is_repeated() ? access.GetRepeatedMessage(message, field, i) : access.GetMessage(message, field),
            full + '.', visit);
      else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM && field->enum_type() == pb::NodeRef_descriptor())
        visit(full, field->is_repeated() ? access.GetRepeatedEnumValue(message, field, i)
                                         : access.GetEnumValue(message, field));
    }
  }
}

bool in_step_with_condition(const pb::Scenario& scenario, const std::string& path) {
  for (int i = 0; i < scenario.step_size(); ++i)
    if (path.starts_with("step[" + std::to_string(i) + "].")) return scenario.step(i).has_when();
  return false;
}

void check_nodes(Check& c) {
  const u32 nodes = c.nodes();
  auto visit = [&](const std::string& path, int node) {
    if (node == pb::HERE && !in_step_with_condition(c.scenario(), path))
      c.found({path}, {path + ": where what came true", "HERE", {}, "a role or a number, or a step with when { }"});
    if (node >= pb::PRIMARY) return;
    if (!c.shape_is_known() && node > 0)
      c.found({path}, {path + ": the swarm may draw a cluster without this node",
                       "N" + std::to_string(node),
                       {},
                       "set cluster.replicas"});
    else if (c.shape_is_known() && static_cast<u32>(node) >= nodes)
      c.found({path},
              {path + ": no such node", "N" + std::to_string(node), "N0 to N" + number(nodes - 1) + ", or a role"});
  };
  if (nodes > 0) for_each_node_ref(c.scenario(), "", visit);
}

void check_min_max(Check& c) {
  for_each_place(c.scenario(), [&](const std::string& prefix, const auto& place) {
    const auto& delay = place.network().delay_us();
    const std::string path = prefix + "network.delay_us";
    if (delay.has_max() && delay.max() < delay.min())
      c.found({path + ".max"},
              {path + ": max is less than min", number(delay.max()), "at least " + number(delay.min())});
  });
  const auto& expect = c.scenario().expect();
  if (expect.has_view_changes_max() && expect.view_changes_max() < expect.view_changes_min())
    c.found({"expect.view_changes_max"},
            {"expect.view_changes_max: less than view_changes_min", number(expect.view_changes_max()),
             "at least " + number(expect.view_changes_min())});
}

template <class Names>
void check_unique(Check& c, const std::string& list, const Names& names, const std::string& suffix = "") {
  std::set<std::string> seen;
  for (int i = 0; i < names.size(); ++i) {
    auto path = list;
    path.append("[").append(std::to_string(i)).append("]").append(suffix);
    if (!seen.insert(names.Get(i)).second)
      c.found({path}, {path + ": the same name again", names.Get(i), "each name once"});
  }
}

void check_duplicates(Check& c) {
  proto::RepeatedPtrField<std::string> phases;
  for (const auto& phase : c.scenario().phase()) *phases.Add() = phase.name();
  check_unique(c, "phase", phases, ".name");
  check_unique(c, "tag", c.scenario().tag());
  check_unique(c, "expect.mark", c.scenario().expect().mark());
  check_unique(c, "check_off", c.scenario().check_off());
  check_unique(c, "swarm.always", c.scenario().swarm().always());
  check_unique(c, "swarm.never", c.scenario().swarm().never());
}

void check_known(Check& c, const std::string& path, const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const auto near = closest(name, known);
  c.found({path}, {path + ": unknown name", name, near.empty() ? joined(known) : near});
}

void check_known(Check& c, const std::string& list, const proto::RepeatedPtrField<std::string>& names,
                 const std::vector<std::string>& known) {
  for (int i = 0; i < names.size(); ++i) check_known(c, list + '[' + std::to_string(i) + ']', names.Get(i), known);
}

std::vector<std::string> mark_names() {
  std::vector<std::string> names;
  for (std::size_t m = 0; m < Counters::mark_count; ++m) names.emplace_back(name_of(static_cast<Mark>(m)));
  return names;
}

void check_names(Check& c) {
  check_known(c, "check_off", c.scenario().check_off(), checker_names());
  check_known(c, "expect.mark", c.scenario().expect().mark(), mark_names());
  for_each_place(c.scenario(), [&c](const std::string& prefix, const auto& place) {
    check_known(c, prefix + "crash.at_mark", place.crash().at_mark(), mark_names());
  });
  for (int i = 0; i < c.scenario().step_size(); ++i) {
    const auto& when = c.scenario().step(i).when();
    if (when.has_mark()) check_known(c, "step[" + std::to_string(i) + "].when.mark", when.mark(), mark_names());
  }
  check_known(c, "tag", c.scenario().tag(), {"smoke", "nightly", "long", "perf"});
}

void check_swarm(Check& c) {
  const auto& swarm = c.scenario().swarm();
  const auto features = swarm_feature_names();
  check_known(c, "swarm.always", swarm.always(), features);
  check_known(c, "swarm.never", swarm.never(), features);
  for (int i = 0; i < swarm.never_size(); ++i)
    if (std::find(swarm.always().begin(), swarm.always().end(), swarm.never(i)) != swarm.always().end())
      c.found({"swarm.never[" + std::to_string(i) + ']'},
              {"swarm.never: also in always", swarm.never(i), "it in one of the two"});
  if (!swarm.on() && (swarm.always_size() > 0 || swarm.never_size() > 0 || swarm.has_keep_ppm()))
    c.found({"swarm"}, {"swarm: says what to draw but is not on", {}, "on: true"});
}

void check_workload(Check& c) {
  const auto& scenario = c.scenario();
  for (int i = 0; i < scenario.workload_size(); ++i) {
    const auto& workload = scenario.workload(i);
    const auto path = "workload[" + std::to_string(i) + ']';
    if (workload.kind_case() == pb::Workload::KIND_NOT_SET)
      c.found({path}, {path + ": of what kind", {}, "kv { } or idle { }"});
    const auto& kv = workload.kv();
    if (workload.has_kv() && u64{kv.put()} + kv.get() + kv.cas() + kv.del() == 0)
      c.found({path + ".kv"},
              {path + ".kv: no operation has a weight", "put, get, cas and del 0", "at least one above 0"});
    if (workload.clients() > scenario.cluster().clients())
      c.found({path + ".clients"}, {path + ".clients: more than the cluster has", number(workload.clients()),
                                    "0 to " + number(scenario.cluster().clients()), "set cluster.clients"});
    if (workload.has_clients() && workload.clients() == 0)
      c.found({path + ".clients"}, {path + ".clients: a workload without clients", "0", "1 or more"});
  }
}

bool workloads_end(const pb::Scenario& scenario) {
  return std::any_of(scenario.workload().begin(), scenario.workload().end(),
                     [](const pb::Workload& workload) { return !workload.has_idle() && workload.requests() > 0; }) ||
         scenario.workload().empty();
}

void check_phases(Check& c) {
  const auto& scenario = c.scenario();
  u64 total_ms = 0;
  for (int i = 0; i < scenario.phase_size(); ++i) {
    const auto& phase = scenario.phase(i);
    const auto path = "phase[" + std::to_string(i) + ']';
    total_ms += phase.duration_ms();
    if (!phase.has_name()) c.found({path}, {path + ".name: missing", {}, "a name, for reports"});
    if (!phase.has_duration_ms() && !phase.until_requests() && !phase.has_expect_progress_within_ms())
      c.found({path}, {path + ": never ends", {}, "duration_ms, until_requests or expect_progress_within_ms"});
    if (phase.has_duration_ms() && phase.until_requests())
      c.found({path + ".until_requests"}, {path + ": ends twice", "duration_ms and until_requests", "one of the two"});
    if (phase.until_requests() && !workloads_end(scenario))
      c.found(
          {path + ".until_requests"},
          {path + ".until_requests: no workload has requests to finish", {}, "a kv workload with requests above 0"});
    if (phase.has_duration_ms() && phase.expect_progress_within_ms() > phase.duration_ms())
      c.found({path + ".expect_progress_within_ms"},
              {path + ".expect_progress_within_ms: longer than the phase", number(phase.expect_progress_within_ms()),
               "1 to " + number(phase.duration_ms())});
  }
  if (total_ms > scenario.budget().virtual_ms())
    c.found({"budget.virtual_ms", "phase"}, {"phase: all together longer than the budget", number(total_ms) + " ms",
                                             "at most budget.virtual_ms, " + number(scenario.budget().virtual_ms())});
}

// With steps counted from the start of the phases, the instant at which the last one ends; 0 if that depends on the
// run.
u64 phases_end_ms(const pb::Scenario& scenario) {
  u64 total_ms = 0;
  for (const auto& phase : scenario.phase()) {
    if (!phase.has_duration_ms()) return 0;
    total_ms += phase.duration_ms();
  }
  return total_ms;
}

bool can_be_undone(const pb::Do& action) {
  switch (action.action_case()) {
    case pb::Do::kCrash:
    case pb::Do::kPause:
    case pb::Do::kPartition:
    case pb::Do::kDrop:
      return true;
    default:
      return false;
  }
}

void check_cut(Check& c, const std::string& path, const auto& cut) {
  if (cut.has_of() && cut.node_size() > 0)
    c.found({path + ".of"}, {path + ": both of and node say who is cut off", {}, "one of the two"});
  if (!c.shape_is_known()) return;
  const u32 nodes = c.nodes();
  if (cut.has_of() && cut.of() == pb::Partition::RING && nodes < 4)
    c.found({path + ".of"},
            {path + ".of: a ring of so few nodes cuts nothing", number(nodes) + " nodes", "4 nodes or more"});
  if (cut.has_of() && cut.of() == pb::Partition::BRIDGE && nodes < 3)
    c.found({path + ".of"},
            {path + ".of: a bridge needs two sides and a middle", number(nodes) + " nodes", "3 nodes or more"});
  if (nodes == 1 && !(cut.has_of() && cut.of() == pb::Partition::CLIENTS))
    c.found({path + ".of", path},
            {path + ": one node cannot be cut off from others", {}, "of: CLIENTS, or more nodes"});
}

void check_steps(Check& c) {
  const auto& scenario = c.scenario();
  const u64 end_ms = phases_end_ms(scenario);
  for (int i = 0; i < scenario.step_size(); ++i) {
    const auto& step = scenario.step(i);
    const auto path = "step[" + std::to_string(i) + ']';
    if (step.has_at_ms() == step.has_when())
      c.found({path}, {path + ": when", step.has_when() ? "both at_ms and when" : "", "at_ms or when { }"});
    const auto& when = step.when();
    if (step.has_when() && !when.has_commit_at_least() && !when.has_view_at_least() && !when.has_mark())
      c.found({path + ".when"}, {path + ".when: no condition", {}, "commit_at_least, view_at_least or mark"});
    if (when.mark_turns() > 1 && !when.has_mark())
      c.found({path + ".when.mark_turns"}, {path + ".when.mark_turns: turns that reach what", {}, "mark"});
    if (end_ms != 0 && step.at_ms() >= end_ms)
      c.found({path + ".at_ms"},
              {path + ".at_ms: after the last phase", number(step.at_ms()), "less than " + number(end_ms)});
    if (step.has_every_ms() != step.has_times())
      c.found({path}, {path + ": one of every_ms and times alone", {}, "both, or neither"});
    const u64 last_ms = step.at_ms() + u64{step.every_ms()} * (std::max<u64>(step.times(), 1) - 1);
    if (end_ms != 0 && step.at_ms() < end_ms && last_ms >= end_ms)
      c.found({path + ".times"}, {path + ".times: the last time is after the last phase", number(last_ms) + " ms",
                                  "less than " + number(end_ms) + " ms"});
    if (step.has_every_ms() && step.for_ms() >= step.every_ms())
      c.found({path + ".every_ms"}, {path + ".every_ms: again before it is undone", number(step.every_ms()),
                                     "more than for_ms, " + number(step.for_ms())});
    if (step.do__size() == 0) c.found({path}, {path + ": does nothing", {}, "do { }"});
    for (int k = 0; k < step.do__size(); ++k) {
      const auto& action = step.do_(k);
      const auto do_path = path + ".do[" + std::to_string(k) + ']';
      if (action.action_case() == pb::Do::ACTION_NOT_SET)
        c.found({do_path},
                {do_path + ": does nothing", {}, "one of crash, restart, pause, resume, partition, heal, drop, …"});
      if (step.has_for_ms() && !can_be_undone(action))
        c.found({path + ".for_ms"},
                {path + ".for_ms: what is done cannot be undone", {}, "crash, pause, partition or drop"});
      if (action.has_partition()) check_cut(c, do_path + ".partition", action.partition());
      if (action.has_clock_step() && action.clock_step().offset_ms() == 0)
        c.found({do_path + ".clock_step"},
                {do_path + ".clock_step: steps by nothing", "0", "offset_ms above or below 0"});
    }
  }
}

void check_faults(Check& c) {
  for_each_place(c.scenario(), [&](const std::string& prefix, const auto& place) {
    const auto needs = [&](bool wrong, const std::string& path, const std::string& what, const std::string& expected) {
      if (wrong) c.found({prefix + path}, {prefix + path + ": " + what, {}, expected});
    };
    const auto& partition = place.partition();
    if (place.has_partition()) check_cut(c, prefix + "partition", partition);
    needs(partition.has_every_ms() && !partition.has_for_ms(), "partition", "comes again and never heals", "for_ms");
    needs(partition.has_for_ms() && partition.flap_ms() > partition.for_ms(), "partition.flap_ms",
          "longer than the partition itself", "less than for_ms");
    needs(place.pause().has_every_ms() && !place.pause().has_for_ms(), "pause", "comes again and never ends", "for_ms");
    const auto& crash = place.crash();
    needs(place.has_crash() && !crash.has_every_ms() && crash.at_mark_size() == 0 && crash.rare_mark_ppm() == 0,
          "crash", "how often", "every_ms, at_mark or rare_mark_ppm, or a step for a single crash");
    needs(place.has_power_cut() && !place.power_cut().has_every_ms(), "power_cut", "how often",
          "every_ms, or a step for a single one");
    needs(place.has_client_crash() && !place.client_crash().has_every_ms(), "client_crash", "how often",
          "every_ms, or a step for a single one");
    needs(place.clock().step_ms() > 0 && !place.clock().has_every_ms(), "clock.step_ms", "how often", "every_ms");
    needs(place.clock().has_every_ms() && place.clock().step_ms() == 0, "clock.every_ms", "steps by nothing",
          "step_ms above 0");
    const u32 atomic = place.disk().atomic_bytes();
    if (atomic != 512 && atomic != 4096)
      c.found({prefix + "disk.atomic_bytes"},
              {prefix + "disk.atomic_bytes: no disk writes so much whole", number(atomic), "512 or 4096"});
    if (c.shape_is_known() && c.scenario().cluster().replicas() == 1 && !c.scenario().beyond_model())
      needs(asks_for_damage(place.disk()), "disk", "damage would leave no copy of a single replica's data",
            "beyond_model: true, or more replicas");
    const auto& network = place.network();
    needs(network.mode() == pb::Network::STREAM && network.has_mode() &&
              (network.ghost_ppm() > 0 || network.reorder_ppm() > 0),
          "network.mode", "streams neither reorder nor return", "DATAGRAM or MIXED with ghost_ppm or reorder_ppm");
  });
}

// Steps are left to their author, who knows when what happens.
bool takes_witnesses(const pb::Scenario& scenario) {
  bool takes = false;
  for_each_place(scenario, [&](const std::string&, const auto& place) {
    takes = takes || place.has_crash() || place.power_cut().has_every_ms() || place.partition().has_every_ms() ||
            place.disk().has_wipe_every_ms();
  });
  return takes;
}

// What the kernel can survive: damage that it can notice, and one kind of reason to doubt a page at a time.
void check_damage(Check& c) {
  const auto& scenario = c.scenario();
  if (scenario.beyond_model()) return;
  bool spoils = false;
  for_each_place(scenario, [&](const std::string&, const auto& place) {
    const pb::Disk& disk = place.disk();
    spoils = spoils || disk.lse_ppm() > 0 || disk.has_rot_every_ms() || disk.read_flip_ppm() > 0 ||
             disk.misdirect_read_ppm() > 0 || disk.rot_tail_ppm() > 0 || disk.weak_tail_ppm() > 0;
  });
  for_each_place(scenario, [&](const std::string& prefix, const auto& place) {
    const pb::Disk& disk = place.disk();
    const auto needs = [&](bool wrong, const std::string& field, const std::string& what, const std::string& expected) {
      if (wrong) c.found({prefix + "disk." + field}, {prefix + "disk." + field + ": " + what, {}, expected});
    };
    needs(disk.lost_flush_ppm() > 0 && !scenario.cluster().tunables().strict_ack(), "lost_flush_ppm",
          "nobody can notice that acked writes are gone", "cluster.tunables.strict_ack: true, or beyond_model: true");
    needs(disk.has_stale_every_ms() && takes_witnesses(scenario), "stale_every_ms",
          "an old disk is noticed by who was told of more, and nobody may be left",
          "no crashes, power cuts, partitions or other replaced disks beside it, or beyond_model: true");
    needs(spoils && disk.revert_ppm() > 0, "revert_ppm", "with a damaged mark, a blank page is no damage",
          "no rot, latent errors or wrong reads beside it, or beyond_model: true");
    needs(spoils && disk.misdirect_write_ppm() > 0, "misdirect_write_ppm",
          "with a damaged mark, a blank page is no damage",
          "no rot, latent errors or wrong reads beside it, or beyond_model: true");
  });
}

void check_core(Check& c) {
  const auto& scenario = c.scenario();
  const bool listed = scenario.core() == pb::Core::LISTED;
  if (listed != (scenario.core_node_size() > 0))
    c.found({"core_node", "core"}, {listed ? "core: LISTED without a list" : "core_node: a list that core does not use",
                                    {},
                                    "core: LISTED and core_node together"});
  // The default is written out where a scenario was resolved, as tapes have it.
  if (scenario.tail() == pb::Tail::NONE && scenario.core() != pb::Core::RANDOM)
    c.found({"core"}, {"core: there is no tail for it", "tail: NONE", "tail: FULL"});
  const u32 majority = scenario.cluster().replicas() / 2 + 1;
  if (listed && scenario.core_node_size() > 0 && static_cast<u32>(scenario.core_node_size()) < majority)
    c.found({"core_node"},
            {"core_node: no quorum", std::to_string(scenario.core_node_size()) + " nodes",
             "at least " + number(majority) + " of " + number(scenario.cluster().replicas()) + " replicas"});
}

void check_tape(Check& c) {
  const auto& tape = c.scenario().tape();
  const std::vector<std::string> sites(std::begin(site_names), std::end(site_names));
  for (int i = 0; i < tape.entry_size(); ++i) {
    const auto& entry = tape.entry(i);
    const auto path = "tape.entry[" + std::to_string(i) + ']';
    if (entry.stream().empty())
      c.found({path}, {path + ".stream: missing", {}, "where the decision is made, such as \"nemesis\""});
    if (!site_named(entry.site()))
      c.found({path + ".site", path}, {path + ".site: unknown", entry.site(), closest(entry.site(), sites)});
  }
}

struct Rule {
  const char* code;
  void (*check)(Check&);
};
constexpr Rule rules[] = {
    {"SCN_NAME", check_name},
    {"SCN_SCHEMA", check_schema},
    {"SCN_QUORUM", check_quorum},
    {"SCN_LIMITS", check_limits},
    {"SCN_NODES", check_nodes},
    {"SCN_MIN_MAX", check_min_max},
    {"SCN_DUPLICATE", check_duplicates},
    {"SCN_UNKNOWN", check_names},
    {"SCN_SWARM", check_swarm},
    {"SCN_WORKLOAD", check_workload},
    {"SCN_PHASE", check_phases},
    {"SCN_STEP", check_steps},
    {"SCN_FAULT", check_faults},
    {"SCN_FAULT", check_damage},
    {"SCN_CORE", check_core},
    {"SCN_TAPE", check_tape},
};

}  // namespace

void check_rules(const pb::Scenario& scenario, const ProtoText& text, const std::string& stem, Problems& problems) {
  Check check(scenario, text, stem, problems);
  for (const auto& rule : rules) {
    check.set_code(rule.code);
    rule.check(check);
  }
}

}  // namespace keelson::sim
