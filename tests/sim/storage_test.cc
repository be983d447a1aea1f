#include "keelson/sim/storage.h"

#include <bit>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace keelson::sim {
namespace {

constexpr DiskShape shape{.zone_bytes = {16 * page_bytes, 64 * page_bytes, 64 * page_bytes, 64 * page_bytes},
                          .writes_in_flight_max = 4,
                          .reads_in_flight_max = 4};

std::vector<std::byte> filled(u8 value, u64 pages = 1) {
  return std::vector<std::byte>(pages * page_bytes, std::byte{value});
}

struct Bench {
  explicit Bench(TapeSource source = SparseTape{})
      : tape(std::move(source)), disk(shape, pages, tape.stream("disk/0.0"), settings, faults) {}

  tl::expected<Disk::Accepted, Disk::Refused> write(u64 id, u64 page, const std::vector<std::byte>& bytes,
                                                    Zone zone = Zone::wal) {
    const Bytes part(bytes);
    return disk.submit(now, Write{.id = IoId(id), .zone = zone, .offset = page * page_bytes, .parts = {&part, 1}});
  }
  tl::expected<Disk::Accepted, Disk::Refused> read(u64 id, u64 page, std::vector<std::byte>& into,
                                                   Zone zone = Zone::wal) {
    return disk.submit(now, Read{.id = IoId(id), .zone = zone, .offset = page * page_bytes, .into = into});
  }
  std::vector<std::byte> media(u64 page) {
    std::vector<std::byte> bytes(page_bytes);
    disk.zone(Zone::wal).read(page * page_bytes, bytes);
    return bytes;
  }

  Instant now{1'000};
  PagePool pages;
  Tape tape;
  DiskSettings settings;
  FaultCounts faults;
  Disk disk;
};

TEST(Medium, HoldsWhatIsWrittenAndZerosElsewhere) {
  PagePool pool;
  Medium medium(pool, 1024 * page_bytes);
  auto content = filled(0, 2);
  content[10] = std::byte{7};
  content[page_bytes + 4095] = std::byte{9};
  medium.write(300 * page_bytes, content);
  std::vector<std::byte> back(4 * page_bytes, std::byte{0xff});
  EXPECT_TRUE(medium.read(299 * page_bytes, back));
  EXPECT_TRUE(all_zero(Bytes(back).first(page_bytes)));
  EXPECT_TRUE(equal(Bytes(back).subspan(page_bytes, 2 * page_bytes), content));
  EXPECT_TRUE(all_zero(Bytes(back).last(page_bytes)));
  EXPECT_EQ(medium.at(300)->length, 16) << "trailing zeros take no memory";
  medium.flip_bit(300 * page_bytes + 10, 0);
  EXPECT_TRUE(medium.read(299 * page_bytes, back));
  EXPECT_EQ(back[page_bytes + 10], std::byte{6});
  medium.spoil_sector(300 * page_bytes + 512);
  EXPECT_FALSE(medium.read(300 * page_bytes, MutableBytes(back).first(page_bytes)));
  medium.write(300 * page_bytes, filled(1));
  EXPECT_TRUE(medium.read(300 * page_bytes, MutableBytes(back).first(page_bytes))) << "rewriting heals";
  medium.wipe();
  EXPECT_TRUE(medium.read(300 * page_bytes, MutableBytes(back).first(page_bytes)));
  EXPECT_TRUE(all_zero(Bytes(back).first(page_bytes)));
}

TEST(Disk, AWriteIsVolatileUntilItCompletes) {
  Bench bench;
  const auto accepted = bench.write(1, 3, filled(0xaa));
  ASSERT_TRUE(accepted);
  EXPECT_TRUE(bench.disk.writing(Zone::wal));
  EXPECT_TRUE(all_zero(bench.media(3)));
  const Completion done = bench.disk.complete(accepted->slot);
  EXPECT_EQ(done.id, IoId(1));
  EXPECT_EQ(done.status, IoStatus::ok);
  EXPECT_EQ(bench.media(3), filled(0xaa));
  EXPECT_FALSE(bench.disk.writing(Zone::wal));
}

TEST(Disk, TakesTheBytesWhenTheWriteIsSubmitted) {
  Bench bench;
  auto bytes = filled(1);
  const auto accepted = bench.write(1, 0, bytes);
  bytes = filled(2);
  bench.disk.complete(accepted->slot);
  EXPECT_EQ(bench.media(0), filled(1));
}

TEST(Disk, GathersPartsOfAnySize) {
  Bench bench;
  const auto a = filled(1);
  const auto b = filled(2);
  const Bytes parts[] = {Bytes(a).first(100), Bytes(b).first(4000), Bytes(a).first(0), Bytes(b).first(4092)};
  const auto accepted =
      bench.disk.submit(bench.now, Write{.id = IoId(1), .zone = Zone::wal, .offset = 0, .parts = parts});
  ASSERT_TRUE(accepted);
  bench.disk.complete(accepted->slot);
  EXPECT_EQ(bench.media(0)[99], std::byte{1});
  EXPECT_EQ(bench.media(0)[100], std::byte{2});
  EXPECT_EQ(bench.media(1)[4095], std::byte{2});
}

TEST(Disk, RefusesWhatTheContractForbids) {
  Bench bench;
  auto two = filled(1, 2);
  ASSERT_TRUE(bench.write(1, 4, two));
  EXPECT_THAT(bench.write(2, 5, filled(2)).error(), testing::HasSubstr("overlaps"));
  EXPECT_TRUE(bench.write(3, 5, filled(2), Zone::index)) << "another zone";
  EXPECT_THAT(bench.read(4, 5, two).error(), testing::HasSubstr("overlaps"));
  EXPECT_THAT(bench.write(1, 9, filled(2)).error(), testing::HasSubstr("reuses the id"));
  EXPECT_THAT(bench.write(5, 63, two).error(), testing::HasSubstr("crosses the end"));
  std::vector<std::byte> odd(100);
  EXPECT_THAT(bench.write(6, 8, odd).error(), testing::HasSubstr("whole pages"));
  ASSERT_TRUE(bench.write(7, 10, filled(1)));
  ASSERT_TRUE(bench.write(8, 11, filled(1)));
  EXPECT_THAT(bench.write(9, 12, filled(1)).error(), testing::HasSubstr("operations in flight"));
  auto other = filled(0, 2);
  ASSERT_TRUE(bench.read(10, 20, two));
  EXPECT_TRUE(bench.read(11, 20, other)) << "two reads may overlap";
}

TEST(Disk, AProcessCrashLeavesWritesWholeOrNotAtAll) {
  u32 whole = 0;
  u32 lost = 0;
  for (u64 seed = 0; seed < 64; ++seed) {
    Bench bench(SeededTape{seed});
    bench.write(1, 0, filled(1));
    bench.write(2, 1, filled(2, 2));
    bench.disk.crash(CrashKind::process);
    EXPECT_EQ(bench.disk.writes_in_flight(), 0u);
    EXPECT_EQ(bench.media(1), bench.media(2));
    for (const auto& page : {bench.media(0), bench.media(1)}) {
      if (all_zero(page)) {
        ++lost;
      } else {
        ++whole;
        EXPECT_TRUE(page == filled(1) || page == filled(2));
      }
    }
    EXPECT_EQ(bench.faults[Fault::torn_write], 0u);
  }
  EXPECT_GT(whole, 30u);
  EXPECT_GT(lost, 30u);
}

TEST(Disk, APowerCrashTearsSectors) {
  u32 old_sectors = 0;
  u32 new_sectors = 0;
  u32 garbage = 0;
  u32 unreadable = 0;
  u64 torn = 0;
  for (u64 seed = 0; seed < 64; ++seed) {
    Bench bench(SeededTape{seed});
    bench.write(1, 0, filled(1));
    bench.disk.crash(CrashKind::power);
    torn += bench.faults[Fault::torn_write];
    const Page* page = bench.disk.zone(Zone::wal).at(0);
    const auto media = bench.media(0);
    for (u32 sector = 0; sector < sectors_per_page; ++sector) {
      const Bytes bytes = Bytes(media).subspan(sector * sector_bytes, sector_bytes);
      if ((page->unreadable >> sector) & 1) {
        ++unreadable;
      } else if (all_zero(bytes)) {
        ++old_sectors;
      } else if (equal(bytes, Bytes(filled(1)).first(sector_bytes))) {
        ++new_sectors;
      } else {
        ++garbage;
      }
    }
  }
  EXPECT_GT(torn, 50u);
  EXPECT_GT(old_sectors, 150u);
  EXPECT_GT(new_sectors, 150u);
  EXPECT_GT(garbage, 25u);
  EXPECT_GT(unreadable, 10u);
}

TEST(Disk, WholePagesTearAsWholesWhenTheDeviceWritesThemSo) {
  for (u64 seed = 0; seed < 32; ++seed) {
    Bench bench(SeededTape{seed});
    bench.settings.atomic_bytes = page_bytes;
    bench.write(1, 0, filled(1));
    bench.disk.crash(CrashKind::power);
    const Page* page = bench.disk.zone(Zone::wal).at(0);
    EXPECT_TRUE(page->unreadable == 0 || page->unreadable == 0xff);
    const bool old_or_new = all_zero(bench.media(0)) || bench.media(0) == filled(1);
    EXPECT_TRUE(old_or_new || bench.media(0)[0] != bench.media(0)[1]) << "or garbage all over";
  }
}

TEST(Disk, ATornWriteThatChangedNothingIsNotCounted) {
  Bench bench;  // quiet: every sector keeps its old bytes
  bench.write(1, 0, filled(1));
  bench.disk.crash(CrashKind::power);
  EXPECT_EQ(bench.faults[Fault::torn_write], 0u);
  EXPECT_EQ(bench.faults[Fault::lost_write], 1u);
  EXPECT_TRUE(all_zero(bench.media(0)));
}

TEST(Disk, AnUnreadableSectorFailsTheReadUntilItIsRewritten) {
  Bench bench;
  bench.disk.zone(Zone::wal).spoil_sector(5 * page_bytes);
  std::vector<std::byte> into(3 * page_bytes);
  const auto accepted = bench.read(1, 4, into);
  EXPECT_EQ(bench.disk.complete(accepted->slot).status, IoStatus::io_error);
  EXPECT_EQ(bench.faults[Fault::disk_read_error], 1u);
  bench.disk.complete(bench.write(2, 5, filled(3))->slot);
  const auto again = bench.read(3, 4, into);
  EXPECT_EQ(bench.disk.complete(again->slot).status, IoStatus::ok);
  EXPECT_EQ(into[page_bytes], std::byte{3});
}

TEST(Disk, IsSlowerWhenItLimps) {
  const auto time_of = [](u64 slow) {
    Bench bench(SeededTape{3});
    bench.settings.slow = slow;
    return bench.write(1, 0, filled(1))->done_at.since(bench.now).ns();
  };
  EXPECT_EQ(time_of(10), 10 * time_of(1));
  Bench bench(SeededTape{3});
  bench.disk.set_slow(10);
  EXPECT_EQ(bench.write(1, 0, filled(1))->done_at.since(bench.now).ns(), time_of(10));
  EXPECT_GT(bench.faults[Fault::slow_disk], 0u);
}

TEST(Disk, OneTurnSharesOneFlush) {
  Bench bench(SeededTape{5});
  bench.settings.write_mean = Duration();
  bench.disk.begin_turn();
  const auto first = bench.write(1, 0, filled(1))->done_at;
  EXPECT_EQ(bench.write(2, 1, filled(1))->done_at, first);
  bench.disk.begin_turn();
  EXPECT_NE(bench.write(3, 2, filled(1))->done_at, first);
}

TEST(Disk, AFailedWriteSaysSoAndLeavesAnything) {
  Bench bench(SeededTape{1});
  bench.settings.write_error_ppm = 1'000'000;
  const auto accepted = bench.write(1, 0, filled(1));
  EXPECT_EQ(bench.disk.complete(accepted->slot).status, IoStatus::io_error);
  EXPECT_EQ(bench.faults[Fault::disk_write_error], 1u);
  EXPECT_EQ(bench.disk.writes_in_flight(), 0u);
}

// --- damage

u64 bits_that_differ(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  u64 bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i) bits += static_cast<u64>(std::popcount(std::to_integer<u8>(a[i] ^ b[i])));
  return bits;
}

TEST(DiskDamage, ALatentErrorStaysUntilItsPageIsWrittenAgain) {
  Bench bench(SeededTape{1});
  bench.disk.complete(bench.write(1, 5, filled(1))->slot);
  bench.settings.lse_ppm = 1'000'000;
  std::vector<std::byte> into(8 * page_bytes);
  EXPECT_EQ(bench.disk.complete(bench.read(2, 0, into)->slot).status, IoStatus::io_error);
  EXPECT_EQ(bench.faults[Fault::latent_error], 1u) << "of the pages that were written";
  bench.settings.lse_ppm = 0;
  auto one = filled(0);
  EXPECT_EQ(bench.disk.complete(bench.read(3, 5, one)->slot).status, IoStatus::io_error);
  EXPECT_TRUE(bench.disk.hurt());
  bench.disk.complete(bench.write(4, 5, filled(1))->slot);
  EXPECT_EQ(bench.disk.complete(bench.read(5, 5, one)->slot).status, IoStatus::ok);
}

TEST(DiskDamage, RotFlipsOneToEightBitsOfWhatWasWritten) {
  for (u64 seed = 0; seed < 32; ++seed) {
    Bench bench(SeededTape{seed});
    EXPECT_FALSE(bench.disk.rot()) << "nothing was written yet";
    EXPECT_FALSE(bench.disk.hurt());
    bench.disk.complete(bench.write(1, 5, filled(1))->slot);
    bench.settings.damage_zone = DamageZone::wal;
    EXPECT_TRUE(bench.disk.rot());
    const u64 bits = bits_that_differ(bench.media(5), filled(1));
    EXPECT_LE(bits, 8u);
    EXPECT_EQ(bench.faults[Fault::bit_rot], 1u);
    EXPECT_EQ(bench.disk.take_damage().size(), 1u);
    EXPECT_TRUE(bench.disk.take_damage().empty());
  }
}

TEST(DiskDamage, AReadFlipIsGoneTheNextTime) {
  Bench bench(SeededTape{1});
  bench.disk.complete(bench.write(1, 5, filled(1))->slot);
  bench.settings.read_flip_ppm = 1'000'000;
  auto into = filled(0);
  EXPECT_EQ(bench.disk.complete(bench.read(2, 5, into)->slot).status, IoStatus::ok);
  EXPECT_NE(into, filled(1));
  EXPECT_EQ(bench.media(5), filled(1));
  EXPECT_EQ(bench.faults[Fault::read_flip], 1u);
}

TEST(DiskDamage, AMisdirectedReadGetsOtherPagesOnce) {
  Bench bench(SeededTape{1});
  bench.disk.complete(bench.write(1, 5, filled(1))->slot);
  bench.disk.complete(bench.write(2, 9, filled(2))->slot);
  bench.settings.misdirect_read_ppm = 1'000'000;
  auto into = filled(0);
  for (u64 id = 3; bench.faults[Fault::misdirected_read] == 0; ++id)
    EXPECT_EQ(bench.disk.complete(bench.read(id, 5, into)->slot).status, IoStatus::ok);
  EXPECT_EQ(into, filled(2));
  EXPECT_EQ(bench.media(5), filled(1));
}

// A batch as the kernel writes it: a page of the log, then one of the index, and it hears of both.
struct Log : Bench {
  using Bench::Bench;
  void batch(u8 value, bool hears = true) {
    disk.begin_turn();
    const auto record = write(++id, value, filled(value));
    const auto entry = write(++id, value, filled(value), Zone::index);
    disk.complete(record->slot);
    disk.complete(entry->slot);
    if (!hears) return;
    disk.learned(IoId(id - 1));
    disk.learned(IoId(id));
  }
  u64 id = 0;
};

TEST(DiskDamage, AWriteIsRevertedOnceALaterOneHasMarkedIt) {
  Log log(SeededTape{1});
  log.settings.revert_ppm = 1'000'000;
  log.settings.damage_zone = DamageZone::wal;
  log.batch(1);
  EXPECT_EQ(log.media(1), filled(1)) << "nothing marks it yet";
  log.batch(2);
  EXPECT_TRUE(all_zero(log.media(1)));
  EXPECT_EQ(log.media(2), filled(2));
  EXPECT_EQ(log.faults[Fault::reverted_write], 1u);
  EXPECT_TRUE(log.disk.hurt());
}

// Of twelve batches, each a page of both zones: how many of the newest ones rot at a crash, by zone.
struct RottenTail : Log {
  explicit RottenTail(u64 seed) : Log(SeededTape{seed}) {
    for (u8 value = 1; value <= 12; ++value) batch(value);
    settings.rot_tail_ppm = 1'000'000;
  }
  // From the newest one on, without a gap.
  u64 rotten(Zone zone) {
    u64 depth = 0;
    for (u64 page = 12; page > 0; --page) {
      const bool whole = media_of(zone, page) == filled(static_cast<u8>(page));
      if (whole) continue;
      EXPECT_EQ(depth, 12 - page) << "an older one than that is whole";
      ++depth;
    }
    return depth;
  }
  std::vector<std::byte> media_of(Zone zone, u64 page) {
    std::vector<std::byte> bytes(page_bytes);
    disk.zone(zone).read(page * page_bytes, bytes);
    return bytes;
  }
};

TEST(DiskDamage, WhatTheLogGotLastRotsAtACrash) {
  std::set<u64> depths;
  for (u64 seed = 0; seed < 32; ++seed) {
    RottenTail tail(seed);
    EXPECT_EQ(tail.rotten(Zone::wal) + tail.rotten(Zone::index), 0u);
    tail.disk.crash(seed % 2 == 0 ? CrashKind::power : CrashKind::process);
    for (const Zone zone : {Zone::wal, Zone::index}) {
      const u64 depth = tail.rotten(zone);
      EXPECT_GE(depth, 1u);
      EXPECT_LE(depth, 4u);
      depths.insert(depth);
    }
    EXPECT_EQ(tail.faults[Fault::rotten_tail], tail.rotten(Zone::wal) + tail.rotten(Zone::index));
    EXPECT_TRUE(tail.disk.hurt());
  }
  EXPECT_EQ(depths.size(), 4u);
}

TEST(DiskDamage, AWeakTailComesBackUnlessItWasWrittenAnew) {
  for (u64 seed = 0; seed < 8; ++seed) {
    RottenTail tail(seed);
    tail.settings.rot_tail_ppm = 0;
    tail.settings.weak_tail_ppm = 1'000'000;
    tail.disk.crash(CrashKind::process);
    EXPECT_GE(tail.rotten(Zone::wal), 1u);
    EXPECT_GE(tail.rotten(Zone::index), 1u);
    EXPECT_EQ(tail.faults[Fault::weak_tail], tail.rotten(Zone::wal) + tail.rotten(Zone::index));
    tail.settings.weak_tail_ppm = 0;
    const bool anew = seed % 2 == 0;
    if (anew) tail.disk.complete(tail.write(++tail.id, 12, filled(99))->slot);
    tail.disk.crash(CrashKind::process);
    EXPECT_EQ(tail.media_of(Zone::wal, 12), filled(anew ? 99 : 12));
    for (u64 page = 1; page < 12; ++page) EXPECT_EQ(tail.media_of(Zone::wal, page), filled(static_cast<u8>(page)));
  }
}

TEST(DiskDamage, ARottenTailKeepsToItsZone) {
  RottenTail tail(3);
  tail.settings.damage_zone = DamageZone::index;
  tail.disk.crash(CrashKind::power);
  EXPECT_EQ(tail.rotten(Zone::wal), 0u);
  EXPECT_GE(tail.rotten(Zone::index), 1u);
}

TEST(DiskDamage, WhatTheProcessHasNotHeardOfIsNotMarked) {
  Log log(SeededTape{1});
  log.settings.revert_ppm = 1'000'000;
  log.batch(1, false);
  log.batch(2);
  EXPECT_EQ(log.media(1), filled(1));
  log.disk.crash(CrashKind::power);
  log.batch(3);
  log.batch(4);
  EXPECT_EQ(log.media(1), filled(1)) << "nor by a later life";
}

TEST(DiskDamage, AMisdirectedWriteLiesOverAMarkedOne) {
  Log log(SeededTape{1});
  log.settings.damage_zone = DamageZone::wal;
  log.batch(1);
  log.settings.misdirect_write_ppm = 1'000'000;
  log.batch(2);
  log.batch(3);
  EXPECT_EQ(log.media(1), filled(2));
  EXPECT_TRUE(all_zero(log.media(2)));
  EXPECT_EQ(log.media(3), filled(3));
  EXPECT_EQ(log.faults[Fault::misdirected_write], 1u);
}

TEST(DiskDamage, ALostFlushTakesOnlyWhatNothingMarks) {
  u64 lost = 0;
  for (u64 seed = 0; seed < 16; ++seed) {
    Log log(SeededTape{seed});
    log.settings.lost_flush_ppm = 1'000'000;
    log.batch(1);
    log.batch(2);
    log.disk.crash(CrashKind::process);
    EXPECT_EQ(log.media(2), filled(2)) << "the operating system still had it";
    log.batch(3);
    log.disk.crash(CrashKind::power);
    EXPECT_EQ(log.media(1), filled(1));
    EXPECT_EQ(log.media(2), filled(2));
    EXPECT_TRUE(log.media(3) == filled(3) || all_zero(log.media(3)));
    lost += log.faults[Fault::lost_flush];
  }
  EXPECT_GT(lost, 0u);
}

TEST(DiskDamage, AfterAFailedWriteEverythingFailsUntilTheProcessIsGone) {
  Bench bench(SeededTape{1});
  const auto good = bench.write(1, 0, filled(1));
  bench.settings.write_error_ppm = 1'000'000;
  const auto bad = bench.write(2, 1, filled(1));
  bench.settings.write_error_ppm = 0;
  EXPECT_EQ(bench.disk.complete(bad->slot).status, IoStatus::io_error);
  EXPECT_EQ(bench.disk.complete(good->slot).status, IoStatus::io_error);
  auto into = filled(0);
  EXPECT_EQ(bench.disk.complete(bench.read(3, 7, into)->slot).status, IoStatus::io_error);
  EXPECT_EQ(bench.faults[Fault::disk_write_error], 1u);
  bench.disk.crash(CrashKind::process);
  EXPECT_EQ(bench.disk.complete(bench.write(4, 2, filled(1))->slot).status, IoStatus::ok);
}

TEST(DiskDamage, AnImageBringsTheWholeDiskBack) {
  Bench bench;
  bench.disk.complete(bench.write(1, 3, filled(1))->slot);
  bench.disk.save_image();
  bench.disk.complete(bench.write(2, 3, filled(2))->slot);
  bench.disk.complete(bench.write(3, 4, filled(2))->slot);
  bench.disk.crash(CrashKind::process);
  bench.disk.restore_image();
  EXPECT_EQ(bench.media(3), filled(1));
  EXPECT_TRUE(all_zero(bench.media(4)));
  EXPECT_FALSE(bench.disk.has_image());
  bench.disk.wipe();
  EXPECT_TRUE(all_zero(bench.media(3)));
}

TEST(DiskDamage, HitsOneSuperblockCopyAtATime) {
  Bench bench(SeededTape{1});
  bench.settings.damage_zone = DamageZone::superblock;
  bench.disk.complete(bench.write(1, 0, filled(1), Zone::superblock)->slot);
  EXPECT_TRUE(bench.disk.rot());
  bench.disk.complete(bench.write(2, 1, filled(1), Zone::superblock)->slot);
  for (int i = 0; i < 50; ++i) bench.disk.rot();
  std::vector<std::byte> second(page_bytes);
  bench.disk.zone(Zone::superblock).read(page_bytes, second);
  EXPECT_EQ(second, filled(1));
  EXPECT_GT(bench.faults[Fault::damage_vetoed], 0u);
}

}  // namespace
}  // namespace keelson::sim
