#include "keelson/sim/settings_of.h"

namespace keelson::sim {
namespace {

constexpr u64 delay_max_means = 16;  // where the scenario names no maximum
constexpr u64 bytes_per_kib = 1024;

LinkMode mode_of(pb::Network::Mode mode) {
  switch (mode) {
    case pb::Network::STREAM:
      return LinkMode::stream;
    case pb::Network::DATAGRAM:
      return LinkMode::datagram;
    case pb::Network::MIXED:
      return LinkMode::mixed;
  }
  return LinkMode::stream;
}

NetworkSettings network_of(const pb::Network& from) {
  NetworkSettings to;
  const auto& delay = from.delay_us();
  to.mode = mode_of(from.mode());
  to.delay_min = microseconds(delay.min());
  to.delay_mean = microseconds(delay.mean());
  to.delay_max = microseconds(delay.has_max() ? delay.max() : delay.min() + delay_max_means * delay.mean());
  to.slow_ppm = from.slow_ppm();
  to.slow_mean = milliseconds(from.slow_mean_ms());
  to.loss_ppm = from.loss_ppm();
  to.duplicate_ppm = from.duplicate_ppm();
  to.reorder_ppm = from.reorder_ppm();
  to.reorder_mean = milliseconds(from.reorder_mean_ms());
  to.ghost_ppm = from.ghost_ppm();
  to.corrupt_ppm = from.corrupt_ppm();
  to.corrupt_bits_max = from.corrupt_bits();
  to.reset_ppm = from.reset_ppm();
  to.half_open_max = milliseconds(from.half_open_ms());
  to.connect = milliseconds(from.connect_ms());
  to.connect_fail_ppm = from.connect_fail_ppm();
  to.bandwidth_bytes_per_s = u64{from.bandwidth_kib_s()} * bytes_per_kib;
  to.send_queue_bytes = u64{from.send_queue_kib()} * bytes_per_kib;
  return to;
}

DamageZone zone_of(pb::DamageZone::Kind zone) {
  switch (zone) {
    case pb::DamageZone::ANY:
      return DamageZone::any;
    case pb::DamageZone::SUPERBLOCK:
      return DamageZone::superblock;
    case pb::DamageZone::WAL:
      return DamageZone::wal;
    case pb::DamageZone::INDEX:
      return DamageZone::index;
    case pb::DamageZone::CHECKPOINT:
      return DamageZone::checkpoint;
  }
  return DamageZone::any;
}

DiskSettings disk_of(const pb::Disk& from) {
  DiskSettings to;
  to.read_mean = microseconds(from.read_mean_us());
  to.write_mean = microseconds(from.write_mean_us());
  to.flush_mean = microseconds(from.flush_us());
  to.slow = from.slow();
  to.stall_ppm = from.stall_ppm();
  to.torn_ppm = from.torn_ppm();
  to.atomic_bytes = from.atomic_bytes();
  to.space_blocks = from.space_blocks();
  to.write_error_ppm = from.write_error_ppm();
  to.lost_flush_ppm = from.lost_flush_ppm();
  to.lse_ppm = from.lse_ppm();
  to.misdirect_read_ppm = from.misdirect_read_ppm();
  to.misdirect_write_ppm = from.misdirect_write_ppm();
  to.revert_ppm = from.revert_ppm();
  to.rot_tail_ppm = from.rot_tail_ppm();
  to.weak_tail_ppm = from.weak_tail_ppm();
  to.read_flip_ppm = from.read_flip_ppm();
  to.damage_zone = zone_of(from.damage_zone());
  return to;
}

ClockSettings clock_of(const pb::Clock& from) {
  ClockSettings to;
  to.drift_ppm_max = from.drift_ppm();
  to.offset_max = milliseconds(from.offset_ms());
  to.timer_late_mean = microseconds(from.timer_late_us());
  to.huge_base = from.huge_base();
  return to;
}

TurnSettings turn_of(const pb::Turn& from) {
  TurnSettings to;
  to.turn = Duration(from.ns());
  to.event = Duration(from.event_ns());
  to.slow = from.slow();
  to.bag_split_ppm = from.bag_split_ppm();
  to.bag_shuffle_ppm = from.bag_shuffle_ppm();
  to.effect_shuffle_ppm = from.effect_shuffle_ppm();
  to.tie_shuffle_ppm = from.tie_shuffle_ppm();
  to.fiber_shuffle = from.fiber_shuffle();
  return to;
}

}  // namespace

Settings settings_of(const PhaseFaults& faults) {
  Settings settings;
  settings.network = network_of(faults.network);
  settings.disk = disk_of(faults.disk);
  settings.clock = clock_of(faults.clock);
  settings.mailbox = {.delay_mean = microseconds(faults.mailbox.delay_mean_us()),
                      .drop_ppm = faults.mailbox.drop_ppm()};
  settings.turn = turn_of(faults.turn);
  return settings;
}

Settings calm_settings() { return {}; }

namespace {

Limits simulated_standard() {
  Limits limits = Limits::standard();  // with the memory that a simulated load needs: dozens of shards in one process
  limits.slabs_small = 4096;
  limits.slabs_page = 2048;
  limits.slabs_batch = 256;
  limits.slabs_message = 16;
  limits.checkpoint_ops = 256;  // a run is short
  return limits;
}

}  // namespace

Limits limits_of(const pb::Cluster& cluster) {
  Limits limits = Limits::tiny();
  if (cluster.limits() == pb::LimitsProfile::STANDARD) limits = simulated_standard();
  if (cluster.has_checkpoint_ops()) limits.checkpoint_ops = cluster.checkpoint_ops();
  if (cluster.has_journal_ops()) limits.journal_ops_max = cluster.journal_ops();
  if (cluster.has_checkpoint_blocks()) limits.checkpoint_blocks = cluster.checkpoint_blocks();
  return limits;
}

Tunables tunables_of(const pb::Cluster& cluster) {
  Tunables to = cluster.limits() == pb::LimitsProfile::STANDARD ? Tunables::standard() : Tunables::tiny();
  const auto& from = cluster.tunables();
  const auto set = [](Duration& tunable, bool given, u32 ms) {
    if (given) tunable = milliseconds(ms);
  };
  set(to.beat, from.has_beat_ms(), from.beat_ms());
  set(to.primary_suspected, from.has_primary_suspected_ms(), from.primary_suspected_ms());
  set(to.view_change_give_up, from.has_view_change_ms(), from.view_change_ms());
  set(to.prepare_resend, from.has_prepare_resend_ms(), from.prepare_resend_ms());
  set(to.repair_pace, from.has_repair_pace_ms(), from.repair_pace_ms());
  set(to.abdicate, from.has_abdicate_ms(), from.abdicate_ms());
  set(to.client_resend, from.has_client_resend_ms(), from.client_resend_ms());
  set(to.sync_stall, from.has_sync_stall_ms(), from.sync_stall_ms());
  set(to.sync_pin, from.has_sync_pin_ms(), from.sync_pin_ms());
  set(to.scrub_pace, from.has_scrub_pace_ms(), from.scrub_pace_ms());
  set(to.quiesce_after, from.has_quiesce_after_ms(), from.quiesce_after_ms());
  set(to.voter_missing, from.has_voter_missing_ms(), from.voter_missing_ms());
  set(to.scrub_every, from.has_scrub_every_ms(), from.scrub_every_ms());
  if (from.has_strict_ack()) to.strict_ack = from.strict_ack();
  return to;
}

}  // namespace keelson::sim
