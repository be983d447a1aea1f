// Reclaim of log segments: every group leaves the oldest ones, then the superblock says where the log begins.
#include "keelson/node/shard_impl.h"

namespace keelson {
namespace {

constexpr u64 groups_per_step = 64;  // that have something to move
constexpr u64 looks_per_step = 1024;

// In use: three quarters begin it, so that it never has to hurry.
bool crowded(const Limits& limits, u64 segments_used) { return segments_used * 4 > u64{limits.wal_segments} * 3; }

// No time to wait for checkpoints.
bool urgent(const Limits& limits, u64 segments_used) { return segments_used * 8 > u64{limits.wal_segments} * 7; }

// How many at a time: each round updates the superblock once.
u64 segments_per_round(const Limits& limits) { return std::max<u64>(1, limits.wal_segments / 32); }

}  // namespace

void Shard::Impl::reclaim(EffectBag& out) {
  if (state != ShardState::ready || superblock->state() != SuperblockFile::State::ready) return;
  if (reclaiming == 0) {
    reclaim_at = Instant::never();
    if (!crowded(config.limits, wal->segments_used()) && wal->first_segment() >= evacuating) return;
    reclaiming = std::min(wal->first_segment() + segments_per_round(config.limits), wal->open_segment());
    vacated = 0;
  }
  const PageNo end = first_page_of(config.limits, reclaiming);
  Turn t = turn(out);
  u64 moving = 0;
  const std::size_t last = std::min(vacated + looks_per_step, replicas.size());
  for (std::size_t i = vacated; i < last && moving < groups_per_step; ++i) {
    if (replicas[i]->vacate(t, end, urgent(config.limits, wal->segments_used()))) {
      vacated += moving == 0;
      continue;
    }
    touched.insert(static_cast<u32>(i));
    ++moving;
  }
  const bool more = moving == 0 && vacated < replicas.size();
  reclaim_at = more ? now : now + config.tunables.repair_pace;
  if (vacated == replicas.size()) record_begin(out);
}

// From here on nothing reads what is to be freed; it is free when the superblock is stored.
void Shard::Impl::record_begin(EffectBag& out) {
  wal->close_before(reclaiming);
  if (wal->reads_before(first_page_of(config.limits, reclaiming)) || index_scrub->reads_before(reclaiming)) return;
  Superblock next = superblock->current();
  next.first_live_segment = reclaiming;
  next.freed_batch = wal->last_batch_before(reclaiming);
  next.durable_batch = std::max(next.durable_batch, wal->marked());
  superblock->update(next, out);
  freeing = true;
  reclaim_at = Instant::never();
}

// Checkpoints grow the data file. Where the device has no space for that, it is asked now and then.
void Shard::Impl::probe_space(EffectBag& out) {
  const bool known = probe_at != Instant::never();
  if (known != checkpoints.out_of_space()) {
    counters.hit(known ? Mark::storage_space_again : Mark::storage_no_space);
    out.notifications.push_back({known ? NotifyKind::space_again : NotifyKind::no_space, no_group, 0, 0});
    probe_at = known ? Instant::never() : now + config.tunables.space_probe;
  }
  if (now < probe_at || state != ShardState::ready) return;
  checkpoints.probe(out);
  probe_at = now + config.tunables.space_probe;
}

// Checkpoints have a part of the zone, so that the next ones fit beside them.
void Shard::Impl::watch_zone(EffectBag& out) {
  const bool crowded = checkpoints.is_crowded();
  if (crowded && !std::exchange(zone_crowded, crowded))
    for (u32 i = 0; i < replicas.size(); ++i)
      if (replicas[i]->make_room(now)) touched.insert(i);
  zone_crowded = crowded;
  const bool full = checkpoints.is_full();
  if (std::exchange(zone_full, full) == full) return;
  if (full) counters.hit(Mark::checkpoint_zone_full);
  out.notifications.push_back({full ? NotifyKind::storage_full : NotifyKind::storage_freed, no_group,
                               checkpoints.durable_blocks(), config.limits.checkpoint_blocks});
}

bool Shard::Impl::on_superblock(const Completion& completion, EffectBag& out) {
  const bool updating = superblock->state() == SuperblockFile::State::updating;
  if (!superblock->on_completion(completion, out)) return false;
  if (superblock->state() == SuperblockFile::State::refused) {
    Turn t = turn(out);
    poison(t);
  } else if (updating && superblock->state() == SuperblockFile::State::ready) {
    if (std::exchange(freeing, false)) wal->free_before(std::exchange(reclaiming, u64{0}));
    wal->on_superblock(superblock->current().durable_batch);
    promises_sealed(out);
    reclaim_at = now;
  }
  return true;
}

}  // namespace keelson
