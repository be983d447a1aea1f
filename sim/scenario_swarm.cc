#include "keelson/sim/scenario_swarm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "keelson/sim/damage_budget.h"

namespace keelson::sim {
namespace {

namespace proto = google::protobuf;
using proto::FieldDescriptor;

// One number that a feature draws: from mild (what 0 on the tape gives) to wild, evenly over magnitudes.
struct Strength {
  const char* field;  // path from the scenario
  u64 mild;
  u64 wild;
};
struct Feature {
  const char* name;  // of what the file sets when it sets it itself: a prefix of its fields
  std::array<Strength, 3> strengths;
};

constexpr Feature features[] = {
    {"network.delay_us", {{{"network.delay_us.mean", 200, 100'000}}}},
    {"network.slow_ppm", {{{"network.slow_ppm", 10, 10'000}, {"network.slow_mean_ms", 50, 2'000}}}},
    {"network.mode", {{{"network.mode", pb::Network::MIXED, pb::Network::MIXED}}}},
    {"network.loss_ppm", {{{"network.loss_ppm", 100, 300'000}}}},
    {"network.duplicate_ppm", {{{"network.duplicate_ppm", 100, 500'000}}}},
    {"network.reorder_ppm", {{{"network.reorder_ppm", 100, 500'000}, {"network.reorder_mean_ms", 1, 100}}}},
    {"network.ghost_ppm", {{{"network.ghost_ppm", 10, 10'000}}}},
    {"network.corrupt_ppm", {{{"network.corrupt_ppm", 1, 1'000}, {"network.corrupt_bits", 1, 8}}}},
    {"network.reset_ppm", {{{"network.reset_ppm", 1, 5'000}}}},
    {"network.half_open_ms", {{{"network.half_open_ms", 1, 30'000}}}},
    {"network.connect_ms", {{{"network.connect_ms", 1, 500}}}},
    {"network.connect_fail_ppm", {{{"network.connect_fail_ppm", 1'000, 300'000}}}},
    {"network.bandwidth_kib_s", {{{"network.bandwidth_kib_s", 100'000, 64}}}},
    {"network.send_queue_kib", {{{"network.send_queue_kib", 4'096, 16}}}},
    {"partition", {{{"partition.every_ms", 20'000, 200}, {"partition.for_ms", 100, 10'000}, {"partition.kind", 1, 4}}}},
    {"partition.flap_ms", {{{"partition.flap_ms", 200, 10}}}},
    {"partition.gray", {{{"partition.gray", 1, 1}}}},
    {"crash", {{{"crash.every_ms", 120'000, 2'000}, {"crash.restart_after_ms", 100, 10'000}, {"crash.kind", 1, 3}}}},
    {"power_cut", {{{"power_cut.every_ms", 200'000, 20'000}, {"power_cut.spread_us", 1, 1'000}}}},
    {"pause", {{{"pause.every_ms", 60'000, 2'000}, {"pause.for_ms", 10, 30'000}}}},
    {"client_crash", {{{"client_crash.every_ms", 60'000, 2'000}}}},
    {"clock.drift_ppm", {{{"clock.drift_ppm", 1, 500}}}},
    {"clock.step_ms", {{{"clock.step_ms", 1, 3'600'000}, {"clock.every_ms", 60'000, 5'000}}}},
    {"clock.timer_late_us", {{{"clock.timer_late_us", 10, 50'000}}}},
    {"clock.huge_base", {{{"clock.huge_base", 1, 1}}}},
    {"disk.latency",
     {{{"disk.read_mean_us", 50, 100'000}, {"disk.write_mean_us", 50, 100'000}, {"disk.flush_us", 50, 50'000}}}},
    {"disk.stall_ppm", {{{"disk.stall_ppm", 1, 1'000}}}},
    {"disk.slow", {{{"disk.slow", 2, 100}}}},
    {"disk.atomic_bytes", {{{"disk.atomic_bytes", 4'096, 4'096}}}},
    {"mailbox.delay_mean_us", {{{"mailbox.delay_mean_us", 2, 5'000}}}},
    {"mailbox.drop_ppm", {{{"mailbox.drop_ppm", 100, 50'000}}}},
    {"turn.ns", {{{"turn.ns", 100, 50'000}, {"turn.event_ns", 10, 5'000}}}},
    {"turn.slow", {{{"turn.slow", 2, 100}}}},
    {"turn.shard_stall_ms", {{{"turn.shard_stall_ms", 1, 5'000}}}},
    {"turn.bag_split_ppm", {{{"turn.bag_split_ppm", 10'000, 1'000'000}}}},
    {"turn.bag_shuffle_ppm", {{{"turn.bag_shuffle_ppm", 10'000, 1'000'000}}}},
    {"turn.effect_shuffle_ppm", {{{"turn.effect_shuffle_ppm", 10'000, 1'000'000}}}},
    {"turn.tie_shuffle_ppm", {{{"turn.tie_shuffle_ppm", 10'000, 1'000'000}}}},
    {"turn.fiber_shuffle", {{{"turn.fiber_shuffle", 1, 1}}}},
};

// A field by its path, and the message that holds it.
struct Place {
  proto::Message* message;
  const FieldDescriptor* field;
};
Place place_of(pb::Scenario& scenario, std::string_view path) {
  proto::Message* message = &scenario;
  while (true) {
    const auto dot = path.find('.');
    const auto* field = message->GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
    check(field != nullptr);
    if (dot == std::string_view::npos) return Place{message, field};
    message = message->GetReflection()->MutableMessage(message, field);
    path.remove_prefix(dot + 1);
  }
}

bool given(const pb::Scenario& scenario, std::string_view path) {
  const proto::Message* message = &scenario;
  while (true) {
    const auto dot = path.find('.');
    const auto* field = message->GetDescriptor()->FindFieldByName(std::string(path.substr(0, dot)));
    check(field != nullptr);
    if (!message->GetReflection()->HasField(*message, field)) return false;
    if (dot == std::string_view::npos) return true;
    message = &message->GetReflection()->GetMessage(*message, field);
    path.remove_prefix(dot + 1);
  }
}

void set(pb::Scenario& scenario, std::string_view path, u64 value) {
  const auto [message, field] = place_of(scenario, path);
  const auto& access = *message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return access.SetUInt32(message, field, static_cast<u32>(value));
    case FieldDescriptor::CPPTYPE_UINT64:
      return access.SetUInt64(message, field, value);
    case FieldDescriptor::CPPTYPE_BOOL:
      return access.SetBool(message, field, value != 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      return access.SetEnumValue(message, field, static_cast<int>(value));
    default:
      check(false);  // the table names no other kind
  }
}

// Evenly over magnitudes between the two, both included: first how many doublings above the smaller one, then where.
u64 draw_strength(const Strength& strength, Stream swarm) {
  const u64 least = std::min(strength.mild, strength.wild);
  const u64 most = std::max(strength.mild, strength.wild);
  if (least == most) return least;
  const u64 doublings = static_cast<u64>(std::bit_width(most / least));
  const u64 doubling = swarm.below(Site::swarm_intensity, doublings);
  const u64 low = least << doubling;
  const u64 value = swarm.range(Site::swarm_intensity, low, std::min(most, low * 2 - 1));
  return strength.mild <= strength.wild ? value : most * least / value;
}

bool listed(const proto::RepeatedPtrField<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool set_by_file(const pb::Scenario& scenario, const Feature& feature) {
  const auto set_by = [&](const Strength& strength) {
    return strength.field != nullptr && given(scenario, strength.field);
  };
  const std::string_view name = feature.name;
  const bool whole_fault = name.find('.') == std::string_view::npos && given(scenario, name);
  return whole_fault || std::any_of(feature.strengths.begin(), feature.strengths.end(), set_by);
}

// The scenario and each phase: both have the fault and setting fields.
template <class Visit>
void for_each_place(const pb::Scenario& scenario, Visit visit) {
  visit(scenario);
  for (const pb::Phase& phase : scenario.phase()) visit(phase);
}

// For what the file asks for, by the rules of scenario_rules.cc.
u32 nodes_needed(const pb::Scenario& scenario) {
  u32 needed = 1;
  for_each_place(scenario, [&](const auto& place) {
    const pb::Partition& partition = place.partition();
    if (asks_for_damage(place.disk()) && !scenario.beyond_model()) needed = std::max(needed, 2u);
    if (place.has_partition() && !(partition.has_of() && partition.of() == pb::Partition::CLIENTS))
      needed = std::max(needed, 2u);
    if (partition.has_of() && partition.of() == pb::Partition::BRIDGE) needed = std::max(needed, 3u);
    if (partition.has_of() && partition.of() == pb::Partition::RING) needed = std::max(needed, 4u);
  });
  return needed;
}

// Index 0 of each is the usual case.
void draw_shape(pb::Scenario& scenario, Stream swarm) {
  auto& cluster = *scenario.mutable_cluster();
  if (!cluster.has_replicas() && !cluster.has_nodes() && scenario.step().empty() && scenario.core_node().empty()) {
    constexpr std::array<u32, 6> sizes{3, 5, 1, 2, 4, 6};
    std::array<u64, 6> weights{6, 3, 1, 1, 1, 1};
    const u32 needed = nodes_needed(scenario);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      if (sizes[i] < needed) weights[i] = 0;
    cluster.set_replicas(sizes[swarm.weighted(Site::swarm_shape, weights)]);
  }
  if (!cluster.has_shards()) {
    constexpr std::array<u32, 4> shards{1, 2, 3, 5};
    cluster.set_shards(shards[swarm.below(Site::swarm_shape, shards.size())]);
  }
  if (!cluster.has_limits()) {
    const bool standard = swarm.chance(Site::swarm_shape, 200'000);
    cluster.set_limits(standard ? pb::LimitsProfile::STANDARD : pb::LimitsProfile::TINY);
  }
}

// What cannot be: fixed, so that a feature's draw never depends on another's. `asked`: what the file says, which stays.
void settle_conflicts(pb::Scenario& scenario, const pb::Scenario& asked) {
  const u32 nodes = scenario.cluster().has_nodes() ? scenario.cluster().nodes() : scenario.cluster().replicas();
  auto& network = *scenario.mutable_network();
  if (!network.has_mode() && (network.ghost_ppm() > 0 || network.reorder_ppm() > 0))
    network.set_mode(pb::Network::MIXED);
  if (network.mode() == pb::Network::STREAM) {
    network.clear_ghost_ppm();
    network.clear_reorder_ppm();
  }
  bool old_disks = false;
  for_each_place(asked, [&](const auto& place) { old_disks = old_disks || place.disk().has_stale_every_ms(); });
  if (old_disks && !asked.beyond_model()) {  // noticed by who was told of more, so nobody else goes away
    if (!asked.has_crash()) scenario.clear_crash();
    if (!asked.has_power_cut()) scenario.clear_power_cut();
    scenario.clear_partition();
    if (asked.has_partition()) *scenario.mutable_partition() = asked.partition();
  }
  if (!scenario.has_partition()) return;
  auto& partition = *scenario.mutable_partition();
  if (nodes == 1) partition.set_of(pb::Partition::CLIENTS);
  if (!asked.has_partition() && !partition.has_every_ms()) {  // flap or gray without a partition to flap
    partition.set_every_ms(20'000);
    partition.set_for_ms(500);
  }
  if (partition.has_for_ms() && partition.flap_ms() > partition.for_ms()) partition.set_flap_ms(partition.for_ms());
}

}  // namespace

void draw_swarm(pb::Scenario& scenario, Stream swarm) {
  const pb::Scenario asked = scenario;
  const pb::Swarm& plan = asked.swarm();
  std::vector<const Feature*> open;
  for (const auto& feature : features)
    if (!set_by_file(scenario, feature) && !listed(plan.never(), feature.name)) open.push_back(&feature);
  draw_shape(scenario, swarm);
  for (const auto* feature : open) {
    if (!listed(plan.always(), feature->name) && !swarm.chance(Site::swarm_keep, plan.keep_ppm())) continue;
    for (const auto& strength : feature->strengths)
      if (strength.field != nullptr) set(scenario, strength.field, draw_strength(strength, swarm));
  }
  settle_conflicts(scenario, asked);
}

std::vector<std::string> swarm_feature_names() {
  std::vector<std::string> names;
  for (const auto& feature : features) names.emplace_back(feature.name);
  return names;
}

}  // namespace keelson::sim
