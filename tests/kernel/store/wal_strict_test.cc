// Records that count only when they are marked, for as long as somebody wants it, and what the heads say of it.
#include <gtest/gtest.h>

#include "tests/kernel/store/wal_rig.h"

namespace keelson::test {
namespace {

class WalStrict : public testing::Test {
 protected:
  bool says_strict(u32 slot) { return (rig.index_of()[slot].head.flags & head_flag::strict_behind) != 0; }
  bool entry_strict(u32 slot) {
    const auto page = rig.disk.read(Zone::index, u64{slot} * page_bytes, page_bytes);
    return (index_entry(page.data(), 0).flags & index_flag::strict) != 0;
  }
  MessageRef write(bool to_the_end = true) {
    const auto message = rig.append();
    rig.seal();
    if (to_the_end) rig.complete_all();
    return message;
  }

  WalRig rig;
};

TEST_F(WalStrict, ARecordCountsWhenItIsMarkedAndTheHeadsSaySo) {
  write();
  rig.wal->want_strict(true);
  const auto b = rig.append();
  rig.seal();
  rig.complete_only(0);
  rig.complete_only(0);
  EXPECT_FALSE(rig.is_stored(b)) << "written, not marked";
  rig.seal();
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(b));
  EXPECT_FALSE(says_strict(0));
  EXPECT_TRUE(says_strict(1));
  EXPECT_TRUE(says_strict(2)) << "the lone marker";
  EXPECT_FALSE(entry_strict(0));
  EXPECT_TRUE(entry_strict(1));
}

// What is behind the batch is strict, not what is in it.
TEST_F(WalStrict, ARecordThatWasTakenBeforeStaysAsItWas) {
  const auto a = rig.append();
  rig.wal->want_strict(true);
  rig.seal();
  rig.complete_only(0);
  rig.complete_only(0);
  EXPECT_TRUE(rig.is_stored(a));
  EXPECT_FALSE(entry_strict(0));
  EXPECT_TRUE(says_strict(0));
}

// A lone marker takes the number of the open batch, which then lies behind it.
TEST_F(WalStrict, AMarkerDoesNotSpeakForARecordThatWasTakenBeforeAndWaitsBehindIt) {
  for (u32 i = 0; i < rig.limits.wal_batches_in_flight_max; ++i) {
    rig.append(64, true);
    rig.seal();
  }
  const auto waits = rig.append();  // no slot is free
  rig.seal();
  rig.wal->want_strict(true);
  rig.complete_only(0);
  rig.complete_only(0);
  rig.seal();  // its mark is waited for, and no slot is free for anything else
  rig.complete_all();
  EXPECT_TRUE(rig.is_stored(waits));
  const auto index = rig.index_of();
  bool marker_before = false;
  for (u32 slot = 0; slot < index.size() && index[slot].state == PageState::ok; ++slot) {
    marker_before = marker_before || index[slot].head.count == 0;
    if (index[slot].head.count == 1 && !entry_strict(slot)) {
      EXPECT_TRUE(marker_before);
      for (u32 before = 0; before < slot; ++before) EXPECT_FALSE(says_strict(before)) << before;
      EXPECT_TRUE(says_strict(slot));
      return;
    }
  }
  FAIL() << "the record that isn't strict";
}

TEST_F(WalStrict, ItEndsWhenTheSuperblockNamesABatchThatDoesNotSaySo) {
  rig.wal->want_strict(true);
  write();
  rig.wal->want_strict(false);
  EXPECT_FALSE(rig.wal->wants_superblock()) << "there is no such batch";
  write();  // batch 3, behind a lone marker; and batch 4 marks it
  EXPECT_TRUE(entry_strict(2));
  EXPECT_FALSE(says_strict(2));
  ASSERT_TRUE(rig.wal->wants_superblock());
  rig.wal->on_superblock(BatchNo(2));  // it does say so
  write();
  EXPECT_TRUE(rig.wal->is_strict());
  EXPECT_TRUE(entry_strict(4));
  rig.wal->on_superblock(rig.wal->marked());
  EXPECT_FALSE(rig.wal->wants_superblock());
  rig.seal();
  EXPECT_FALSE(rig.wal->is_strict());
  write();
  EXPECT_FALSE(entry_strict(6));
}

TEST_F(WalStrict, WantedAgainBeforeTheEndItGoesOn) {
  rig.wal->want_strict(true);
  write();
  rig.wal->want_strict(false);
  write();
  const BatchNo named = rig.wal->marked();
  rig.wal->want_strict(true);
  write();
  rig.wal->on_superblock(named);
  rig.seal();
  EXPECT_TRUE(rig.wal->is_strict());
  rig.wal->want_strict(false);
  write();
  rig.wal->on_superblock(named);  // of the time before
  rig.seal();
  EXPECT_TRUE(rig.wal->is_strict());
  EXPECT_TRUE(rig.wal->wants_superblock());
}

TEST(WalStrictAck, HoldsFromTheFirstBatchAndForGood) {
  Tunables tunables = Tunables::tiny();
  tunables.strict_ack = true;
  WalRig rig(Limits::tiny(), tunables);
  rig.wal->want_strict(false);
  rig.append();
  rig.seal();
  rig.complete_all();
  EXPECT_TRUE(rig.wal->is_strict());
  EXPECT_EQ(rig.index_of()[0].head.flags, head_flag::strict_behind);
  rig.wal->on_superblock(rig.wal->marked());
  rig.seal();
  EXPECT_TRUE(rig.wal->is_strict());
}

}  // namespace
}  // namespace keelson::test
