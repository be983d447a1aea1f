#include "keelson/store/layout.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

const Limits limits = Limits::tiny();

TEST(Layout, ZonesFollowEachOtherInOneFile) {
  for (const Limits& l : {Limits::standard(), Limits::tiny()}) {
    const auto layout = StoreLayout::of(l);
    u64 at = 0;
    for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index, Zone::checkpoint}) {
      EXPECT_EQ(layout.zone_offset(zone), at);
      EXPECT_EQ(at % page_bytes, 0u);
      at += layout.zone_bytes(zone);
    }
    EXPECT_EQ(layout.file_bytes(), at);
  }
  EXPECT_EQ(StoreLayout::of(Limits::standard()).wal_bytes, u64{1} << 30);
}

TEST(Layout, PagesOfALapCoverTheZoneAndThenStartAgain) {
  const auto layout = StoreLayout::of(limits);
  EXPECT_EQ(wal_offset(limits, PageNo(0)), 0u);
  EXPECT_EQ(wal_offset(limits, PageNo(ring_pages(limits) - 1)), layout.wal_bytes - page_bytes);
  EXPECT_EQ(wal_offset(limits, PageNo(ring_pages(limits) + 5)), 5 * page_bytes);
  EXPECT_EQ(index_offset(limits, limits.wal_segments - 1, limits.index_pages_per_segment - 1),
            layout.index_bytes - page_bytes);
  EXPECT_EQ(index_offset(limits, limits.wal_segments + 1, 2), index_offset(limits, 1, 2));
  EXPECT_EQ(segment_of(limits, PageNo(limits.wal_segment_pages)), 1u);
  EXPECT_EQ(first_page_of(limits, 3), PageNo(3 * limits.wal_segment_pages));
}

TEST(Layout, ARecordTouchesThePagesItsBytesLieOn) {
  EXPECT_EQ(pages_of({PageNo(0), 0, payload_bytes}), 1u);
  EXPECT_EQ(pages_of({PageNo(0), 16, payload_bytes}), 2u);
  EXPECT_EQ(pages_of({PageNo(0), payload_bytes - 16, 256}), 2u);
  for (u32 offset = 0; offset < payload_bytes; offset += record_alignment)
    EXPECT_LE(pages_of({PageNo(0), static_cast<u16>(offset), limits.message_size_max}), record_pages_max(limits));
  EXPECT_EQ(pages_of({PageNo(0), payload_bytes - 16, limits.message_size_max}), record_pages_max(limits));
}

TEST(Layout, APlaceReadFromADiskIsProvenBeforeUse) {
  EXPECT_TRUE(place_ok(limits, {PageNo(0), 0, header_size}));
  EXPECT_FALSE(place_ok(limits, {PageNo(0), 0, header_size - 1}));
  EXPECT_FALSE(place_ok(limits, {PageNo(0), 0, limits.message_size_max + 1}));
  EXPECT_FALSE(place_ok(limits, {PageNo(0), 8, header_size}));
  EXPECT_FALSE(place_ok(limits, {PageNo(0), payload_bytes, header_size}));
  const PageNo last(limits.wal_segment_pages - 1);
  EXPECT_TRUE(place_ok(limits, {last, 0, payload_bytes}));
  EXPECT_FALSE(place_ok(limits, {last, 16, payload_bytes}));  // no record crosses into another segment
}

}  // namespace
}  // namespace keelson
