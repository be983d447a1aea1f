// The recovery table over all its inputs: each combination has one row, each row the fate that the table gives it.
#include "keelson/store/classify.h"

#include <gtest/gtest.h>

#include "keelson/store/rules.h"

namespace keelson {
namespace {

constexpr BatchMark marks[] = {BatchMark::marked, BatchMark::unmarked};
constexpr EntryState entries[] = {EntryState::ok, EntryState::old, EntryState::bad};
constexpr RecordState records[] = {RecordState::ok, RecordState::old, RecordState::bad};

// The table as it is written down: one predicate per row.
bool holds(int row, BatchMark mark, EntryState e, RecordState r) {
  const bool marked = mark == BatchMark::marked;
  const bool entry = e == EntryState::ok;
  const bool record = r == RecordState::ok;
  switch (row) {
    case 1:
      return entry && record;
    case 2:
      return !entry && record;
    case 3:
      return marked && entry && !record;
    case 4:
      return marked && !entry && !record;
    case 5:
      return !marked && r == RecordState::old;
    case 6:
      return !marked && e == EntryState::old && r == RecordState::bad;
    case 7:
      return !marked && entry && r == RecordState::bad;
    default:
      return !marked && e == EntryState::bad && r == RecordState::bad;
  }
}

TEST(Classify, ExactlyOneRowForEachCombination) {
  for (const BatchMark mark : marks)
    for (const EntryState e : entries)
      for (const RecordState r : records) {
        int matching = 0;
        for (int row = 1; row <= 8; ++row) matching += holds(row, mark, e, r);
        EXPECT_EQ(matching, 1);
        EXPECT_TRUE(holds(static_cast<int>(row_of(mark, e, r)), mark, e, r));
      }
}

TEST(Classify, TheFateOfEachRow) {
  using enum RecordFate;
  const RecordFate normal[] = {keep, keep, lost, amnesiac, drop, drop, suspect, head_unknown};
  const RecordFate strict[] = {keep, keep, lost, amnesiac, drop, drop, drop, drop};
  const RecordFate solo[] = {keep, keep, damaged, damaged, drop, drop, drop, drop};
  for (u8 row = 1; row <= 8; ++row) {
    EXPECT_EQ(fate_of(RecoveryRow{row}, RecordClass::normal), normal[row - 1]);
    EXPECT_EQ(fate_of(RecoveryRow{row}, RecordClass::strict), strict[row - 1]);
    EXPECT_EQ(fate_of(RecoveryRow{row}, RecordClass::solo), solo[row - 1]);
  }
}

TEST(Classify, EachRowHasItsMark) {
  EXPECT_EQ(mark_of(RecoveryRow::keep), Mark::recovery_row_1_keep);
  EXPECT_EQ(mark_of(RecoveryRow::lost), Mark::recovery_row_3_lost);
  EXPECT_EQ(mark_of(RecoveryRow::tail_unknown), Mark::recovery_row_8_head_unknown);
}

TEST(StoreRules, AboveTheHeadOnlyTheStampOfThePromiseCounts) {
  using store_rules::belongs_above_head;
  const store_rules::Promise normal{Epoch(2), View(4), View(4), Op(10)};
  EXPECT_TRUE(belongs_above_head(normal, Epoch(2), View(4)));
  EXPECT_FALSE(belongs_above_head(normal, Epoch(2), View(5)));
  EXPECT_FALSE(belongs_above_head(normal, Epoch(2), View(3)));
  EXPECT_FALSE(belongs_above_head(normal, Epoch(1), View(4)));
  EXPECT_FALSE(belongs_above_head(normal, Epoch(3), View(4)));
  const store_rules::Promise changing{Epoch(2), View(5), View(4), Op(10)};
  EXPECT_FALSE(belongs_above_head(changing, Epoch(2), View(4)));
  EXPECT_FALSE(belongs_above_head(changing, Epoch(2), View(5)));
}

TEST(StoreRules, OfSeveralRecordsTheBestCounts) {
  using enum RecordFate;
  const RecordFate order[] = {keep, lost, suspect, drop};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(store_rules::better(order[i], order[k]), i < k);
}

TEST(StoreRules, AMarkerSpeaksForItselfAndWhatIsBeforeIt) {
  EXPECT_EQ(store_rules::mark_of(BatchNo(4), BatchNo(4)), BatchMark::marked);
  EXPECT_EQ(store_rules::mark_of(BatchNo(5), BatchNo(4)), BatchMark::unmarked);
  EXPECT_TRUE(store_rules::bounds_loss(BatchNo(5), BatchNo(4)));
  EXPECT_FALSE(store_rules::bounds_loss(BatchNo(4), BatchNo(4)));  // within a batch nothing comes first
}

}  // namespace
}  // namespace keelson
