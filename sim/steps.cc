#include "keelson/sim/steps.h"

#include <algorithm>
#include <memory>

namespace keelson::sim {
namespace {

CrashKind crash_kind(pb::Crash::Kind kind, const Stream& stream) {
  if (kind == pb::Crash::PROCESS) return CrashKind::process;
  if (kind == pb::Crash::POWER) return CrashKind::power;
  return stream.below(Site::nemesis_kind, 2) == 1 ? CrashKind::power : CrashKind::process;
}

// Which messages a scripted drop means.
struct DropRule {
  std::optional<Command> command;
  std::vector<NodeId> from;
  std::vector<NodeId> to;
  std::optional<u32> left;  // how many more

  static bool among(const Population& who, const std::vector<NodeId>& nodes, UnitId unit) {
    if (nodes.empty()) return true;
    return !who.is_client(unit) && std::find(nodes.begin(), nodes.end(), who.node_of(unit)) != nodes.end();
  }
  bool takes(const Population& who, const Passage& passage) {
    if (left == 0u) return false;
    if (command && passage.header().command != *command) return false;
    if (!among(who, from, passage.from) || !among(who, to, passage.to)) return false;
    if (left) --*left;
    return true;
  }
};

}  // namespace

Steps::Steps(World& world, Roles& roles, const pb::Scenario& scenario, const MarkWatch& marks)
    : world_(world), roles_(roles), marks_(marks), stream_(roles.nemesis()) {
  for (const auto& step : scenario.step()) scripts_.push_back({.step = step, .undo = {}});
  waiting_ = scripts_.size();
  watching_ = static_cast<std::size_t>(
      std::count_if(scripts_.begin(), scripts_.end(), [](const Script& script) { return script.step.has_when(); }));
  world.add_observer(*this);
}

void Steps::begin() {
  begun_ = true;
  for (std::size_t i = 0; i < scripts_.size(); ++i) {
    const pb::Step& step = scripts_[i].step;
    if (!step.has_when()) world_.core().schedule(world_.now() + milliseconds(step.at_ms()), Rank::nemesis, *this, i);
  }
}

// A condition is looked at when it may have changed: after a turn of a shard.
void Steps::on_turn(const TurnSeen& turn) {
  if (!begun_ || watching_ == 0 || turn.node == no_node) return;
  for (std::size_t i = 0; i < scripts_.size(); ++i) {
    Script& script = scripts_[i];
    if (script.done || !script.step.has_when() || !holds(script.step.when(), turn)) continue;
    script.done = true;
    script.here = turn.node;
    --watching_;
    const Duration later = script.step.has_at_ms() ? milliseconds(script.step.at_ms()) : Duration();
    world_.core().schedule(world_.now() + later, Rank::nemesis, *this, i);
  }
}

bool Steps::holds(const pb::When& when, const TurnSeen& turn) const {
  if (when.has_mark() && !reaches(when)) return false;
  if (!when.has_commit_at_least() && !when.has_view_at_least()) return true;
  if (turn.program.group_count() == 0) return false;
  const GroupView view = turn.program.group(0);
  if (when.has_commit_at_least() && view.commit_max.raw() < when.commit_at_least()) return false;
  if (when.has_view_at_least() && (view.status != ReplicaStatus::normal || view.view.raw() < when.view_at_least()))
    return false;
  return true;
}

bool Steps::reaches(const pb::When& when) const {
  return std::any_of(marks_.reached().begin(), marks_.reached().end(), [&](Mark mark) {
    return when.mark() == name_of(mark) && marks_.turns(mark) >= when.mark_turns();
  });
}

void Steps::on_time(u64 token) {
  if (token >= power_on_token) {
    const NodeId node(static_cast<u16>(token - power_on_token));
    return world_.state(node) == HostState::down ? world_.start(node) : void();
  }
  if (token >= power_off_token)
    return world_.crash(NodeId(static_cast<u16>(token - power_off_token)), CrashKind::power);
  if (token < undo_token) return perform(token);
  for (const auto& undo : scripts_[token - undo_token].undo) undo();
  scripts_[token - undo_token].undo.clear();
}

void Steps::perform(std::size_t index) {
  Script& script = scripts_[index];
  script.done = true;
  waiting_ -= script.times++ == 0;
  roles_.set_here(script.here);
  for (const auto& action : script.step.do_()) perform(script, action);
  if (script.step.has_for_ms())
    world_.core().schedule(world_.now() + milliseconds(script.step.for_ms()), Rank::nemesis, *this, undo_token + index);
  if (script.times < script.step.times())
    world_.core().schedule(world_.now() + milliseconds(script.step.every_ms()), Rank::nemesis, *this, index);
}

void Steps::perform(Script& script, const pb::Do& action) {
  switch (action.action_case()) {
    case pb::Do::kCrash:
      return crash(script, action.crash());
    case pb::Do::kRestart:
      for (const NodeId node : roles_.resolve_all(action.restart().node()))
        if (world_.state(node) == HostState::down) world_.start(node);
      return;
    case pb::Do::kPause: {
      const NodeId node = roles_.resolve_one(action.pause().node());
      world_.pause(node);
      script.undo.push_back([this, node] { world_.resume(node); });
      return;
    }
    case pb::Do::kResume:
      for (const NodeId node : roles_.resolve_all(action.resume().node())) world_.resume(node);
      return;
    case pb::Do::kPartition:
      return cut(script, action.partition());
    case pb::Do::kHeal:
      return heal();
    case pb::Do::kDrop:
      return drop(script, action.drop());
    case pb::Do::kClockStep:
      return step_clocks(action.clock_step());
    case pb::Do::kPowerCut:
      return power_cut(action.power_cut());
    case pb::Do::kClientCrash: {
      const auto client = static_cast<u16>(stream_.below(Site::nemesis_target, world_.population().clients));
      world_.crash_client(client);
      if (world_.client_state(client) == HostState::down) world_.start_client(client);
      return;
    }
    case pb::Do::ACTION_NOT_SET:
      return;
  }
}

void Steps::crash(Script& script, const pb::Do::CrashNode& crash) {
  std::vector<NodeId> nodes;
  if (crash.node().empty()) {
    nodes.push_back(roles_.resolve_one(crash.node()));
  } else {
    nodes = roles_.resolve_all(crash.node());
  }
  for (const NodeId node : nodes) {
    world_.crash(node, crash_kind(crash.kind(), stream_));
    script.undo.push_back([this, node] {
      if (world_.state(node) == HostState::down) world_.start(node);
    });
  }
}

void Steps::cut(Script& script, const pb::Do::Cut& cut) {
  CutSpec spec{
      .of = cut.has_of() ? std::optional(cut.of()) : std::nullopt, .kind = cut.kind(), .gray = cut.gray(), .nodes = {}};
  if (cut.node_size() > 0) spec.nodes = roles_.resolve_all(cut.node());
  cuts_.push_back(std::make_unique<Cut>(Cut::draw(spec, roles_)));
  Cut* raised = cuts_.back().get();
  raised->raise(world_);
  script.undo.push_back([this, raised] { raised->lift(world_); });
}

void Steps::drop(Script& script, const pb::Do::Drop& drop) {
  auto rule = std::make_shared<DropRule>();
  if (drop.has_command()) rule->command = static_cast<Command>(drop.command());
  if (drop.from_size() > 0) rule->from = roles_.resolve_all(drop.from());
  if (drop.to_size() > 0) rule->to = roles_.resolve_all(drop.to());
  if (drop.has_count()) rule->left = drop.count();
  const Population& who = world_.population();
  const auto filter = world_.network().add_filter([rule, &who](const Passage& passage) {
    return rule->takes(who, passage) ? Network::Fate::drop : Network::Fate::pass;
  });
  filters_.push_back(filter);
  script.undo.push_back([this, filter] { world_.network().remove_filter(filter); });
}

void Steps::step_clocks(const pb::Do::ClockStep& step) {
  const std::int64_t delta = step.offset_ms() * 1'000'000;
  for (const NodeId node : roles_.resolve_all(step.node())) world_.step_wall_clock(node, delta);
}

void Steps::power_cut(const pb::PowerCut& cut) {
  world_.core().faults.add(Fault::power_cut);
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const u64 late = stream_.below(Site::power_cut_spread, microseconds(cut.spread_us()).ns() + 1);
    world_.core().schedule(world_.now() + Duration(late), Rank::nemesis, *this, power_off_token + n);
    const Duration dark = stream_.exponential(Site::crash_restart_after, milliseconds(cut.restart_after_ms()));
    world_.core().schedule(world_.now() + Duration(late) + dark + Duration(1), Rank::nemesis, *this,
                           power_on_token + n);
  }
}

void Steps::heal() {
  for (const auto& cut : cuts_) cut->lift(world_);
  for (const auto filter : filters_) world_.network().remove_filter(filter);
  filters_.clear();
}

void Steps::mend() {
  begun_ = false;
  heal();
  for (u16 n = 0; n < world_.population().nodes; ++n) world_.resume(NodeId(n));
}

}  // namespace keelson::sim
