// A log of three groups, the third of one voter, whose pages a test damages by hand before the next start.
#pragma once

#include <gtest/gtest.h>
#include <optional>

#include "tests/kernel/store/recovery_rig.h"

namespace keelson::test {

inline constexpr RecoveryConfig::Group three_groups[] = {{GroupId(1), 3}, {GroupId(2), 3}, {GroupId(3), 1}};

// Bytes that recovery sees in a place and that are neither zero nor valid.
inline constexpr std::byte garbage{0x5a};

class DamagedLog : public testing::Test {
 protected:
  void SetUp() override { begin(); }

  Life& begin() {
    found.reset();
    life.reset();
    life = std::make_unique<Life>(disk, recovery_config_of_tests(three_groups));
    life->boot();
    EXPECT_TRUE(life->done());
    return *life;
  }
  // A batch of one record, stored; later pages will mark it.
  void write(const MessageRef& message, bool strict = false) { life->write(message, strict); }
  // As many batches as ops; the newest one isn't marked.
  void write_ops(Chain& of, u64 count) {
    for (u64 i = 0; i < count; ++i) write(of.next());
  }
  void mark_all() { life->settle(); }
  // The power goes; whatever is on the disk stays.
  const RecoveredGroup& recover(u64 group = 1) {
    disk.forget_in_flight();
    begin();
    found.emplace(life->take(group));
    return *found;
  }
  u64 hits(Mark mark) const { return life->counters[mark]; }

  // Damage. In the first life batch n has index page n - 1, all in segment 0.
  static u64 slot_of(u64 batch) { return (batch - 1) * page_bytes; }
  IndexReading index_of(u64 batch) const {
    const auto page = disk.read(Zone::index, slot_of(batch), page_bytes);
    return read_index_page(page.data(), page_seed(cluster_of_tests, ShardId(0)), Limits::tiny());
  }
  u64 page_of(u64 batch) const { return index_of(batch).head.first_page.raw() * page_bytes; }
  void spoil_entry(u64 batch) { disk.fill(Zone::index, slot_of(batch), page_bytes, garbage); }
  void erase_entry(u64 batch) { disk.fill(Zone::index, slot_of(batch), page_bytes, std::byte{0}); }
  void spoil_record(u64 batch) { disk.flip_bit(Zone::wal, page_of(batch) + stamp_bytes + header_size + 3); }
  void erase_record(u64 batch) { disk.fill(Zone::wal, page_of(batch), page_bytes, std::byte{0}); }
  void spoil_page(u64 batch) { disk.fill(Zone::wal, page_of(batch), page_bytes, garbage); }

  MemoryDisk disk = formatted_disk();
  Slabs pool{Limits::tiny()};
  std::unique_ptr<Life> life;
  std::optional<RecoveredGroup> found;  // of this life
  Chain chain{pool};
  Chain other{pool, 2};
  Chain solo{pool, 3};
};

inline bool is_whole(const LogEntry& entry) { return entry.has(log_bit::identity | log_bit::full | log_bit::stored); }
inline bool may_nack(const LogEntry& entry) {
  return !entry.has(log_bit::stored) && !entry.has(log_bit::lost) && !entry.has(log_bit::suspect);
}

}  // namespace keelson::test
