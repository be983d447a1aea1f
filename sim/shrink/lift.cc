#include "keelson/sim/shrink/lift.h"

#include <algorithm>

#include "keelson/sim/cut.h"

namespace keelson::sim {
namespace {

constexpr std::size_t steps_max = 24;
constexpr u64 ns_per_ms = 1'000'000;

template <class Visit>
bool any_place(const pb::Scenario& scenario, Visit visit) {
  return visit(scenario) || std::any_of(scenario.phase().begin(), scenario.phase().end(), visit);
}

template <class Place>
void clear_random(Place& place, bool cuts) {
  place.clear_crash();
  place.clear_pause();
  place.clear_power_cut();
  if (cuts) place.clear_partition();
}

std::optional<std::vector<NodeId>> side_of(const pb::Scenario& plain, const FaultLog::Entry& cut) {
  const auto& cluster = plain.cluster();
  const u32 nodes = cluster.has_nodes() ? cluster.nodes() : cluster.replicas();
  return cut_off_by(cut.links, static_cast<pb::Partition::Kind>(cut.how), static_cast<u16>(nodes));
}

void add_action(pb::Step& step, const pb::Scenario& plain, const FaultLog::Entry& entry) {
  pb::Do& action = *step.add_do_();
  const auto node = static_cast<pb::NodeRef>(entry.node.raw());
  if (entry.kind == FaultLog::Kind::pause) return action.mutable_pause()->add_node(node);
  if (entry.kind == FaultLog::Kind::crash) {
    action.mutable_crash()->add_node(node);
    const bool power = entry.how == static_cast<u64>(CrashKind::power);
    return action.mutable_crash()->set_kind(power ? pb::Crash::POWER : pb::Crash::PROCESS);
  }
  const auto side = side_of(plain, entry);
  check(side.has_value());
  for (const NodeId cut_off : *side) action.mutable_partition()->add_node(static_cast<pb::NodeRef>(cut_off.raw()));
  if (entry.how != pb::Partition::BOTH)
    action.mutable_partition()->set_kind(static_cast<pb::Partition::Kind>(entry.how));
}

}  // namespace

void FaultLog::over(Kind kind, NodeId node, u64 at_ns) {
  const auto open = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
    return entry.kind == kind && entry.node == node && entry.to_ns == 0;
  });
  if (open != entries_.rend()) open->to_ns = at_ns;
}

void FaultLog::write(const TraceRecord& record) {
  const NodeId node(record.node);
  switch (record.kind) {
    case RecordKind::phase:
      if (record.a == 1) start_ns_ = record.at_ns;  // the first after the warm-up
      return;
    case RecordKind::crash:
      return entries_.push_back({Kind::crash, node, record.a, {}, record.at_ns, 0});
    case RecordKind::spawn:
      return over(Kind::crash, node, record.at_ns);
    case RecordKind::pause:
      return entries_.push_back({Kind::pause, node, 0, {}, record.at_ns, 0});
    case RecordKind::resume:
      return over(Kind::pause, node, record.at_ns);
    case RecordKind::partition:
      return entries_.push_back({Kind::cut, no_node, record.b, record.digest, record.at_ns, 0});
    case RecordKind::heal:
      return over(Kind::cut, no_node, record.at_ns);
    default:
      return;
  }
}

std::optional<pb::Scenario> lifted(const pb::Scenario& plain, const FaultLog& log) {
  const bool gray =
      any_place(plain, [](const auto& place) { return place.has_partition() && place.partition().gray(); });
  const bool cuts = !gray && std::all_of(log.entries().begin(), log.entries().end(), [&](const auto& entry) {
    return entry.kind != FaultLog::Kind::cut || side_of(plain, entry);
  });
  const bool random = any_place(plain, [&](const auto& place) {
    return place.has_crash() || place.has_pause() || place.has_power_cut() || (cuts && place.has_partition());
  });
  if (!random || log.entries().size() > steps_max) return {};
  pb::Scenario script = plain;
  script.clear_step();
  clear_random(script, cuts);
  for (auto& phase : *script.mutable_phase()) clear_random(phase, cuts);
  for (const auto& entry : log.entries()) {
    if (entry.from_ns < log.start_ns() || (entry.kind == FaultLog::Kind::cut && !cuts)) continue;
    pb::Step& step = *script.add_step();
    step.set_at_ms((entry.from_ns - log.start_ns()) / ns_per_ms);
    if (entry.to_ns > 0) step.set_for_ms(std::max<u64>(1, (entry.to_ns - entry.from_ns) / ns_per_ms));
    add_action(step, plain, entry);
  }
  return script.step_size() > 0 ? std::optional(script) : std::nullopt;
}

pb::Scenario begun_at(const pb::Scenario& plain, u64 at_ms) {
  pb::Scenario moved = plain;
  std::optional<u64> first;
  for (const auto& step : plain.step())
    if (step.has_at_ms()) first = std::min(first.value_or(step.at_ms()), step.at_ms());
  for (auto& step : *moved.mutable_step())
    if (step.has_at_ms()) step.set_at_ms(step.at_ms() - *first + at_ms);
  return moved;
}

}  // namespace keelson::sim
