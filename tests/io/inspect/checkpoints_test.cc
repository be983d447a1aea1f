// inspect checkpoint: each group's newest checkpoint, and every part of it that is damaged, by name and place.
#include "keelson/io/inspect/checkpoints.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/report.h"
#include "tests/io/inspect/inspected_checkpoints.h"

namespace keelson::io::inspect {
namespace {

using gen::PageKey;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CheckpointsTest : public testing::Test {
 protected:
  CheckpointsTest() { look(); }
  void look() {
    surveyed_.emplace(pages_);
    checkpoints_ = checkpoints_of(surveyed_->survey);
    ASSERT_EQ(checkpoints_.size(), 3u);
  }
  const CheckpointSurvey& first() const { return checkpoints_[0]; }
  PageKey table(u32 copy) const { return {Zone::checkpoint, first().record.table_block[copy]}; }
  // The first block of some section that has bytes.
  PageKey section(bool sessions = false) const {
    for (const SectionSurvey& section : first().sections)
      if (section.kind == (sessions ? SectionKind::sessions : SectionKind::machine) && section.bytes > 0)
        return {Zone::checkpoint, section.runs[0].first};
    ADD_FAILURE();
    return {};
  }
  void flip(PageKey key, std::size_t at = 100) {
    auto page = pages_.page(key);
    page[at] ^= std::byte{4};
    pages_.put(key, page);
    look();
  }
  Findings findings() const { return find_all(surveyed_->survey, 5); }
  int code() const { return exit_code_of(surveyed_->survey, findings()); }
  std::string text() const { return checkpoint_text(surveyed_->survey, {}); }

  gen::ZonePages pages_{test::inspected_limits(), &test::image_with_checkpoints().pages};
  std::optional<test::SurveyedPages> surveyed_;
  std::vector<CheckpointSurvey> checkpoints_;
};

TEST_F(CheckpointsTest, OfAWholeFileAreWholeAndThoseOfTheCluster) {
  EXPECT_EQ(code(), exit_code::done) << verify_text(surveyed_->survey, findings(), {});
  for (const CheckpointSurvey& checkpoint : checkpoints_) {
    EXPECT_TRUE(checkpoint.whole());
    EXPECT_GT(checkpoint.bytes, 100u);
    EXPECT_GE(checkpoint.blocks, 3u);
    const auto known = test::image_with_checkpoints().checkpoints.find({checkpoint.group->group, checkpoint.record.op});
    ASSERT_NE(known, test::image_with_checkpoints().checkpoints.end());
    EXPECT_EQ(known->second, checkpoint.record.checkpoint_id);
  }
  EXPECT_THAT(text(), AllOf(HasSubstr("whole, whole"), Not(HasSubstr("damaged"))));
}

TEST_F(CheckpointsTest, OneCopyOfATable) {
  flip(table(1));
  EXPECT_TRUE(first().whole()) << "the other copy is enough";
  EXPECT_EQ(first().copies[0], TableState::whole);
  EXPECT_EQ(first().copies[1], TableState::damaged);
  EXPECT_EQ(findings().count(Finding::checkpoint_table), 1u);
  EXPECT_EQ(findings().places(Finding::checkpoint_table)[0].what,
            "group 1 op " + std::to_string(first().record.op.raw()) + ": copy 1 damaged");
  EXPECT_EQ(code(), exit_code::operation_failed);
  EXPECT_THAT(text(), HasSubstr("group 1 table copy 1 damaged, byte " +
                                std::to_string(test::FileBytes::at(Zone::checkpoint, table(1).page * page_bytes))));
}

TEST_F(CheckpointsTest, BothCopiesOfATable) {
  flip(table(0));
  pages_.spoil(table(1));
  look();
  EXPECT_FALSE(first().table_whole);
  EXPECT_EQ(first().copies[1], TableState::unreadable);
  EXPECT_TRUE(first().sections.empty());
  EXPECT_EQ(findings().count(Finding::checkpoint_lost), 1u);
  EXPECT_THAT(text(), HasSubstr("no table"));
}

TEST_F(CheckpointsTest, ASectionIsNamedAndPlaced) {
  for (const bool sessions : {false, true}) {
    pages_ = gen::ZonePages(test::inspected_limits(), &test::image_with_checkpoints().pages);
    look();
    const PageKey where = section(sessions);
    flip(where, 3);
    EXPECT_EQ(first().damaged_sections(), 1u);
    EXPECT_FALSE(first().whole());
    EXPECT_TRUE(checkpoints_[1].whole()) << "another group's are not concerned";
    const Findings found = findings();
    ASSERT_EQ(found.count(Finding::checkpoint_section), 1u);
    EXPECT_THAT(found.places(Finding::checkpoint_section)[0].what,
                HasSubstr(sessions ? "sessions section" : "machine section"));
    EXPECT_EQ(found.places(Finding::checkpoint_section)[0].file_offset,
              test::FileBytes::at(Zone::checkpoint, where.page * page_bytes));
    EXPECT_THAT(text(), HasSubstr("1 section damaged"));
  }
}

TEST_F(CheckpointsTest, TheRecordOfTheNewest) {
  const Op newest = first().record.op;
  flip({Zone::wal, first().place.page.raw()}, stamp_bytes + first().place.offset + 200);
  EXPECT_LT(first().record.op, newest) << "the one before";
  EXPECT_EQ(findings().count(Finding::checkpoint_record), 1u);
  EXPECT_THAT(findings().places(Finding::checkpoint_record)[0].what,
              HasSubstr("group_checkpoint of group 1 op " + std::to_string(newest.raw())));
  EXPECT_EQ(code(), exit_code::operation_failed);
}

// Of an older one: nothing depends on it any more.
TEST_F(CheckpointsTest, TheRecordOfAnOlderOne) {
  for (const gen::ImageRecord& record : gen::records_of(test::image_with_checkpoints())) {
    const IndexEntry& entry = record.entry;
    if (entry.command != Command::group_checkpoint || entry.group != GroupId(1) || entry.op == first().record.op)
      continue;
    flip({Zone::wal, entry.page_no.raw()}, stamp_bytes + entry.offset + 200u);
    EXPECT_EQ(findings().count(Finding::checkpoint_record), 0u);
    EXPECT_EQ(findings().count(Finding::settled), 1u);
    EXPECT_EQ(code(), exit_code::done);
    return;
  }
  FAIL() << "the image has but one";
}

TEST_F(CheckpointsTest, KeysAreThoseOfTheDocumentation) {
  flip(section());
  google::protobuf::Struct object;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(checkpoint_json(surveyed_->survey, 5), &object).ok());
  const auto& of_group = object.fields().at("checkpoints").list_value().values(0).struct_value().fields();
  std::set<std::string> keys;
  for (const auto& [key, value] : of_group) keys.insert(key);
  EXPECT_EQ(keys, (std::set<std::string>{"group", "op", "identity", "checkpoint_id", "record_file_offset",
                                         "table_bytes", "tables", "whole", "table_whole", "overlaps_group",
                                         "machine_sections", "session_sections", "blobs", "bytes", "blocks",
                                         "sections_damaged", "damaged_sections"}));
  const auto& damaged = of_group.at("damaged_sections").list_value();
  ASSERT_EQ(damaged.values_size(), 1);
  EXPECT_EQ(damaged.values(0).struct_value().fields().at("of").string_value(), "machine");
  EXPECT_EQ(object.fields().at("zone_blocks").number_value(), test::inspected_limits().checkpoint_blocks);
}

TEST_F(CheckpointsTest, ALogWithoutAny) {
  const test::InspectedLog log;
  const test::Surveyed surveyed(log.file, log.options(), log.identity());
  EXPECT_THAT(checkpoint_text(surveyed.survey, {}), HasSubstr("checkpoints: of 0 groups, 0 of 512 blocks"));
}

}  // namespace
}  // namespace keelson::io::inspect
