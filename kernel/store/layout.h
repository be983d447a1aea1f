// Where things lie in a shard's data: the sizes of its zones, and the place of every page in them.
//
// Who uses it: the WAL, recovery, format; drivers that make or open data files. Zones are preallocated, so all of it is
// arithmetic on Limits. Not here: what pages hold (page.h), what a superblock says (superblock.h).
#pragma once

#include "keelson/base/bytes.h"
#include "keelson/base/limits.h"
#include "keelson/store/log_index.h"
#include "keelson/wire/effect.h"

namespace keelson {

inline constexpr u32 page_bytes = 4096;  // also the alignment of every I/O
inline constexpr u32 stamp_bytes = 32;
inline constexpr u32 payload_bytes = page_bytes - stamp_bytes;
inline constexpr u32 record_alignment = 16;
inline constexpr u32 superblock_zone_bytes = 256 * 1024;
static_assert(payload_bytes % record_alignment == 0);
static_assert(Limits::standard().wal_page_bytes == page_bytes && Limits::tiny().wal_page_bytes == page_bytes);

struct StoreLayout {
  u64 superblock_bytes = 0;
  u64 wal_bytes = 0;
  u64 index_bytes = 0;
  u64 checkpoint_bytes = 0;  // grows to this

  static constexpr StoreLayout of(const Limits& limits) {
    return {superblock_zone_bytes, u64{limits.wal_segments} * limits.wal_segment_pages * page_bytes,
            u64{limits.wal_segments} * limits.index_pages_per_segment * page_bytes,
            u64{limits.checkpoint_blocks} * page_bytes};
  }
  constexpr u64 zone_bytes(Zone zone) const {
    switch (zone) {
      case Zone::superblock:
        return superblock_bytes;
      case Zone::wal:
        return wal_bytes;
      case Zone::index:
        return index_bytes;
      case Zone::checkpoint:
        return checkpoint_bytes;
    }
    return 0;
  }
  // In one file that holds all zones.
  constexpr u64 zone_offset(Zone zone) const {
    switch (zone) {
      case Zone::superblock:
        return 0;
      case Zone::wal:
        return superblock_bytes;
      case Zone::index:
        return superblock_bytes + wal_bytes;
      case Zone::checkpoint:
        return preallocated_bytes();
    }
    return 0;
  }
  // What format really writes; the zone behind it takes disk space as checkpoints do.
  constexpr u64 preallocated_bytes() const { return superblock_bytes + wal_bytes + index_bytes; }
  constexpr u64 file_bytes() const { return preallocated_bytes() + checkpoint_bytes; }
};

// Pages count up for ever; the zone holds the last `wal_segments` segments of them.
constexpr u64 segment_of(const Limits& limits, PageNo page) { return page.raw() / limits.wal_segment_pages; }
constexpr u32 page_in_segment(const Limits& limits, PageNo page) {
  return static_cast<u32>(page.raw() % limits.wal_segment_pages);
}
constexpr PageNo first_page_of(const Limits& limits, u64 segment) { return PageNo(segment * limits.wal_segment_pages); }
constexpr u64 ring_pages(const Limits& limits) { return u64{limits.wal_segments} * limits.wal_segment_pages; }

constexpr u64 wal_offset(const Limits& limits, PageNo page) { return page.raw() % ring_pages(limits) * page_bytes; }
constexpr u64 index_offset(const Limits& limits, u64 segment, u32 index_page) {
  return (segment % limits.wal_segments * limits.index_pages_per_segment + index_page) * page_bytes;
}

// Whether what is numbered `found` was written to the place of `expected` one or more laps earlier.
constexpr bool earlier_lap(u64 found, u64 expected, u64 ring) {
  return found < expected && (expected - found) % ring == 0;
}

// WAL pages that `bytes` of payload take.
constexpr u64 pages_for(u64 bytes) { return (bytes + payload_bytes - 1) / payload_bytes; }
// WAL pages that a record touches.
constexpr u32 pages_of(const RecordPlace& place) { return static_cast<u32>(pages_for(u64{place.offset} + place.size)); }
// Most pages that any record touches.
constexpr u32 record_pages_max(const Limits& limits) {
  return static_cast<u32>(pages_for(u64{payload_bytes - record_alignment} + limits.message_size_max));
}

// Whether a record can lie there at all: for places that were read from a disk.
constexpr bool place_ok(const Limits& limits, const RecordPlace& place) {
  return place.size >= header_size && place.size <= limits.message_size_max && place.offset < payload_bytes &&
         place.offset % record_alignment == 0 &&
         page_in_segment(limits, place.page) + u64{pages_of(place)} <= limits.wal_segment_pages;
}

}  // namespace keelson
