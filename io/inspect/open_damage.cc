#include "keelson/io/inspect/open_damage.h"

#include <algorithm>
#include <tuple>

namespace keelson::io::inspect {
namespace {

bool contains(const std::vector<OpRange>& ranges, Op op) {
  const auto at =
      std::partition_point(ranges.begin(), ranges.end(), [&](const OpRange& range) { return range.to < op; });
  return at != ranges.end() && at->from <= op;
}

auto key_of(const FoundRecord& record) { return std::tie(record.group, record.command, record.op, record.identity); }

bool is_whole(const FoundRecord& record) { return record.entry == EntryState::ok && record.record == RecordState::ok; }

}  // namespace

OpenDamage::OpenDamage(const Survey& survey, const std::vector<RecordRow>& rows)
    : survey_(survey), facts_(survey.run->recovery().facts()) {
  for (const RecordRow& row : rows)
    if (is_open(row)) open_.push_back(row.record->batch);
  for (const Loss& loss : survey.run->recovery().history()->losses())
    if (is_open(loss)) open_.push_back(loss.batch);
  std::sort(open_.begin(), open_.end());
}

bool OpenDamage::is_open(const RecordRow& row) const {
  const FoundRecord& record = *row.record;
  if (row.row == RecoveryRow::keep || row.fate == RecordFate::drop) return false;
  if (record.command == Command::group_state) return state_is_open(record);
  if (record.command == Command::group_checkpoint) return checkpoint_is_open(record);
  if (row.row == RecoveryRow::keep_unindexed) return !has_copy(record);
  return !survey_.groups_known || op_is_open(survey_.groups[record.group], record);
}

bool OpenDamage::op_is_open(const GroupSurvey& group, const FoundRecord& record) const {
  if (group.log_damaged && record.op >= group.damaged_op) return !has_copy(record);
  return contains(group.lost, record.op) || contains(group.suspect, record.op);
}

// A promise counts until there is a newer one.
bool OpenDamage::state_is_open(const FoundRecord& record) const {
  const FoundState& newest = facts_.states[record.group];
  if (record.record != RecordState::ok) return supersedes(record, newest);
  return newest.place.page == record.place.page && newest.place.offset == record.place.offset;
}

// As a promise.
bool OpenDamage::checkpoint_is_open(const FoundRecord& record) const {
  const FoundCheckpoint& newest = facts_.checkpoints[record.group];
  return !newest.exists || behind(record.place, newest.place);
}

bool OpenDamage::has_copy(const FoundRecord& record) const {
  const auto& all = facts_.records;  // sorted by these keys first
  const auto from = std::partition_point(all.begin(), all.end(),
                                         [&](const FoundRecord& other) { return key_of(other) < key_of(record); });
  for (auto at = from; at != all.end() && key_of(*at) == key_of(record); ++at)
    if (is_whole(*at)) return true;
  return false;
}

// Closed where every group that it may concern is known to be whole. Without a configuration there may be groups of
// which nothing is left.
bool OpenDamage::is_open(const Loss& loss) const {
  if (!survey_.groups_known) return true;
  bool any_whole = false;
  for (const GroupSurvey& group : survey_.groups) {
    if (!loss.reach.may_contain(group.group)) continue;
    if (group.amnesiac || group.head_unknown || group.log_damaged || !group.lost.empty() || !group.suspect.empty())
      return true;
    any_whole = true;
  }
  if (survey_.groups_configured) return false;
  return !any_whole || loss.reach.is_all();
}

bool OpenDamage::any_open(BatchNo from, BatchNo to) const {
  const auto at = std::lower_bound(open_.begin(), open_.end(), from);
  return at != open_.end() && *at <= to;
}

}  // namespace keelson::io::inspect
