#include "keelson/io/inspect/segments.h"

#include <algorithm>
#include <set>

#include "keelson/store/page.h"
#include "keelson/wire/prepare.h"

namespace keelson::io::inspect {
namespace {

constexpr std::byte unreadable_byte{0xff};

bool is_record(Command command) { return command == Command::prepare || command == Command::group_state; }

// Follows the headers of the records that start on one page.
class PageWalk {
 public:
  PageWalk(SegmentImage& pages, const Limits& limits, ClusterId cluster, u64 seed)
      : pages_(pages), limits_(limits), cluster_(cluster), seed_(seed) {}

  template <class Visit>
  void for_headers(u32 page, Visit visit) {
    const StampReading read = read_stamp(pages_.wal.page(page), seed_);
    const PageNo no = first_page_of(limits_, pages_.segment) + page;
    if (read.state != PageState::ok || read.stamp.page_no != no) return;
    for (u32 at = read.stamp.first_record; at < read.stamp.used;) {
      const RecordPlace place{no, static_cast<u16>(at), header_size};
      if (!place_ok(limits_, place)) return;
      std::byte bytes[header_size];
      const Bytes under = pages_.wal.span(page, pages_of(place));
      if (gather_record(under, place, seed_, limits_, bytes) != RecordPages::ok) return;
      const Header header = header_at(bytes);
      if (header_checksum(bytes) != header.checksum || header.cluster != cluster_ || header.size < header_size) return;
      visit(header);
      if (header.size > limits_.message_size_max) return;
      at += round_up(header.size, record_alignment);
    }
  }

 private:
  SegmentImage& pages_;
  const Limits& limits_;
  const ClusterId cluster_;
  const u64 seed_;
};

}  // namespace

Segments::Segments(const Image& image, const Limits& limits)
    : image_(image),
      limits_(limits),
      layout_(StoreLayout::of(limits)),
      pages_{0, PageBuffer(limits.wal_segment_pages), PageBuffer(limits.index_pages_per_segment)},
      bad_wal_(limits.wal_segment_pages),
      bad_index_(limits.index_pages_per_segment) {}

void Segments::load(u64 segment) {
  pages_.segment = segment;
  load(Zone::wal, wal_offset(limits_, first_page_of(limits_, segment)), pages_.wal, bad_wal_);
  load(Zone::index, index_offset(limits_, segment, 0), pages_.index, bad_index_);
}

void Segments::load(Zone zone, u64 offset, PageBuffer& into, std::vector<bool>& bad) {
  const u64 from = layout_.zone_offset(zone) + offset;
  std::fill(bad.begin(), bad.end(), false);
  if (image_.read(from, into.span(0, into.pages()))) return;
  for (std::size_t page = 0; page < into.pages(); ++page) {
    if (image_.read(from + page * page_bytes, into.span(page, 1))) continue;
    bad[page] = true;
    std::ranges::fill(into.span(page, 1), unreadable_byte);
  }
}

std::vector<GroupId> groups_in(const Image& image, const Limits& limits, ClusterId cluster, ShardId shard) {
  const u64 seed = page_seed(cluster, shard);
  std::set<GroupId> found;
  const auto add = [&](GroupId group, Command command) {
    if (is_record(command) && found.size() < groups_found_max) found.insert(group);
  };
  Segments segments(image, limits);
  for (u64 segment = 0; segment < limits.wal_segments; ++segment) {
    segments.load(segment);
    for (u32 slot = 0; slot < limits.index_pages_per_segment; ++slot) {
      const std::byte* page = segments.pages().index.page(slot);
      const IndexReading read = read_index_page(page, seed, limits);
      for (u32 i = 0; read.state == PageState::ok && i < read.head.count; ++i)
        add(index_entry(page, i).group, index_entry(page, i).command);
    }
    PageWalk walk(segments.pages(), limits, cluster, seed);
    for (u32 page = 0; page < limits.wal_segment_pages; ++page)
      walk.for_headers(page, [&](const Header& header) { add(header.group, header.command); });
  }
  return {found.begin(), found.end()};
}

}  // namespace keelson::io::inspect
