#include "keelson/sim/shrink/lift.h"

#include <algorithm>

#include "keelson/sim/storage.h"

namespace keelson::sim {
namespace {

constexpr std::size_t steps_max = 24;
constexpr u64 ns_per_ms = 1'000'000;

template <class Place>
bool has_random(const Place& place) {
  return place.has_crash() || place.has_pause() || place.has_power_cut();
}

template <class Place>
void clear_random(Place& place) {
  place.clear_crash();
  place.clear_pause();
  place.clear_power_cut();
}

}  // namespace

void FaultLog::write(const TraceRecord& record) {
  const NodeId node(record.node);
  const auto over = [&](bool pause) {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->node != node || entry->pause != pause) continue;
      if (entry->to_ns == 0) entry->to_ns = record.at_ns;
      return;
    }
  };
  if (record.kind == RecordKind::phase && record.a == 1) start_ns_ = record.at_ns;  // the first after the warm-up
  if (record.kind == RecordKind::crash)
    entries_.push_back({node, false, record.a == static_cast<u64>(CrashKind::power), record.at_ns, 0});
  if (record.kind == RecordKind::pause) entries_.push_back({node, true, false, record.at_ns, 0});
  if (record.kind == RecordKind::spawn) over(false);
  if (record.kind == RecordKind::resume) over(true);
}

std::optional<pb::Scenario> lifted(const pb::Scenario& plain, const FaultLog& log) {
  const bool random = has_random(plain) || std::any_of(plain.phase().begin(), plain.phase().end(),
                                                       [](const pb::Phase& phase) { return has_random(phase); });
  if (!random || log.entries().empty() || log.entries().size() > steps_max) return {};
  pb::Scenario script = plain;
  script.clear_step();
  clear_random(script);
  for (auto& phase : *script.mutable_phase()) clear_random(phase);
  for (const auto& entry : log.entries()) {
    if (entry.from_ns < log.start_ns()) continue;
    pb::Step& step = *script.add_step();
    step.set_at_ms((entry.from_ns - log.start_ns()) / ns_per_ms);
    if (entry.to_ns > 0) step.set_for_ms(std::max<u64>(1, (entry.to_ns - entry.from_ns) / ns_per_ms));
    const auto node = static_cast<pb::NodeRef>(entry.node.raw());
    if (entry.pause) {
      step.add_do_()->mutable_pause()->add_node(node);
      continue;
    }
    auto& crash = *step.add_do_()->mutable_crash();
    crash.add_node(node);
    crash.set_kind(entry.power ? pb::Crash::POWER : pb::Crash::PROCESS);
  }
  return script;
}

}  // namespace keelson::sim
