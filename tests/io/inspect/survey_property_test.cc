// Any damage: inspect never crashes, prints no more than it was asked for, and says what recovery then does with the
// same bytes.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/base/random.h"
#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/words.h"
#include "keelson/io/runtime_setup.h"
#include "tests/io/inspect/inspected_log.h"

namespace keelson::io::inspect {
namespace {

using test::FileBytes;
using test::InspectedLog;
using test::Life;
using test::MemoryDisk;
using test::Surveyed;

const InspectedLog& log_of(u8 voters) {
  static const InspectedLog one(1);
  static const InspectedLog three(3);
  return voters == 1 ? one : three;
}

// What happens to disks. Mostly to the part that holds something.
class Damager {
 public:
  Damager(FileBytes& file, u64 seed) : file_(file), prng_(seed) {}

  void hurt() {
    const u64 page = any_page();
    const u64 other = any_page();
    switch (prng_.below(8)) {
      case 0:
      case 1: {
        const u64 at = page + prng_.below(page_bytes);
        file_.flip(at, static_cast<u32>(prng_.below(8)));
        return;
      }
      case 2:
        return file_.fill(page, page_bytes, std::byte{0});
      case 3: {
        const u64 from = page + 512 * prng_.below(8);
        return file_.fill(from, 512, static_cast<std::byte>(prng_.below(256)));
      }
      case 4:  // misdirected
        std::copy_n(file_.bytes.begin() + static_cast<std::ptrdiff_t>(page), page_bytes,
                    file_.bytes.begin() + static_cast<std::ptrdiff_t>(other));
        return;
      case 5:
        file_.unreadable.insert(page);
        return;
      case 6: {
        const u64 copy = prng_.below(superblock_copies);
        return file_.spoil_copy(static_cast<u32>(copy));
      }
      default: {
        const u64 pages = 1 + prng_.below(8);
        for (u64 i = 0; i < pages; ++i)
          if (page + (i + 1) * page_bytes <= file_.bytes.size())
            file_.fill(page + i * page_bytes, page_bytes, std::byte{0});
        return;
      }
    }
  }

 private:
  u64 any_page() {
    const Zone zone = prng_.below(2) == 0 ? Zone::wal : Zone::index;
    const u64 pages = FileBytes::layout().zone_bytes(zone) / page_bytes;
    const u64 within = prng_.below(5) == 0 ? prng_.below(pages) : prng_.below(100);
    if (prng_.below(6) == 0) return superblock_offset(static_cast<u32>(prng_.below(superblock_copies)));
    return FileBytes::at(zone, within * page_bytes);
  }
  FileBytes& file_;
  Prng prng_;
};

u64 count_of(const RecoveredGroup& group, u16 bit) {
  u64 count = 0;
  for (Op op(1); op <= group.head; ++op) {
    const LogEntry& entry = group.log.at(op);
    count += !entry.has(log_bit::stored) && entry.has(bit) && (bit == log_bit::lost || !entry.has(log_bit::lost));
  }
  return count;
}

void expect_same(const Survey& survey, Life& life) {
  if (!life.done()) {
    RC_ASSERT(survey.refusal);
    const Refusal expected = refusal_of(life.recovery->refusal(), survey.file);
    RC_ASSERT(survey.refusal->problems.front().code == expected.problems.front().code);
    RC_ASSERT(survey.refusal->exit_code == expected.exit_code);
    return;
  }
  RC_ASSERT(!survey.refusal);
  RC_ASSERT(survey.groups_known);
  for (const GroupSurvey& group : survey.groups) {
    const RecoveredGroup found = life.recovery->take_group(group.group);
    RC_ASSERT(group.head == found.head);
    RC_ASSERT(group.commit_max == found.commit_max);
    RC_ASSERT(group.amnesiac == found.amnesiac);
    RC_ASSERT(group.head_unknown == found.head_unknown);
    RC_ASSERT(group.log_damaged == found.log_damaged);
    RC_ASSERT(group.damaged_op == found.damaged_op);
    RC_ASSERT(group.has_state == found.has_state);
    RC_ASSERT(ops_in(group.lost) == count_of(found, log_bit::lost));
    RC_ASSERT(ops_in(group.suspect) == count_of(found, log_bit::suspect));
    u64 stored = 0;
    for (Op op(1); op <= found.head; ++op) stored += found.log.at(op).has(log_bit::stored);
    RC_ASSERT(group.stored == stored);
  }
}

// What was marked durable is there. The last op of each group is not.
void expect_nothing_lost(const Survey& survey) {
  for (const GroupSurvey& group : survey.groups) {
    if (group.group == metadata_group) continue;
    RC_ASSERT(group.head >= Op(41));
    RC_ASSERT(group.stored == group.head.raw());
  }
}

void expect_bounded(const std::string& text) { RC_ASSERT(text.size() < 64 * 1024); }
void expect_json(const std::string& text) {
  expect_bounded(text);
  google::protobuf::Struct parsed;
  RC_ASSERT(google::protobuf::util::JsonStringToMessage(text, &parsed).ok());
}

// Every report of it.
void print_all(const Survey& survey) {
  const Style style{true, 5};
  WalOptions records;
  records.records = true;
  records.rows_max = 5;
  WalOptions batches;
  batches.rows_max = 5;
  const Findings findings = find_all(survey, 5);
  for (const std::string& text :
       {superblock_text(survey, style), wal_text(survey, batches, style), wal_text(survey, records, style),
        groups_text(survey, style), verify_text(survey, findings, style), repair_text(survey, style)})
    expect_bounded(text);
  for (const std::string& text : {superblock_json(survey), wal_json(survey, batches), wal_json(survey, records),
                                  groups_json(survey, 5), verify_json(survey, findings), repair_json(survey)})
    expect_json(text);
}

RC_GTEST_PROP(Inspect, SaysWhatRecoveryDoes, ()) {
  const u8 voters = *rc::gen::element<u8>(1, 3);
  const InspectedLog& log = log_of(voters);
  FileBytes file = log.file;
  Damager damager(file, *rc::gen::arbitrary<u64>());
  for (u32 count = *rc::gen::inRange(0u, 12u); count > 0; --count) damager.hurt();
  const Surveyed surveyed(file, log.options(), log.identity());
  print_all(surveyed.survey);
  if (exit_code_of(surveyed.survey, find_all(surveyed.survey, 1)) == 0) expect_nothing_lost(surveyed.survey);
  MemoryDisk disk = test::disk_of_bytes(file);
  Life life(disk, log.recovery_config());
  life.boot();
  expect_same(surveyed.survey, life);
}

// A file of any length, of bytes that may look like ours: whatever is beside it, something is printed.
RC_GTEST_PROP(Inspect, AnyFileIsLegal, ()) {
  const InspectedLog& log = log_of(3);
  FileBytes file = log.file;
  Prng prng(*rc::gen::arbitrary<u64>());
  Damager damager(file, prng.next());
  for (u64 count = prng.below(4); count > 0; --count) damager.hurt();
  const u64 cut = prng.below(3);
  if (cut == 0) file.bytes.resize(prng.below(file.bytes.size()));
  if (cut == 1) file.bytes.resize(file.bytes.size() + prng.below(10000));
  if (prng.below(8) == 0)
    for (auto& byte : file.bytes) byte = static_cast<std::byte>(prng.next());
  std::optional<Identity> identity;
  if (prng.below(2) == 0) identity = log.identity();
  if (identity && prng.below(3) == 0) identity->cluster.hi ^= 1;
  if (identity && prng.below(3) == 0) identity->limits_digest.hi ^= 1;
  SurveyOptions options;
  if (prng.below(2) == 0) options = log.options();
  options.configured_only = prng.below(2) == 0;
  const Surveyed surveyed(file, options, identity);
  print_all(surveyed.survey);
  if (file.bytes.size() != log.file.bytes.size()) RC_ASSERT(surveyed.survey.refusal);
}

// Not one bit of what is stored can change without being told of.
RC_GTEST_PROP(Inspect, NoFlippedBitGoesUnnoticed, ()) {
  const InspectedLog& log = log_of(3);
  FileBytes file = log.file;
  const Surveyed whole(file, log.options(), log.identity());
  const auto records = records_of(whole.survey);
  Prng prng(*rc::gen::arbitrary<u64>());
  u64 at = 0;
  switch (prng.below(3)) {
    case 0: {
      const u64 copy = prng.below(superblock_copies);
      at = superblock_offset(static_cast<u32>(copy)) + prng.below(superblock_copy_bytes);
      break;
    }
    case 1: {  // of a record that lies in one page
      const RecordPlace place = records[prng.below(records.size())].record->place;
      const u64 size = std::min<u64>(place.size, payload_bytes - place.offset);
      at = file_offset_of(whole.survey, place) + prng.below(size);
      break;
    }
    default: {
      const auto& batches = whole.survey.run->recovery().facts().batches;
      const BatchFact& batch = batches[prng.below(batches.size())];
      at = FileBytes::at(Zone::index, batch.first_slot * page_bytes) + prng.below(sizeof(IndexHead));
    }
  }
  const u64 bit = prng.below(8);
  file.flip(at, static_cast<u32>(bit));
  const Surveyed hurt(file, log.options(), log.identity());
  const Findings findings = find_all(hurt.survey, 5);
  u64 found = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Finding::count); ++i)
    if (static_cast<Finding>(i) != Finding::stray) found += findings.count(static_cast<Finding>(i));
  RC_ASSERT(found > 0);
}

}  // namespace
}  // namespace keelson::io::inspect
