// Once it runs, the WAL allocates nothing: this program counts every operator new.
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

#include "keelson/store/wal.h"
#include "tests/lib/store/records.h"

namespace {

unsigned long allocations = 0;

// Not inlined: gcc would take malloc and free for mismatched with the library's new and delete.
[[gnu::noinline]] void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(size ? size : 1)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) std::abort();
  return memory;
}

[[gnu::noinline]] void give_back(void* memory) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

namespace keelson::test {
namespace {

TEST(WalAllocations, ThereAreNoneInSteadyState) {
  const Limits limits = Limits::tiny();
  Slabs slabs(limits);
  IoIds ids;
  Counters counters;
  EffectBag out(limits);
  Vec<StoredRecord> stored(std::size_t{limits.wal_batches_in_flight_max} * limits.wal_batch_records_max);
  Vec<LoadedRecord> loaded(limits.reads_in_flight_max);
  Wal wal({cluster_of_tests, ShardId(0), limits, Tunables::tiny()},
          {Incarnation(1), PageNo(0), 0, BatchNo(1), BatchNo(0), {}}, slabs, ids, counters);
  std::vector<MessageRef> records;
  for (u64 op = 1; op <= 20; ++op)
    records.push_back(make_prepare(slabs, {.op = Op(op), .body_size = static_cast<u32>(op * 300)}));

  const unsigned long before = allocations;
  u64 stored_count = 0;
  Instant now(0);
  for (u32 round = 0; round < 2'000; ++round) {
    const MessageRef& record = records[round % records.size()];
    const auto p = record.as<Prepare>();
    ASSERT_TRUE(wal.has_room(1, record.size()));
    if (wal.segments_used() > limits.wal_segments / 2) wal.free_before(wal.open_segment());
    wal.append({p.group, p.command, p.epoch, p.view, p.view, p.op, p.identity, 0, round % 3 == 0}, record);
    now = now + milliseconds(1);
    if (wal.deadline() <= now) wal.on_deadline(now, out);
    wal.seal_batch(now, out);
    for (std::size_t i = out.writes.size(); i-- > 0;) {  // in reverse: the disk is nobody's servant
      stored.clear();
      wal.on_completion(now, {IoKind::write, out.writes[i].id, IoStatus::ok}, stored, loaded, out);
      stored_count += stored.size();
    }
    out.clear();
    const bool reading = wal.load(p.group, p.op, p.identity, {PageNo(0), 0, record.size()}, 0, IoClass::repair, out);
    ASSERT_TRUE(reading);
    wal.on_completion(now, {IoKind::read, out.reads[0].id, IoStatus::io_error}, stored, loaded, out);
    loaded.clear();
    out.clear();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(stored_count, 1'900u);
}

TEST(WalAllocations, ThisTestCanFail) {
  const unsigned long before = allocations;
  const auto block = std::make_unique<int[]>(3);
  EXPECT_EQ(allocations, before + 1);
}

}  // namespace
}  // namespace keelson::test
