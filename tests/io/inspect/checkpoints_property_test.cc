// Any damage: what inspect says of a checkpoint is what a shard finds that starts from the same bytes.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/io/inspect/checkpoints.h"
#include "keelson/io/inspect/report.h"
#include "tests/io/inspect/inspected_checkpoints.h"

namespace keelson::io::inspect {
namespace {

using gen::PageKey;
using gen::ZonePages;

const CheckpointSurvey* find(const std::vector<CheckpointSurvey>& all, GroupId group) {
  for (const CheckpointSurvey& checkpoint : all)
    if (checkpoint.group->group == group) return &checkpoint;
  return nullptr;
}

// Mostly in the zone, and where something lies.
std::vector<PageKey> places() {
  std::vector<PageKey> places;
  for (const PageKey key : test::image_with_checkpoints().pages.written())
    if (key.zone == Zone::checkpoint) places.insert(places.end(), 4, key);
  for (const gen::ImageRecord& record : gen::records_of(test::image_with_checkpoints()))
    if (record.entry.command == Command::group_checkpoint) places.push_back({Zone::wal, record.entry.page_no.raw()});
  return places;
}

// Where the log itself is sound a shard starts from exactly those checkpoints that are whole.
void expect_same(const Survey& survey, const Shard& shard) {
  const auto all = checkpoints_of(survey);
  for (std::size_t i = 0; i < shard.group_count(); ++i) {
    const GroupView view = shard.view(i);
    const CheckpointSurvey* found = find(all, view.group);
    const bool used = view.started_at != Op(0);
    if (used) {
      RC_ASSERT(found != nullptr);
      RC_ASSERT(found->starts());
      RC_ASSERT(found->record.op == view.started_at);
    }
    RC_ASSERT(view.checkpoint_damaged == (found && !found->starts()));
    if (found && found->starts()) RC_ASSERT(used);
    RC_TAG(!found ? "none" : found->whole() ? "whole" : found->table_whole ? "section" : "table");
  }
}

RC_GTEST_PROP(InspectCheckpoints, SaysWhatAStartFinds, ()) {
  static const std::vector<PageKey> targets = places();
  ZonePages pages(test::inspected_limits(), &test::image_with_checkpoints().pages);
  const gen::Draw draw = gen::seeded(*rc::gen::arbitrary<u64>());
  gen::StoreDamage damage(pages, targets, draw);
  for (u32 count = *rc::gen::inRange(0u, 8u); count > 0; --count) damage.hurt();
  const test::SurveyedPages surveyed(pages);
  RC_ASSERT(checkpoint_text(surveyed.survey, {}).size() < 64 * 1024);
  checkpoint_json(surveyed.survey, 5);
  ZonePages own(test::inspected_limits(), &pages);
  Slabs slabs(test::inspected_limits());
  const gen::ProcessStart start(test::image_with_checkpoints(), own, slabs);
  if (start.shard().state() != ShardState::ready) {
    RC_ASSERT(surveyed.survey.refusal);
    return;
  }
  bool log_is_sound = true;
  for (const GroupSurvey& group : surveyed.survey.groups)
    log_is_sound = log_is_sound && group.lost.empty() && group.suspect.empty() && group.absent.empty() &&
                   !group.log_damaged && !group.amnesiac && !group.head_unknown;
  if (log_is_sound) expect_same(surveyed.survey, start.shard());
}

// Forged ones, whose checks hold: something is printed, and a shard that starts from one starts from a whole one.
RC_GTEST_PROP(InspectCheckpoints, AnyBytesAreLegal, ()) {
  static const std::vector<gen::ImageRecord> records = gen::records_of(test::image_with_checkpoints());
  ZonePages pages(test::inspected_limits(), &test::image_with_checkpoints().pages);
  gen::StoreForger forger(test::image_with_checkpoints(), pages, records, gen::seeded(*rc::gen::arbitrary<u64>()));
  for (u32 count = *rc::gen::inRange(1u, 12u); count > 0; --count) forger.forge();
  const test::SurveyedPages surveyed(pages);
  checkpoint_text(surveyed.survey, {});
  checkpoint_json(surveyed.survey, 5);
  verify_text(surveyed.survey, find_all(surveyed.survey, 5), {});
  if (surveyed.survey.refusal) return;
  const auto all = checkpoints_of(surveyed.survey);
  ZonePages own(test::inspected_limits(), &pages);
  Slabs slabs(test::inspected_limits());
  const gen::ProcessStart start(test::image_with_checkpoints(), own, slabs);
  RC_ASSERT(start.shard().state() == ShardState::ready);
  for (std::size_t i = 0; i < start.shard().group_count(); ++i) {
    const GroupView view = start.shard().view(i);
    const CheckpointSurvey* found = find(all, view.group);
    if (view.started_at == Op(0) || view.commit_min == Op(0) || view.fenced != FenceReason::none) continue;
    RC_ASSERT(found != nullptr);
    RC_ASSERT(found->starts());
    RC_TAG("started from one");
  }
}

}  // namespace
}  // namespace keelson::io::inspect
