// Loading: a record that was stored comes back as it was, or not at all.
#include <gtest/gtest.h>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

class WalLoad : public testing::Test {
 protected:
  WalLoad() {
    rig.append(3000);
    record = rig.append(7000);
    rig.seal();
    rig.complete_all();
    place = rig.place_of(record);
  }
  LoadedRecord load() {
    EXPECT_TRUE(rig.load(record, place));
    rig.complete();
    EXPECT_EQ(rig.loaded.size(), 1u);
    return std::move(rig.loaded[0]);
  }

  WalRig rig;
  MessageRef record;
  RecordPlace place;
};

TEST_F(WalLoad, ReturnsTheSameBytes) {
  const auto loaded = load();
  ASSERT_TRUE(loaded.ok);
  EXPECT_TRUE(equal(loaded.message.bytes(), record.bytes()));
  EXPECT_EQ(loaded.op, Op(2));
  EXPECT_EQ(loaded.purpose, 77u);
  EXPECT_EQ(loaded.group, GroupId(1));
}

TEST_F(WalLoad, FindsEveryKindOfDamage) {
  const auto clean = rig.disk.snapshot();
  const u64 at = wal_offset(rig.limits, place.page);
  const auto damaged = [&](auto damage) {
    rig.disk = clean;
    damage(rig.disk);
    const auto loaded = load();
    return !loaded.ok && !loaded.message;
  };
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + page_bytes + 3); }));                   // a stamp
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + stamp_bytes + place.offset + 60); }));  // header
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.flip_bit(Zone::wal, at + page_bytes + 900); }));                 // body
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.fill(Zone::wal, at + page_bytes, 512, std::byte{0}); }));
  EXPECT_TRUE(damaged([&](MemoryDisk& d) { d.make_unreadable(Zone::wal, at + page_bytes); }));
  EXPECT_TRUE(damaged([&](MemoryDisk& d) {  // misdirected
    d.write(Zone::wal, at + page_bytes, d.read(Zone::wal, at, page_bytes));
  }));
  rig.disk = clean;
  EXPECT_TRUE(load().ok);
}

TEST_F(WalLoad, AnotherRecordThanAskedForIsNotIt) {
  const auto p = record.as<Prepare>();
  const auto ask = [&](GroupId group, Op op, Digest identity) {
    EXPECT_TRUE(rig.wal->load(group, op, identity, place, 1, IoClass::repair, rig.out));
    rig.disk.submit(rig.out);
    rig.out.clear();
    rig.complete();
    return bool{rig.loaded[0].ok};
  };
  EXPECT_TRUE(ask(p.group, p.op, p.identity));
  EXPECT_FALSE(ask(GroupId(2), p.op, p.identity));
  EXPECT_FALSE(ask(p.group, p.op + 1, p.identity));
  EXPECT_FALSE(ask(p.group, p.op, p.parent));
}

TEST_F(WalLoad, AtTheLimitOfReadsNothingIsEmitted) {
  for (u32 i = 0; i < rig.limits.reads_in_flight_max; ++i) EXPECT_TRUE(rig.load(record, place));
  EXPECT_FALSE(rig.load(record, place));
  rig.complete(2);
  EXPECT_TRUE(rig.loaded[0].ok);
  EXPECT_TRUE(rig.load(record, place));
  rig.complete_all();
}

TEST_F(WalLoad, WantOfMemoryIsNoDamage) {
  std::vector<MessageRef> hoard;
  while (Slab* slab = rig.slabs.acquire(record.size())) hoard.emplace_back(slab);
  EXPECT_FALSE(rig.load(record, place));
  hoard.pop_back();
  EXPECT_TRUE(load().ok);
}

TEST_F(WalLoad, APoisonedWalStillServes) {
  rig.append();
  rig.seal();
  rig.complete_only(0, IoStatus::io_error);
  rig.complete();
  EXPECT_TRUE(load().ok);
}

}  // namespace
}  // namespace keelson::test
