// How far a log reaches behind a place where nothing was written. Batches in flight when a process died may have landed
// in any order, so pages that were never written lie between others; but only so many, since a later batch is not
// written before all but wal_batches_in_flight_max of those before it are stored.
//
// Who uses it: recovery, to find the end of the log. Not here: what the pages hold.
#pragma once

#include <algorithm>

#include "keelson/base/limits.h"
#include "keelson/store/page.h"

namespace keelson {

// At least so many batches lie in a segment by the time the log goes on in the next one, and each of them has an index
// page: where one of the first so many is blank, a batch of this segment was in flight, or none ever was written here.
constexpr u64 batches_before_leaving(const Limits& limits) {
  const auto batches_in = [](u64 pages, u64 pages_max) {
    return pages < pages_max ? u64{1} : (pages - pages_max) / pages_max + 1;
  };
  return std::min(batches_in(limits.wal_segment_pages, limits.wal_batch_pages_max),
                  batches_in(limits.index_pages_per_segment, index_pages_for(limits.wal_batch_records_max)));
}

// Segments from the first one with such a place to the end of the log.
constexpr u64 reach_in_segments(const Limits& limits) {
  const u64 in_flight = u64{limits.wal_batches_in_flight_max} + 1;  // and a lone marker
  return in_flight / batches_before_leaving(limits) + 1;
}

}  // namespace keelson
