// A used data file in memory: what two lives of a kernel left, as the bytes of one file that a test may damage.
//
// Who uses it: tests of inspect. The log is made by the WAL and by recovery themselves, over MemoryDisk; the same bytes
// can be handed to recovery again, to see that inspect says what it does.
#pragma once

#include <set>

#include "keelson/io/inspect/survey.h"
#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {

inline Limits inspected_limits() {
  Limits limits = Limits::tiny();
  limits.wal_segments = 20;
  return limits;
}

// The bytes of a file, some pages of which the disk does not give.
struct FileBytes {
  std::vector<std::byte> bytes;
  std::set<u64> unreadable;  // offsets of pages

  static constexpr StoreLayout layout() {
    return StoreLayout::of([] {
      Limits limits = Limits::tiny();
      limits.wal_segments = 20;
      return limits;
    }());
  }
  static u64 at(Zone zone, u64 offset) { return layout().zone_offset(zone) + offset; }
  void flip(u64 offset, u32 bit = 0) { bytes.at(offset) ^= std::byte{1} << bit; }
  void fill(u64 offset, std::size_t size, std::byte with) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), size, with);
  }
  void zero_page(Zone zone, u64 page) { fill(at(zone, page * page_bytes), page_bytes, std::byte{0}); }
  void spoil_copy(u32 copy) { fill(superblock_offset(copy), superblock_copy_bytes, std::byte{0x5a}); }
};

class BytesImage final : public io::inspect::Image {
 public:
  explicit BytesImage(FileBytes file) : file_(std::move(file)) {}
  u64 bytes() const override { return file_.bytes.size(); }
  bool read(u64 offset, MutableBytes into) const override {
    if (offset > bytes() || into.size() > bytes() - offset) return false;
    const auto hurt = file_.unreadable.lower_bound(offset / page_bytes * page_bytes);
    if (hurt != file_.unreadable.end() && *hurt < offset + into.size()) return false;
    copy(into, Bytes(file_.bytes).subspan(offset, into.size()));
    return true;
  }

 private:
  FileBytes file_;
};

inline FileBytes bytes_of_disk(const MemoryDisk& disk) {
  const StoreLayout layout = FileBytes::layout();
  FileBytes file;
  file.bytes.resize(layout.file_bytes());
  for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index})
    disk.read(zone, 0, MutableBytes(file.bytes).subspan(layout.zone_offset(zone), layout.zone_bytes(zone)));
  return file;
}

inline MemoryDisk disk_of_bytes(const FileBytes& file) {
  const StoreLayout layout = FileBytes::layout();
  MemoryDisk disk(layout);
  for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index}) {
    for (u64 page = 0; page < layout.zone_bytes(zone); page += page_bytes) {
      const u64 at = layout.zone_offset(zone) + page;
      const bool there = at + page_bytes <= file.bytes.size() && !file.unreadable.contains(at);
      if (!there)
        disk.make_unreadable(zone, page);
      else if (const Bytes bytes = Bytes(file.bytes).subspan(at, page_bytes); !all_zero(bytes))
        disk.write(zone, page, bytes);
    }
  }
  return disk;
}

// Groups 1 to 3, all of `voters` voters, and a metadata group without records.
class InspectedLog {
 public:
  explicit InspectedLog(u8 voters = 3, u32 ops = 20) : voters_(voters) {
    for (const GroupId group : {metadata_group, GroupId(1), GroupId(2), GroupId(3)}) groups_.push_back({group, voters});
    MemoryDisk disk(FileBytes::layout());
    std::vector<std::byte> zone(superblock_zone_bytes);
    format_superblock({cluster_of_tests, NodeId(1), Generation(1), ShardId(0), 1, inspected_limits()}, zone);
    disk.write(Zone::superblock, 0, zone);
    Slabs slabs(inspected_limits());
    std::vector<Chain> chains;
    for (u64 group = 1; group <= 3; ++group) chains.emplace_back(slabs, group);
    for (u64 life = 1; life <= 2; ++life) live(disk, chains, ops, life);
    file = bytes_of_disk(disk);
  }

  FileBytes file;

  RecoveryConfig recovery_config() const {
    RecoveryConfig config = recovery_config_of_tests(groups_, inspected_limits());
    config.generation = Generation(1);
    return config;
  }
  const std::vector<RecoveryConfig::Group>& groups() const { return groups_; }
  io::inspect::SurveyOptions options() const { return {groups_, 0, false, nullptr}; }
  io::Identity identity() const {
    return {cluster_of_tests, NodeId(1), Generation(1), 1, 0, inspected_limits().digest()};
  }

 private:
  void live(MemoryDisk& disk, std::vector<Chain>& chains, u32 ops, u64 number) const {
    Life life(disk, recovery_config());
    life.boot();
    check(life.done());
    life.open();
    if (voters_ > 1) {
      for (Chain& chain : chains)
        life.append(make_state(life, chain, 0, 0, number, std::min<std::size_t>(2, chain.headers.size())));
      life.settle();
    }
    for (u32 op = 0; op < ops; ++op) {
      for (Chain& chain : chains) life.append(chain.next(64 + 300 * (op % 5)));
      life.settle();
    }
    for (Chain& chain : chains) life.write(chain.next());  // the last of them isn't marked
    disk.forget_in_flight();
  }

  const u8 voters_;
  std::vector<RecoveryConfig::Group> groups_;
};

// A survey, and the target that it looks at.
struct Surveyed {
  io::inspect::Target target;
  io::inspect::Survey survey;

  Surveyed(const FileBytes& file, const io::inspect::SurveyOptions& options,
           std::optional<io::Identity> identity = std::nullopt) {
    target.file = "shard-000.log";
    target.image = std::make_unique<BytesImage>(file);
    target.identity = std::move(identity);
    survey = io::inspect::make_survey(target, options);
  }
};

}  // namespace keelson::test
