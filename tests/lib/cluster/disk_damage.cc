#include "tests/lib/cluster/disk_damage.h"

#include "keelson/store/checkpoint_table.h"
#include "keelson/store/superblock.h"

namespace keelson::test {

std::optional<Stretch> find_on_disk(const sim::Disk& disk, const DiskOwner& owner, GroupId group, Place::Kind kind,
                                    Command command, Op op) {
  const sim::Medium& index = disk.zone(Zone::index);
  const u64 seed = page_seed(owner.cluster, owner.shard);
  std::optional<Stretch> found;
  BatchNo newest;
  std::vector<std::byte> page(page_bytes);
  for (u64 number = 0; number < index.size_bytes() / page_bytes; ++number) {
    if (!index.at(number)) continue;
    index.read_page(number, page.data());
    const IndexReading reading = read_index_page(page.data(), seed, owner.limits);
    if (reading.state != PageState::ok || reading.head.batch_no < newest) continue;
    for (u32 i = 0; i < reading.head.count; ++i) {
      const IndexEntry named = index_entry(page.data(), i);
      if (named.group != group || named.command != command) continue;
      if (command == Command::prepare && named.op != op) continue;
      newest = reading.head.batch_no;
      if (kind == Place::Kind::entry) {
        const u64 offset = number * page_bytes;
        found = Stretch{Zone::index, offset, 1, offset + sizeof(IndexHead) + i * sizeof(IndexEntry)};
      } else {
        const u64 offset = wal_offset(owner.limits, named.page_no);
        // the header's own checksum covers this byte
        found = Stretch{Zone::wal, offset, pages_of(named.place()), offset + stamp_bytes + named.offset + 128};
      }
    }
  }
  return found;
}

Stretch superblock_stretch(u64 copy) {
  const u64 offset = superblock_offset(static_cast<u32>(copy));
  return {Zone::superblock, offset, superblock_copy_bytes / page_bytes, offset + offsetof(Superblock, sequence)};
}

namespace {

// The record that begins 128 bytes before the heart of a stretch, without the stamps between its pages.
GroupCheckpoint checkpoint_in(const sim::Disk& disk, const Stretch& stretch) {
  const PageBytes pages = read_stretch(disk, stretch);
  PageBytes payload;
  for (u64 i = 0; i < stretch.pages; ++i) {
    const auto page = pages.begin() + static_cast<std::ptrdiff_t>(i * page_bytes);
    payload.insert(payload.end(), page + stamp_bytes, page + page_bytes);
  }
  return as<GroupCheckpoint>(payload.data() + (stretch.heart - 128 - stamp_bytes - stretch.offset));
}

}  // namespace

std::optional<Stretch> find_in_checkpoint(const sim::Disk& disk, const DiskOwner& owner, GroupId group, Place place) {
  const auto found = find_on_disk(disk, owner, group, Place::Kind::record, Command::group_checkpoint, Op());
  if (!found) return std::nullopt;
  const GroupCheckpoint record = checkpoint_in(disk, *found);
  const u64 copy = place.kind == Place::Kind::table ? place.number : 0;
  const u64 offset = u64{record.table_block[copy]} * page_bytes;
  const Stretch stretch{Zone::checkpoint, offset, blocks_for(record.table_bytes), offset + 40};
  if (place.kind == Place::Kind::table) return stretch;
  CheckpointTable table;
  const PageBytes bytes = read_stretch(disk, stretch);
  if (!table.decode(Bytes(bytes).first(record.table_bytes), owner.limits.checkpoint_blocks)) return std::nullopt;
  u64 left = place.number;
  const u64 first = place.kind == Place::Kind::blob ? table.facts.state_sections() : 0;
  for (u64 i = first; i < table.sections.size(); ++i) {
    const SavedSection& section = table.sections[i];
    if (section.runs.empty() || left-- > 0) continue;
    const u64 at = u64{section.runs[0].first} * page_bytes;
    return Stretch{Zone::checkpoint, at, 1, at};
  }
  return std::nullopt;
}

PageBytes read_stretch(const sim::Disk& disk, const Stretch& stretch) {
  PageBytes bytes(stretch.pages * page_bytes);
  for (u64 i = 0; i < stretch.pages; ++i)
    disk.zone(stretch.zone).read_page(stretch.offset / page_bytes + i, bytes.data() + i * page_bytes);
  return bytes;
}

void write_stretch(sim::Disk& disk, const Stretch& stretch, const PageBytes& bytes) {
  disk.zone(stretch.zone).write(stretch.offset, bytes);
}

}  // namespace keelson::test
