#include "keelson/store/recovery_scan.h"

#include <algorithm>

namespace keelson {
namespace {

constexpr std::byte unreadable{0xff};  // no stamp and no index head consists of these

}  // namespace

SegmentReader::SegmentReader(const Limits& limits, IoIds& ids)
    : limits_(limits),
      ids_(ids),
      image_{0, PageBuffer(limits.wal_segment_pages), PageBuffer(limits.index_pages_per_segment)},
      todo_(std::size_t{limits.wal_segment_pages} + limits.index_pages_per_segment),
      in_flight_(std::min(reads_max, std::max(1u, limits.reads_in_flight_max / 2))) {}

void SegmentReader::start(u64 segment, EffectBag& out) {
  check(!busy());
  image_.segment = segment;
  plan(Zone::index, limits_.index_pages_per_segment);
  plan(Zone::wal, limits_.wal_segment_pages);
  emit(out);
}

// The first one is asked for first: devices and systems read ahead.
void SegmentReader::plan(Zone zone, u32 pages) {
  for (u32 end = pages; end > 0;) {
    const u32 first = (end - 1) / read_pages_max * read_pages_max;
    todo_.push_back({zone, first, end - first});
    end = first;
  }
}

void SegmentReader::emit(EffectBag& out) {
  while (!todo_.empty() && !in_flight_.full()) {
    const Range range = todo_.back();
    todo_.pop_back();
    const u64 offset = range.zone == Zone::wal
                           ? wal_offset(limits_, first_page_of(limits_, image_.segment) + range.first)
                           : index_offset(limits_, image_.segment, range.first);
    const IoId id = ids_.next();
    in_flight_.push_back({id, range});
    out.reads.push_back(
        Read{id, range.zone, offset, pages_of(range.zone).span(range.first, range.count), IoClass::read_client});
  }
}

bool SegmentReader::on_completion(const Completion& completion, EffectBag& out) {
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].id != completion.id) continue;
    const Range range = in_flight_[i].range;
    in_flight_.erase_at(i);
    if (completion.status != IoStatus::ok) {
      if (range.count == 1) {
        std::ranges::fill(pages_of(range.zone).span(range.first, 1), unreadable);
      } else {
        const u32 half = range.count / 2;
        todo_.push_back({range.zone, range.first + half, range.count - half});
        todo_.push_back({range.zone, range.first, half});
      }
    }
    emit(out);
    return true;
  }
  return false;
}

}  // namespace keelson
