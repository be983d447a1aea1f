// Scrub: everything that this shard needs of its disk is read once per tour, a little at a time, and proven. What is
// damaged goes the way of any failed read: records to repair, sections into the next checkpoint, copies of the
// superblock are written again, segments with a damaged index page are given back.
#include <algorithm>

#include "keelson/node/shard_impl.h"

namespace keelson {
namespace {

constexpr std::size_t groups_per_step = 64;  // that have nothing to read

}  // namespace

void Shard::Impl::scrub(EffectBag& out) {
  if (now < scrub_at) return;
  if (state != ShardState::ready) {
    scrub_at = Instant::never();
    return;
  }
  scrub_at = now + config.tunables.scrub_pace;
  switch (scrub_part) {
    case ScrubPart::rest:
      return begin_tour();
    case ScrubPart::superblock:
      if (superblock->state() != SuperblockFile::State::ready) return;
      superblock->scrub(out);
      scrub_part = ScrubPart::index;
      return;
    case ScrubPart::index:
      return scrub_index(out);
    case ScrubPart::groups:
      return scrub_groups(out);
  }
}

void Shard::Impl::begin_tour() {
  tour_began = now;
  scrub_part = ScrubPart::superblock;
  index_scrub->begin(wal->first_segment());
  scrubbed = 0;
}

void Shard::Impl::scrub_index(EffectBag& out) {
  const u64 first = std::max(wal->first_segment(), reclaiming);
  if (index_scrub->reading() || index_scrub->read(first, wal->settled_segment(), out)) return;
  scrub_part = ScrubPart::groups;
  if (index_scrub->damaged_end() <= wal->first_segment()) return;
  counters.add(Counter::scrub_damaged_segments);
  counters.hit(Mark::scrub_index);
  evacuating = index_scrub->damaged_end();
  reclaim_at = now;
}

void Shard::Impl::scrub_groups(EffectBag& out) {
  Turn t = turn(out);
  const std::size_t last = std::min(scrubbed + groups_per_step, replicas.size());
  while (scrubbed < last && replicas[scrubbed]->scrub(t)) ++scrubbed;
  if (scrubbed < replicas.size()) return;
  counters.add(Counter::scrub_tours);
  scrub_part = ScrubPart::rest;
  scrub_at = std::max(scrub_at, tour_began + config.tunables.scrub_every);
}

}  // namespace keelson
