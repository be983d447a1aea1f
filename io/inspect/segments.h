// Segments: one segment at a time of an image, its WAL pages and its index pages, and which of them can't be read.
//
// Who uses it: whatever looks at every page of a file, also where recovery has no reason to. Not here: what pages mean.
#pragma once

#include <vector>

#include "keelson/io/inspect/image.h"
#include "keelson/store/recovery_scan.h"

namespace keelson::io::inspect {

class Segments {
 public:
  Segments(const Image& image, const Limits& limits);

  void load(u64 segment);
  SegmentImage& pages() { return pages_; }
  // Of the segment that was loaded; such a page is filled with bytes that no page can have.
  bool unreadable(Zone zone, u32 page) const { return (zone == Zone::wal ? bad_wal_ : bad_index_)[page]; }

 private:
  void load(Zone zone, u64 offset, PageBuffer& into, std::vector<bool>& bad);

  const Image& image_;
  const Limits limits_;
  const StoreLayout layout_;
  SegmentImage pages_;
  std::vector<bool> bad_wal_;
  std::vector<bool> bad_index_;
};

// The groups of which a log holds records, by entries and by headers, damaged or not; sorted, at most this many.
inline constexpr std::size_t groups_found_max = 65536;
std::vector<GroupId> groups_in(const Image& image, const Limits& limits, ClusterId cluster, ShardId shard);

}  // namespace keelson::io::inspect
