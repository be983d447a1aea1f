#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

std::string flags_text(const GroupSurvey& group) {
  std::string text;
  const auto add = [&](bool is, const std::string& name) {
    if (is) text += (text.empty() ? "" : " ") + name;
  };
  add(group.amnesiac, "amnesiac");
  add(group.forgotten, "forgotten");
  add(group.log_damaged,
      group.damaged_op == Op() ? "log_damaged" : "log_damaged(" + std::to_string(group.damaged_op.raw()) + ")");
  add(group.head_unknown, "head_unknown");
  return text.empty() ? "-" : text;
}

std::string voters_text(const GroupSurvey& group, const Survey& survey) {
  return group.configured || !survey.voters_assumed ? std::to_string(group.voters) : "several?";
}

void put_ranges(JsonWriter& json, const char* key, const std::vector<OpRange>& ranges, std::size_t max) {
  json.array(key);
  for (std::size_t i = 0; i < ranges.size() && (max == 0 || i < max); ++i)
    json.object().field("from", ranges[i].from.raw()).field("to", ranges[i].to.raw()).end_object();
  json.end_array();
}

}  // namespace

std::string groups_text(const Survey& survey, const Style& style) {
  std::string text = head_text(survey, style);
  if (!survey.groups_known) return text + "groups: not known, as the log could not be read to its end\n";
  if (survey.voters_assumed)
    text +=
        "the voters of a group stand in the configuration: several are assumed (--config FILE or --voters 1 say so)\n";
  text += "\n";
  Table table({"group", "voters", "epoch", "view", "log_view", "promised head", "promised commit", "head", "commit",
               "stored", "lost", "suspect", "absent", "state"});
  for (const GroupSurvey& group : survey.groups) {
    const GroupState& state = group.state;
    const auto promised = [&](u64 value) { return group.has_state ? std::to_string(value) : std::string("-"); };
    table.add({std::to_string(group.group.raw()), voters_text(group, survey), promised(state.epoch.raw()),
               promised(state.view.raw()), promised(state.log_view.raw()), promised(state.head.raw()),
               promised(state.commit_max.raw()), std::to_string(group.head.raw()),
               std::to_string(group.commit_max.raw()), std::to_string(group.stored), std::to_string(ops_in(group.lost)),
               std::to_string(ops_in(group.suspect)), std::to_string(ops_in(group.absent)), flags_text(group)});
  }
  text += table.empty() ? "no record of any group\n" : table.text();
  for (const GroupSurvey& group : survey.groups) {
    const std::string name = "group " + std::to_string(group.group.raw()) + " ";
    if (!group.lost.empty()) text += name + bad("lost", style) + ": " + ranges_text(group.lost, style.rows_max) + "\n";
    if (!group.suspect.empty())
      text += name + bad("suspect", style) + ": " + ranges_text(group.suspect, style.rows_max) + "\n";
    if (!group.absent.empty()) text += name + "absent: " + ranges_text(group.absent, style.rows_max) + "\n";
  }
  return text;
}

std::string groups_json(const Survey& survey, std::size_t rows_max) {
  JsonWriter json = head_json(survey, "groups");
  json.field("groups_known", survey.groups_known).field("voters_assumed", survey.voters_assumed).array("groups");
  for (const GroupSurvey& group : survey.groups) {
    if (!survey.groups_known) break;
    json.object().field("group", group.group.raw()).field("voters", u32{group.voters});
    json.field("configured", group.configured);
    if (group.has_state) {
      json.object("promise").field("epoch", group.state.epoch.raw()).field("view", group.state.view.raw());
      json.field("log_view", group.state.log_view.raw()).field("head", group.state.head.raw());
      json.field("commit_max", group.state.commit_max.raw()).field("state_seq", group.state.state_seq).end_object();
    } else {
      json.null("promise");
    }
    json.field("head", group.head.raw()).field("commit_max", group.commit_max.raw()).field("stored", group.stored);
    json.field("lost", ops_in(group.lost))
        .field("suspect", ops_in(group.suspect))
        .field("absent", ops_in(group.absent));
    put_ranges(json, "lost_ops", group.lost, rows_max);
    put_ranges(json, "suspect_ops", group.suspect, rows_max);
    put_ranges(json, "absent_ops", group.absent, rows_max);
    json.field("head_unknown", group.head_unknown).field("amnesiac", group.amnesiac);
    json.field("forgotten", group.forgotten).field("log_damaged", group.log_damaged);
    json.field("damaged_op", group.damaged_op.raw()).end_object();
  }
  return json.end_array().end_object().text();
}

}  // namespace keelson::io::inspect
