// Scenarios: a small cluster, what its clients do and what goes wrong, drawn; valid by construction.
//
// Who uses it: properties over whole runs, the seed corpus of scenario_text, tests of your own machine. A run takes
// some thousand events, most of them the tail's. Zeros draw the plainest scenario: three replicas, a client, a phase in
// which nothing happens. Not here: strong faults over hours (scenarios/ with `swarm`), tapes (tape.h).
#pragma once

#include <array>
#include <bit>
#include <string>

#include "keelson/sim/scenario.pb.h"

#include "draw.h"

namespace keelson::gen {

class Scenarios {
 public:
  explicit Scenarios(Draw draw) : draw_(std::move(draw)) {}

  sim::pb::Scenario scenario() {
    sim::pb::Scenario scenario;
    scenario.set_name("drawn");
    cluster(*scenario.mutable_cluster());
    workload(scenario);
    network(scenario);
    turn(scenario);
    machines(scenario);
    if (nodes_ > 1) damage(scenario);
    for (u64 count = 1 + draw_(2), i = 0; i < count; ++i) phase(*scenario.add_phase(), i);
    for (u64 count = draw_(3); count > 0; --count) step(*scenario.add_step());
    if (draw_(4) > 0) scenario.set_background(sim::pb::Background::NONE);
    scenario.mutable_budget()->set_events(events_max);
    return scenario;
  }

 private:
  static constexpr u64 events_max = 300'000;

  bool maybe(u64 one_in = 3) { return draw_(one_in) == one_in - 1; }
  u32 between(u64 least, u64 most) { return static_cast<u32>(least + draw_(most - least + 1)); }
  // Evenly over magnitudes: rare faults matter as much as frequent ones.
  u32 ppm(u64 most) { return between(1, u64{10} << draw_(static_cast<u64>(std::bit_width(most / 10)))); }

  void cluster(sim::pb::Cluster& cluster) {
    constexpr std::array<u32, 9> sizes{3, 3, 3, 2, 2, 1, 4, 5, 6};
    nodes_ = sizes[draw_(sizes.size())];
    cluster.set_replicas(nodes_);
    cluster.set_clients(between(1, 3));
    cluster.set_limits(sim::pb::LimitsProfile::TINY);
    if (maybe(4)) cluster.set_shards(2);
    if (maybe(4)) cluster.set_groups(between(2, 3));
    if (maybe(4)) cluster.mutable_tunables()->set_strict_ack(true);
    if (maybe(8)) cluster.mutable_tunables()->set_quiesce_after_ms(between(50, 500));
  }

  void workload(sim::pb::Scenario& scenario) {
    auto& workload = *scenario.add_workload();
    auto& kv = *workload.mutable_kv();
    kv.set_keys(between(1, 4));
    if (maybe()) kv.set_del(20);
    if (maybe(8)) kv.set_value_bytes_max(between(1, 6000));
    workload.set_requests(between(1, 40));
    workload.set_think_us(u64{1} << draw_(17));
    workload.set_timeout_ms(between(20, 1000));
  }

  void network(sim::pb::Scenario& scenario) {
    if (maybe(2)) return;
    auto& network = *scenario.mutable_network();
    network.set_mode(sim::pb::Network::DATAGRAM);
    if (maybe()) network.set_mode(sim::pb::Network::MIXED);
    if (maybe()) network.set_loss_ppm(ppm(200'000));
    if (maybe()) network.set_duplicate_ppm(ppm(200'000));
    if (maybe()) network.set_reorder_ppm(ppm(300'000));
    if (maybe(6)) network.set_ghost_ppm(ppm(5'000));
    if (maybe(6)) network.set_corrupt_ppm(ppm(10'000));
    if (maybe(6)) network.set_reset_ppm(ppm(10'000));
    if (maybe(6)) network.set_slow_ppm(ppm(10'000));
    if (maybe(6)) network.set_bandwidth_kib_s(between(64, 4096));
    if (maybe(6)) network.mutable_delay_us()->set_mean(between(1, 20'000));
  }

  void turn(sim::pb::Scenario& scenario) {
    if (maybe(2)) return;
    auto& turn = *scenario.mutable_turn();
    if (maybe()) turn.set_bag_split_ppm(ppm(1'000'000));
    if (maybe()) turn.set_bag_shuffle_ppm(ppm(1'000'000));
    if (maybe()) turn.set_effect_shuffle_ppm(ppm(1'000'000));
    if (maybe()) turn.set_tie_shuffle_ppm(ppm(1'000'000));
    if (maybe(6)) turn.set_fiber_shuffle(true);
    if (maybe(6)) turn.set_slow(between(2, 50));
    if (maybe(6)) turn.set_shard_stall_ms(between(1, 300));
  }

  void machines(sim::pb::Scenario& scenario) {
    if (maybe(4)) scenario.mutable_clock()->set_drift_ppm(ppm(1'000));
    if (maybe(4)) scenario.mutable_clock()->set_timer_late_us(between(1, 20'000));
    if (maybe(8)) scenario.mutable_clock()->set_huge_base(true);
    if (maybe(4)) scenario.mutable_disk()->set_atomic_bytes(4096);
    if (maybe(4)) scenario.mutable_disk()->set_slow(between(2, 50));
    if (maybe(8)) scenario.mutable_disk()->set_stall_ppm(ppm(2'000));
    if (maybe(8)) scenario.mutable_disk()->set_write_error_ppm(ppm(2'000));
    if (maybe(4)) scenario.mutable_mailbox()->set_drop_ppm(ppm(20'000));
  }

  // Of one kind of doubt at a time, as the rules of scenario files have it.
  void damage(sim::pb::Scenario& scenario) {
    if (!maybe(3)) return;
    auto& disk = *scenario.mutable_disk();
    if (maybe(3)) {
      if (maybe(2)) disk.set_revert_ppm(ppm(20'000));
      if (maybe(2)) disk.set_misdirect_write_ppm(ppm(20'000));
    } else {
      if (maybe()) disk.set_lse_ppm(ppm(10'000));
      if (maybe()) disk.set_rot_every_ms(between(50, 2'000));
      if (maybe()) disk.set_read_flip_ppm(ppm(10'000));
      if (maybe()) disk.set_misdirect_read_ppm(ppm(10'000));
      if (maybe()) disk.set_rot_tail_ppm(ppm(1'000'000));
      if (maybe()) disk.set_weak_tail_ppm(ppm(1'000'000));
    }
    if (scenario.cluster().tunables().strict_ack() && maybe()) disk.set_lost_flush_ppm(ppm(1'000'000));
    if (maybe(6)) disk.set_wipe_every_ms(between(300, 3'000));
  }

  void phase(sim::pb::Phase& phase, u64 index) {
    phase.set_name("phase_" + std::to_string(index));
    const u32 duration_ms = between(100, 1'500);
    phase.set_duration_ms(duration_ms);
    phases_end_ms_ += duration_ms;
    if (maybe()) {
      auto& crash = *phase.mutable_crash();
      crash.set_every_ms(between(50, 2'000));
      crash.set_kind(one_of<sim::pb::Crash::Kind>(3));
      crash.set_restart_after_ms(between(0, 500));
    }
    if (maybe(6)) {
      phase.mutable_power_cut()->set_every_ms(between(100, 2'000));
      phase.mutable_power_cut()->set_restart_after_ms(between(0, 500));
    }
    if (maybe()) {
      auto& partition = *phase.mutable_partition();
      partition.set_every_ms(between(50, 1'000));
      const u32 for_ms = between(10, 500);
      partition.set_for_ms(for_ms);
      partition.set_kind(one_of<sim::pb::Partition::Kind>(4));
      if (nodes_ == 1) partition.set_of(sim::pb::Partition::CLIENTS);
      if (maybe(4)) partition.set_flap_ms(between(1, for_ms));
      if (maybe(4)) partition.set_gray(true);
    }
    if (maybe(6)) {
      phase.mutable_pause()->set_every_ms(between(50, 1'000));
      phase.mutable_pause()->set_for_ms(between(10, 500));
    }
    if (maybe(6)) {
      phase.mutable_client_crash()->set_every_ms(between(50, 1'000));
      phase.mutable_client_crash()->set_restart_after_ms(between(0, 200));
    }
  }

  void step(sim::pb::Step& step) {
    if (maybe(2))
      step.mutable_when()->set_commit_at_least(between(1, 30));
    else
      step.set_at_ms(draw_(phases_end_ms_));
    auto& action = *step.add_do_();
    switch (draw_(5)) {
      case 0:
        action.mutable_crash()->add_node(somebody());
        action.mutable_crash()->set_kind(one_of<sim::pb::Crash::Kind>(3));
        step.set_for_ms(between(1, 500));
        return;
      case 1:
        action.mutable_drop()->set_command(command());
        action.mutable_drop()->set_count(between(1, 10));
        return;
      case 2:
        if (nodes_ > 1) {
          action.mutable_partition()->add_node(somebody());
          step.set_for_ms(between(1, 500));
          return;
        }
        [[fallthrough]];
      case 3:
        action.mutable_pause()->add_node(somebody());
        step.set_for_ms(between(1, 500));
        return;
      default:
        action.mutable_client_crash();
    }
  }

  // Enumerators from 1 on.
  template <class Kind>
  Kind one_of(u64 count) {
    return static_cast<Kind>(1 + draw_(count));
  }
  sim::pb::NodeRef somebody() {
    constexpr std::array roles{sim::pb::PRIMARY, sim::pb::BACKUP, sim::pb::OLD_PRIMARY, sim::pb::NEXT_PRIMARY};
    if (nodes_ > 1 && maybe(2)) return roles[draw_(roles.size())];
    return static_cast<sim::pb::NodeRef>(draw_(nodes_));
  }
  sim::pb::Command command() {
    const auto& commands = *sim::pb::Command_descriptor();
    const int index = static_cast<int>(draw_(static_cast<u64>(commands.value_count())));
    return static_cast<sim::pb::Command>(commands.value(index)->number());
  }

  Draw draw_;
  u32 nodes_ = 0;
  u64 phases_end_ms_ = 0;
};

}  // namespace keelson::gen
