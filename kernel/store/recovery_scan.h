// SegmentReader: brings one segment at a time, its WAL pages and its index pages, from the disk into memory.
//
// Who uses it: recovery, which has two and lets them take turns. Several Reads are in flight; one that fails is taken
// apart until single pages are to blame: those are filled with bytes that no page can have. Not here: what pages mean
// (recovery_segment.h).
#pragma once

#include "keelson/store/io_ids.h"
#include "keelson/store/page_buffer.h"
#include "keelson/wire/bag.h"

namespace keelson {

struct SegmentImage {
  u64 segment = 0;
  PageBuffer wal;
  PageBuffer index;
};

class SegmentReader {
 public:
  static constexpr u32 read_pages_max = 64;
  static constexpr u32 reads_max = 16;

  SegmentReader(const Limits& limits, IoIds& ids);

  void start(u64 segment, EffectBag& out);
  bool on_completion(const Completion& completion, EffectBag& out);  // false: not its id
  bool busy() const { return !in_flight_.empty() || !todo_.empty(); }
  SegmentImage& image() { return image_; }

 private:
  struct Range {
    Zone zone = Zone::wal;
    u32 first = 0;
    u32 count = 0;
  };
  struct InFlight {
    IoId id;
    Range range;
  };
  void plan(Zone zone, u32 pages);
  void emit(EffectBag& out);
  PageBuffer& pages_of(Zone zone) { return zone == Zone::wal ? image_.wal : image_.index; }

  const Limits limits_;
  IoIds& ids_;
  SegmentImage image_;
  Vec<Range> todo_;  // a stack
  Vec<InFlight> in_flight_;
};

}  // namespace keelson
