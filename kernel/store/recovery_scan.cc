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
      in_flight_(std::min(reads_max, limits.reads_in_flight_max)) {}

void SegmentReader::start(u64 segment, EffectBag& out) {
  check(!busy());
  image_.segment = segment;
  plan(Zone::wal, limits_.wal_segment_pages);
  plan(Zone::index, limits_.index_pages_per_segment);
  emit(out);
}

void SegmentReader::plan(Zone zone, u32 pages) {
  for (u32 first = 0; first < pages; first += read_pages_max)
    todo_.push_back({zone, first, std::min(read_pages_max, pages - first)});
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
        todo_.push_back({range.zone, range.first, half});
        todo_.push_back({range.zone, range.first + half, range.count - half});
      }
    }
    emit(out);
    return true;
  }
  return false;
}

}  // namespace keelson
