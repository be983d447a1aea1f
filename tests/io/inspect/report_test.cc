// What inspect and `repair --dry-run` print: tables for people, JSON with the documented keys, the plan in words.
#include "keelson/io/inspect/report.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "tests/io/inspect/inspected_log.h"

namespace keelson::io::inspect {
namespace {

using google::protobuf::Struct;
using test::FileBytes;
using test::InspectedLog;
using test::Surveyed;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Struct parsed(const std::string& json) {
  Struct object;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &object);
  EXPECT_TRUE(status.ok()) << status << "\n" << json;
  return object;
}
std::vector<std::string> keys_of(const Struct& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.fields()) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}
std::vector<std::string> keys_of_first(const Struct& object, const std::string& list) {
  const auto& values = object.fields().at(list).list_value();
  return values.values_size() == 0 ? std::vector<std::string>() : keys_of(values.values(0).struct_value());
}

class ReportTest : public testing::Test {
 protected:
  static const InspectedLog& log() {
    static const InspectedLog made;
    return made;
  }
  const Survey& look() {
    surveyed_.emplace(file_, log().options(), log().identity());
    return surveyed_->survey;
  }
  RecordPlace place_of_record(std::size_t i) { return records_of(look()).at(i).record->place; }
  void spoil_record(std::size_t i) {
    const RecordPlace place = place_of_record(i);
    file_.flip(file_offset_of(surveyed_->survey, place) + 300);
  }

  FileBytes file_ = log().file;
  std::optional<Surveyed> surveyed_;
  const Style plain_;
};

const std::vector<std::string> head_keys{"file",        "file_bytes", "limits", "live",        "log_read",
                                         "log_read_as", "refusal",    "report", "wal_segments"};
std::vector<std::string> with_head(std::vector<std::string> keys) {
  keys.insert(keys.end(), head_keys.begin(), head_keys.end());
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_F(ReportTest, KeysAreThoseOfTheDocumentation) {
  const Survey& survey = look();
  const Struct superblock = parsed(superblock_json(survey));
  EXPECT_EQ(keys_of(superblock), with_head({"copies", "opened", "rewritten"}));
  EXPECT_EQ(keys_of_first(superblock, "copies"),
            (std::vector<std::string>{"checksum",       "clean",          "cluster",     "copy",
                                      "durable_batch",  "file_offset",    "first_batch", "first_live_segment",
                                      "former_begins",  "former_durable", "generation",  "incarnation",
                                      "intact",         "limits_digest",  "node",        "parent",
                                      "release_format", "sequence",       "shard",       "shard_count",
                                      "state",          "version",        "why"}));
  const std::vector<std::string> wal_keys{"batches_count", "end",      "findings",      "index_pages", "left_out",
                                          "records_count", "segments", "segments_used", "wal_pages"};
  auto batches_keys = wal_keys;
  batches_keys.emplace_back("batches");
  const Struct wal = parsed(wal_json(survey, {}));
  EXPECT_EQ(keys_of(wal), with_head(batches_keys));
  EXPECT_EQ(keys_of_first(wal, "batches"),
            (std::vector<std::string>{"batch", "filter", "first_page", "incarnation", "index_pages", "index_pages_ok",
                                      "marked", "marker", "pages", "records", "state", "strict_behind"}));
  auto records_keys = wal_keys;
  records_keys.emplace_back("records");
  WalOptions options;
  options.records = true;
  const Struct records = parsed(wal_json(survey, options));
  EXPECT_EQ(keys_of(records), with_head(records_keys));
  EXPECT_EQ(keys_of_first(records, "records"),
            (std::vector<std::string>{"batch", "command", "entry", "epoch", "fate", "file_offset", "group", "identity",
                                      "offset", "op", "page", "record", "row", "size", "view"}));
  const Struct groups = parsed(groups_json(survey, 5));
  EXPECT_EQ(keys_of(groups), with_head({"groups", "groups_known", "voters_assumed"}));
  EXPECT_EQ(keys_of_first(groups, "groups"),
            (std::vector<std::string>{"absent", "absent_ops", "amnesiac", "commit_max", "configured", "damaged_op",
                                      "forgotten", "group", "head", "head_unknown", "log_damaged", "lost", "lost_ops",
                                      "promise", "stored", "suspect", "suspect_ops", "voters"}));
  const Struct verify = parsed(verify_json(survey, find_all(survey, 5)));
  EXPECT_EQ(keys_of(verify), with_head({"findings", "whole"}));
  EXPECT_TRUE(verify.fields().at("whole").bool_value());
  EXPECT_EQ(keys_of(parsed(repair_json(survey))), with_head({"actions", "voters_assumed"}));
}

TEST_F(ReportTest, TheSuperblockSaysWhichIsOpenedAndWhatDiffers) {
  Superblock older = look().opening.current;
  older.sequence -= 1;
  older.incarnation = Incarnation(1);
  encode_superblock(older, 3, MutableBytes(file_.bytes).subspan(superblock_offset(3), superblock_copy_bytes));
  file_.flip(superblock_offset(1) + 40);
  const std::string text = superblock_text(look(), plain_);
  EXPECT_THAT(text, HasSubstr("opened is sequence 3, from copies 0, 2: the highest of which two copies are intact"));
  EXPECT_THAT(text, HasSubstr("copy 1 damaged: its checksum does not hold"));
  EXPECT_THAT(text,
              HasSubstr("copy 3 older: of an earlier start: its last write never arrived; sequence 2 instead of 3, "
                        "incarnation 1 instead of 2"));
}

TEST_F(ReportTest, RecordsAreFilteredAndTheNewestAreShown) {
  WalOptions options;
  options.records = true;
  options.group = GroupId(2);
  options.from = Op(5);
  options.to = Op(9);
  options.rows_max = 3;
  const Struct wal = parsed(wal_json(look(), options));
  const auto& records = wal.fields().at("records").list_value();
  ASSERT_EQ(records.values_size(), 3);
  EXPECT_EQ(wal.fields().at("left_out").number_value(), 2);
  for (int i = 0; i < 3; ++i) {
    const auto& record = records.values(i).struct_value().fields();
    EXPECT_EQ(record.at("group").number_value(), 2);
    EXPECT_EQ(record.at("op").number_value(), 7 + i);
  }
  EXPECT_THAT(wal_text(look(), options, plain_), HasSubstr("... 2 earlier ones (--limit 0 shows all)"));
}

TEST_F(ReportTest, ADamagedRecordIsPlaced) {
  spoil_record(10);
  WalOptions options;
  options.records = true;
  options.rows_max = 0;
  const std::string json = wal_json(look(), options);
  parsed(json);
  EXPECT_THAT(json, AllOf(HasSubstr("\"fate\":\"lost\""), HasSubstr("\"damage\":\"its bytes do not hold: body")));
  EXPECT_THAT(wal_text(look(), {}, plain_), HasSubstr("record_lost 1: prepare of group "));
}

TEST_F(ReportTest, TheEndOfTheLogIsWhereTheNextBatchGoes) {
  const Struct wal = parsed(wal_json(look(), {}));
  const auto& end = wal.fields().at("end").struct_value().fields();
  const auto offset = static_cast<u64>(end.at("file_offset").number_value());
  EXPECT_TRUE(all_zero(Bytes(file_.bytes).subspan(offset, page_bytes)));
  EXPECT_FALSE(all_zero(Bytes(file_.bytes).subspan(offset - page_bytes, page_bytes)));
  EXPECT_EQ(end.at("next_batch").number_value(), wal.fields().at("batches_count").number_value() + 1);
}

TEST_F(ReportTest, LiveFilesAreMarked) {
  look();
  surveyed_->survey.live = true;
  surveyed_->survey.pid = 77;
  EXPECT_THAT(groups_text(surveyed_->survey, plain_), HasSubstr("live: may be mid-write: a node runs on it (pid 77)"));
}

TEST_F(ReportTest, ColourOnlyWhereAskedFor) {
  const Survey& survey = look();
  EXPECT_THAT(verify_text(survey, find_all(survey, 5), plain_), Not(HasSubstr("\033[")));
  EXPECT_THAT(verify_text(survey, find_all(survey, 5), {true, 5}), HasSubstr("\033[32;1mwhole"));
}

TEST_F(ReportTest, ThePlanNamesEveryAction) {
  spoil_record(10);
  file_.spoil_copy(2);
  const std::string text = repair_text(look(), plain_);
  EXPECT_THAT(text, HasSubstr("opens superblock sequence 3, incarnation 2"));
  EXPECT_THAT(text, HasSubstr("writes superblock copy 2 again at byte 131072: it is foreign"));
  EXPECT_THAT(text, HasSubstr("writes superblock sequence 4 with incarnation 3"));
  EXPECT_THAT(text, HasSubstr("goes on at head 42, commit at least "));
  EXPECT_THAT(text, HasSubstr("from its peers: they were stored here and can't be read"));
  EXPECT_THAT(text, HasSubstr("nothing was written"));
}

TEST_F(ReportTest, ThePlanSaysWhyAFileIsRefused) {
  for (u32 copy = 0; copy < 3; ++copy) file_.spoil_copy(copy);
  const std::string text = repair_text(look(), plain_);
  EXPECT_THAT(text, HasSubstr("refuses the file and writes nothing: DAMAGED_SUPERBLOCK"));
  EXPECT_THAT(text, Not(HasSubstr("goes on at head")));
}

TEST_F(ReportTest, ThePlanSaysThatATornTailIsForgotten) {
  const auto rows = records_of(look());
  file_.zero_page(Zone::wal, rows.back().record->place.page.raw());
  EXPECT_THAT(repair_text(look(), plain_),
              HasSubstr("forgets 1 record as torn by a crash, as none was ever acknowledged: "
                        "prepare of group 3 op 42"));
}

TEST_F(ReportTest, ThePlanFencesWhatNobodyCanRepair) {
  const InspectedLog one(1);
  file_ = one.file;
  file_.zero_page(Zone::wal, 0);
  const Surveyed surveyed(file_, one.options(), one.identity());
  const std::string text = repair_text(surveyed.survey, plain_);
  EXPECT_THAT(text, HasSubstr("group 1: fences it as log_damaged from op 1: it has one voter"));
  EXPECT_THAT(text, HasSubstr("restore a backup of the whole directory"));
}

}  // namespace
}  // namespace keelson::io::inspect
