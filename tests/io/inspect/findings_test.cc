// verify: damage in each zone is found, named, placed, and told apart from what a crash leaves.
#include "keelson/io/inspect/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/records.h"
#include "tests/io/inspect/inspected_log.h"

namespace keelson::io::inspect {
namespace {

using test::FileBytes;
using test::InspectedLog;
using test::Life;
using test::MemoryDisk;
using test::Surveyed;
using testing::HasSubstr;

class FindingsTest : public testing::Test {
 protected:
  static const InspectedLog& log() {
    static const InspectedLog made;
    return made;
  }
  void look() {
    surveyed_.emplace(file_, log().options(), log().identity());
    findings_.emplace(find_all(surveyed_->survey, 5));
  }
  u64 count(Finding finding) const { return findings_->count(finding); }
  const FindingPlace& first(Finding finding) const { return findings_->places(finding).at(0); }
  int code() const { return exit_code_of(surveyed_->survey, *findings_); }
  // The i-th record of the whole log.
  RecordPlace place_of_record(std::size_t i) {
    look();
    return records_of(surveyed_->survey).at(i).record->place;
  }
  u64 byte_of(const RecordPlace& place) const { return file_offset_of(surveyed_->survey, place); }

  FileBytes file_ = log().file;
  std::optional<Surveyed> surveyed_;
  std::optional<Findings> findings_;
};

TEST_F(FindingsTest, AWholeFileHasNone) {
  look();
  EXPECT_EQ(code(), exit_code::done);
  for (std::size_t i = 0; i < static_cast<std::size_t>(Finding::count); ++i)
    EXPECT_EQ(count(static_cast<Finding>(i)), 0u) << name_of(static_cast<Finding>(i));
  EXPECT_EQ(records_of(surveyed_->survey).size(), 3u * 42 + 6) << "and every promise";
}

TEST_F(FindingsTest, ABitOfASuperblockCopy) {
  file_.flip(superblock_offset(2) + 200);
  look();
  EXPECT_EQ(code(), exit_code::operation_failed);
  EXPECT_EQ(count(Finding::superblock_copy), 1u);
  EXPECT_EQ(first(Finding::superblock_copy).file_offset, superblock_offset(2));
  EXPECT_EQ(first(Finding::superblock_copy).what, "copy 2 damaged");
}

TEST_F(FindingsTest, TwoCopiesDestroyedAndThree) {
  file_.spoil_copy(0);
  file_.spoil_copy(3);
  look();
  EXPECT_EQ(code(), exit_code::operation_failed);
  EXPECT_EQ(count(Finding::superblock_copy), 2u);
  file_.spoil_copy(1);
  look();
  EXPECT_EQ(code(), exit_code::bad_data);
  EXPECT_EQ(count(Finding::superblock), 1u);
}

TEST_F(FindingsTest, ABitOfADurableRecordIsLost) {
  const RecordPlace place = place_of_record(10);
  file_.flip(byte_of(place) + 300);
  look();
  EXPECT_EQ(code(), exit_code::operation_failed);
  ASSERT_EQ(count(Finding::record_lost), 1u);
  EXPECT_EQ(first(Finding::record_lost).file_offset, byte_of(place));
  EXPECT_THAT(first(Finding::record_lost).what, HasSubstr("prepare of group "));
  EXPECT_THAT(first(Finding::record_lost).what, HasSubstr("its bytes do not hold: body"));
  EXPECT_EQ(count(Finding::group_ops_lost), 1u);
}

TEST_F(FindingsTest, ABitOfAStamp) {
  const RecordPlace place = place_of_record(10);
  const u64 page = file_.at(Zone::wal, wal_offset(test::inspected_limits(), place.page));
  file_.flip(page + 3);
  look();
  EXPECT_GE(count(Finding::record_lost), 1u);
  EXPECT_EQ(first(Finding::record_lost).file_offset, page);
  EXPECT_THAT(first(Finding::record_lost).what, HasSubstr("stamp whose check does not hold"));
}

TEST_F(FindingsTest, AZeroedWalPage) {
  const RecordPlace place = place_of_record(10);
  file_.zero_page(Zone::wal, place.page.raw());
  look();
  EXPECT_GE(count(Finding::record_lost), 1u);
  EXPECT_THAT(first(Finding::record_lost).what, HasSubstr("was never written, or zeroed"));
}

TEST_F(FindingsTest, AnUnreadablePage) {
  const RecordPlace place = place_of_record(10);
  const u64 page = file_.at(Zone::wal, wal_offset(test::inspected_limits(), place.page));
  file_.unreadable.insert(page);
  look();
  EXPECT_EQ(count(Finding::unreadable), 1u);
  EXPECT_EQ(first(Finding::unreadable).file_offset, page);
  EXPECT_THAT(first(Finding::record_lost).what, HasSubstr("can't be read"));
}

TEST_F(FindingsTest, AnIndexPageIsDamagedAndItsRecordsAreNot) {
  file_.flip(file_.at(Zone::index, 4 * page_bytes) + 70);
  look();
  EXPECT_EQ(code(), exit_code::operation_failed);
  EXPECT_EQ(count(Finding::index_page), 1u);
  EXPECT_EQ(first(Finding::index_page).file_offset, file_.at(Zone::index, 4 * page_bytes));
  EXPECT_EQ(first(Finding::index_page).zone, Zone::index);
  EXPECT_GE(count(Finding::record_unindexed), 1u);
  EXPECT_EQ(count(Finding::record_lost), 0u);
}

TEST_F(FindingsTest, AnIndexPageAndItsRecordsAreGone) {
  look();
  const BatchFact batch = surveyed_->survey.run->recovery().facts().batches[6];
  ASSERT_GT(batch.page_count, 0u);
  file_.fill(file_.at(Zone::index, batch.first_slot * page_bytes), page_bytes, std::byte{0x5a});
  for (u32 i = 0; i < batch.page_count; ++i)
    file_.fill(file_.at(Zone::wal, (batch.first_page.raw() + i) * page_bytes), page_bytes, std::byte{0x5a});
  look();
  EXPECT_EQ(count(Finding::content_lost), 1u);
  EXPECT_EQ(count(Finding::index_page), 1u);
  EXPECT_EQ(count(Finding::wal_page), batch.page_count);
}

// The newest batch is not marked: nothing proves that it was durable.
TEST_F(FindingsTest, DamageInTheTailIsToldApart) {
  look();
  const Recovery& recovery = surveyed_->survey.run->recovery();
  const BatchFact tail = recovery.facts().batches.back();
  ASSERT_EQ(recovery.history()->mark_of(tail.no), BatchMark::unmarked);
  FileBytes whole = file_;
  file_.fill(file_.at(Zone::wal, tail.first_page.raw() * page_bytes), page_bytes, std::byte{0x5a});
  look();
  EXPECT_EQ(count(Finding::record_suspect), 1u);
  EXPECT_EQ(code(), exit_code::operation_failed);

  file_ = whole;
  file_.zero_page(Zone::wal, tail.first_page.raw());
  look();
  EXPECT_EQ(count(Finding::torn), 1u);
  EXPECT_EQ(code(), exit_code::done) << "a crash leaves that";
}

TEST_F(FindingsTest, BytesWhereThereShouldBeZeros) {
  const u64 behind_copy = superblock_offset(1) + superblock_copy_bytes + 17;
  const u64 behind_log = file_.at(Zone::checkpoint, 0) - 17;
  file_.flip(behind_copy);
  file_.flip(behind_log);
  look();
  EXPECT_EQ(count(Finding::stray), 2u);
  EXPECT_EQ(code(), exit_code::done);
}

// A start stops where segments in a row were never written, if the last life began before them, and would not see what
// lies behind.
TEST_F(FindingsTest, WholePagesBehindTheEnd) {
  file_ = InspectedLog(3, 60).file;
  look();
  const Limits limits = test::inspected_limits();
  const u64 used = segment_of(limits, surveyed_->survey.run->recovery().log_end().next_page) + 1;
  ASSERT_GT(used, 5u) << "the log is long enough for a hole";
  for (u64 segment = 0; segment + 1 < used; ++segment) {
    file_.fill(file_.at(Zone::wal, segment * limits.wal_segment_pages * page_bytes),
               limits.wal_segment_pages * page_bytes, std::byte{0});
    file_.fill(file_.at(Zone::index, segment * limits.index_pages_per_segment * page_bytes),
               limits.index_pages_per_segment * page_bytes, std::byte{0});
  }
  look();
  EXPECT_GT(count(Finding::pages_behind_end), 0u);
  EXPECT_EQ(code(), exit_code::operation_failed);
}

// A peer gave the record back: it lies elsewhere, its old place stays as it is.
TEST_F(FindingsTest, WhatWasMadeGoodIsNoDamageAnyMore) {
  look();
  const auto rows = records_of(surveyed_->survey);
  const RecordPlace place = rows.at(10).record->place;
  ASSERT_EQ(pages_of(place), 1u);
  const Bytes record = Bytes(file_.bytes).subspan(byte_of(place), place.size);
  MemoryDisk disk = test::disk_of_bytes(file_);
  {
    Life life(disk, log().recovery_config());
    life.boot();
    life.open();
    MessageRef copy(life.slabs.acquire(place.size));
    std::copy(record.begin(), record.end(), copy.mutable_data());
    life.append(copy);
    life.settle();
  }
  file_ = test::bytes_of_disk(disk);
  file_.flip(byte_of(place) + 300);
  look();
  EXPECT_EQ(count(Finding::settled), 1u);
  EXPECT_EQ(code(), exit_code::done);
}

// Nothing depends on a marker of which later ones say the same.
TEST_F(FindingsTest, ALoneMarker) {
  look();
  const auto& batches = surveyed_->survey.run->recovery().facts().batches;
  const auto marker = std::find_if(batches.begin(), batches.end(), [](const auto& b) { return b.page_count == 0; });
  ASSERT_NE(marker, batches.end());
  const u64 at = file_.at(Zone::index, marker->first_slot * page_bytes);
  file_.flip(at + 1);
  look();
  EXPECT_EQ(count(Finding::settled), 1u);
  EXPECT_EQ(first(Finding::settled).file_offset, at);
}

// The last op of the first life was never marked; all that the second one wrote stands on it.
TEST_F(FindingsTest, OneVotersOpBelowDurableOnesIsGone) {
  const InspectedLog one(1);
  FileBytes file = one.file;
  const Surveyed whole(file, one.options(), one.identity());
  for (const RecordRow& row : records_of(whole.survey)) {
    if (row.record->op != Op(21) || row.group != GroupId(3)) continue;
    ASSERT_EQ(row.mark, BatchMark::unmarked);
    file.zero_page(Zone::wal, row.record->place.page.raw());
  }
  const Surveyed hurt(file, one.options(), one.identity());
  const Findings findings = find_all(hurt.survey, 5);
  EXPECT_EQ(exit_code_of(hurt.survey, findings), exit_code::operation_failed);
  EXPECT_GT(findings.count(Finding::records_above_gap) + findings.count(Finding::group_log_damaged), 0u);
}

// No group is known then, unless a configuration names it.
TEST_F(FindingsTest, ALogOfNothingButGarbageIsNotWhole) {
  file_.fill(superblock_zone_bytes, file_.bytes.size() - superblock_zone_bytes, std::byte{0x5a});
  look();
  EXPECT_EQ(code(), exit_code::operation_failed);
  EXPECT_EQ(count(Finding::group_amnesiac), 4u);
  const Surveyed unknown(file_, {}, log().identity());
  const Findings findings = find_all(unknown.survey, 5);
  EXPECT_EQ(findings.count(Finding::content_lost), 1u);
  EXPECT_GT(findings.count(Finding::index_page), 0u);
  EXPECT_EQ(exit_code_of(unknown.survey, findings), exit_code::operation_failed);
}

TEST_F(FindingsTest, AFileThatIsTooLong) {
  file_.bytes.resize(file_.bytes.size() + 10);
  look();
  EXPECT_EQ(count(Finding::file_size), 1u);
  EXPECT_EQ(code(), exit_code::bad_data);
}

TEST_F(FindingsTest, PlacesAreBoundedAndCountsAreNot) {
  for (u64 slot = 0; slot < 12; ++slot) file_.flip(file_.at(Zone::index, slot * page_bytes) + 5);
  look();
  EXPECT_EQ(count(Finding::index_page), 12u);
  EXPECT_EQ(findings_->places(Finding::index_page).size(), 5u);
}

}  // namespace
}  // namespace keelson::io::inspect
