#include "keelson/sim/phases.h"

#include <algorithm>

#include "keelson/sim/settings_of.h"
#include "keelson/vsr/quorum.h"

namespace keelson::sim {
namespace {

constexpr Duration file_phase_time = seconds(60);  // of a scenario without phases
constexpr Duration liveness_limit = seconds(60);
constexpr Duration drain_limit = seconds(120);
constexpr Duration quiet_time = seconds(3);

}  // namespace

u64 warm_up_ms_of(const pb::Scenario& scenario) {
  if (scenario.has_warm_up_ms()) return scenario.warm_up_ms();
  // Enough for boots, clocks and the first view with the timers of the profile.
  return scenario.cluster().limits() == pb::LimitsProfile::TINY ? 600 : 3000;
}

const char* name_of(PartKind kind) {
  switch (kind) {
    case PartKind::warm_up:
      return "warm up";
    case PartKind::faults:
      return "faults";
    case PartKind::liveness:
      return "liveness";
    case PartKind::drain:
      return "drain";
    case PartKind::quiet:
      return "quiet";
  }
  return "";
}

Phases::Phases(World& world, Nemesis& nemesis, Steps& steps, const DamageBudget& budget, const pb::Scenario& scenario)
    : world_(world),
      nemesis_(nemesis),
      steps_(steps),
      budget_(budget),
      scenario_(scenario),
      stream_(world.core().tape.stream("nemesis")) {
  for (u16 n = 0; n < world.population().nodes; ++n) core_.push_back(NodeId(n));
  parts_.push_back({.kind = PartKind::warm_up,
                    .name = name_of(PartKind::warm_up),
                    .limit = milliseconds(warm_up_ms_of(scenario)),
                    .progress_within = {}});
  for (int i = 0; i < scenario.phase_size(); ++i) {
    const pb::Phase& phase = scenario.phase(i);
    const u64 progress_ms = phase.expect_progress_within_ms();
    Part part{.kind = PartKind::faults,
              .name = phase.name(),
              .limit = milliseconds(progress_ms),
              .progress_within = milliseconds(progress_ms),
              .phase = i};
    if (phase.has_duration_ms()) part.limit = milliseconds(phase.duration_ms());
    part.until_requests = phase.until_requests();
    if (part.limit == Duration()) part.limit = file_phase_time;
    parts_.push_back(std::move(part));
  }
  if (scenario.phase_size() == 0)
    parts_.push_back(
        {.kind = PartKind::faults, .name = name_of(PartKind::faults), .limit = file_phase_time, .progress_within = {}});
  if (scenario.tail() == pb::Tail::NONE) return;
  parts_.push_back({.kind = PartKind::liveness,
                    .name = name_of(PartKind::liveness),
                    .limit = liveness_limit,
                    .progress_within = {}});
  parts_.push_back(
      {.kind = PartKind::drain, .name = name_of(PartKind::drain), .limit = drain_limit, .progress_within = {}});
  parts_.push_back(
      {.kind = PartKind::quiet, .name = name_of(PartKind::quiet), .limit = quiet_time, .progress_within = {}});
}

void Phases::begin(std::size_t index) {
  const Part& part = parts_[index];
  world_.core().record(RecordKind::phase, {}, {.a = index});
  if (part.kind == PartKind::faults) {
    nemesis_.begin(faults_of(scenario_, part.phase < 0 ? nullptr : &scenario_.phase(part.phase)));
    if (!std::exchange(stepping_, true)) steps_.begin();
    return;
  }
  if (part.kind == PartKind::liveness) return heal();
}

// Everything that concerns the core is repaired at once.
void Phases::heal() {
  choose_core();
  std::vector<NodeId> others;
  for (u16 n = 0; n < world_.population().nodes; ++n)
    if (std::find(core_.begin(), core_.end(), NodeId(n)) == core_.end()) others.push_back(NodeId(n));
  steps_.mend();
  nemesis_.mend(others);
  world_.set_settings(calm_settings());
  world_.mend_wall_clocks();  // a cluster whose clocks disagree for good is right to refuse
  for (const NodeId node : others) let_down(node);
}

// A superset of what every group needs to start a view and to commit in it.
void Phases::choose_core() {
  const u16 nodes = world_.population().nodes;
  if (scenario_.core() == pb::Core::LISTED) {
    core_.clear();
    for (const int ref : scenario_.core_node()) core_.push_back(NodeId(static_cast<u16>(ref)));
    return;
  }
  const bool spread = scenario_.cluster().replicas() != nodes;  // groups then have different members
  if (scenario_.core() == pb::Core::ALL || spread) return;
  const auto quorums = Quorums::of(static_cast<u8>(nodes));
  const std::size_t needed = std::max(quorums.view_change, quorums.replication);
  std::erase_if(core_, [&, left = core_.size()](NodeId node) mutable {
    // With a damaged disk about, the sound ones may have the only copies.
    if (budget_.in_use() && !budget_.is_victim(node)) return false;
    if (left <= needed || stream_.below(Site::core_node, 2) == 0) return false;
    --left;
    return true;
  });
}

// Dead, cut off, or half deaf.
void Phases::let_down(NodeId node) {
  const u64 how = stream_.below(Site::nemesis_kind, 4);
  if (how == 0) {
    world_.crash(node, CrashKind::process);
    return;
  }
  const Population& who = world_.population();
  for (u16 h = 0; h < who.hosts(); ++h) {
    if (HostId(h) == who.host_of(node)) continue;
    if (how != 1) block({who.host_of(node), HostId(h)});
    if (how != 2) block({HostId(h), who.host_of(node)});
  }
}

void Phases::block(HostPair pair) {
  world_.network().block(pair);
  blocked_.push_back(pair);
}

void Phases::bring_back() {
  for (const HostPair pair : blocked_) world_.network().unblock(pair);
  blocked_.clear();
  core_.clear();
  for (u16 n = 0; n < world_.population().nodes; ++n) core_.push_back(NodeId(n));
  nemesis_.mend({});
}

}  // namespace keelson::sim
