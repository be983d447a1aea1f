#include "keelson/io/inspect/words.h"

#include <algorithm>

#include "keelson/io/data_dir_files.h"

namespace keelson::io::inspect {

std::string record_text(const RecordRow& row) {
  const FoundRecord& record = *row.record;
  return std::string(keelson::name_of(record.command)) + " of group " + std::to_string(row.group.raw()) +
         (record.command == Command::group_state ? " head " : " op ") + std::to_string(record.op.raw());
}

std::string range_text(const OpRange& range) {
  if (range.from == range.to) return "op " + std::to_string(range.from.raw());
  return "ops " + std::to_string(range.from.raw()) + "-" + std::to_string(range.to.raw());
}

std::string ranges_text(const std::vector<OpRange>& ranges, std::size_t max) {
  std::string text;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (max != 0 && i == max) return text + " and " + plural(ranges.size() - max, "more range");
    text += (i > 0 ? ", " : "") + range_text(ranges[i]);
  }
  return text;
}

u64 ops_in(const std::vector<OpRange>& ranges) {
  u64 ops = 0;
  for (const OpRange& range : ranges) ops += range.to - range.from + 1;
  return ops;
}

std::string groups_text(const Survey& survey, const Loss& loss) {
  constexpr std::size_t groups_shown_max = 8;
  std::string text;
  std::size_t count = 0;
  for (const GroupSurvey& group : survey.groups) {
    if (!loss.reach.may_contain(group.group)) continue;
    if (++count <= groups_shown_max) text += (text.empty() ? "" : ", ") + std::to_string(group.group.raw());
  }
  if (count == 0) return "groups of which nothing is left";
  if (count == survey.groups.size() && count > 1) return "any group";
  if (count > groups_shown_max) text += ", ...";
  return (count == 1 ? "group " : "groups ") + text;
}

std::string refusal_text(const Survey& survey) {
  if (!survey.refusal) return {};
  std::string text;
  for (Problem problem : survey.refusal->problems) {
    problem.file.clear();
    text += (text.empty() ? "" : "; ") + to_string(problem);
  }
  return text;
}

std::string short_digest(const Digest& digest) { return digest.is_zero() ? "-" : hex_of(digest).substr(0, 12); }

std::string plural(u64 count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : noun.ends_with("ch") ? "es" : "s");
}

}  // namespace keelson::io::inspect
