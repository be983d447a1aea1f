#include <functional>

#include "keelson/io/data_dir_files.h"
#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

const char* why(CopyState state) {
  switch (state) {
    case CopyState::opened:
      return "";
    case CopyState::misplaced:
      return "carries the number of another copy: a write went to a wrong place";
    case CopyState::older:
      return "of an earlier start: its last write never arrived";
    case CopyState::newer:
      return "intact and alone: an update that was never finished";
    case CopyState::intact:
      return "intact, but not enough others agree";
    case CopyState::damaged:
      return "its checksum does not hold";
    case CopyState::foreign:
      return "not a superblock";
    case CopyState::blank:
      return "zeros";
    case CopyState::unreadable:
      return "can't be read, or lies behind the end of the file";
  }
  return "";
}

constexpr std::size_t table_columns = 9;

bool legible(const CopySurvey& copy) { return copy.copy.intact; }

// What earlier lives had made durable, as far as it is in the log.
std::string former_text(const Superblock& s) {
  std::string text;
  for (const BatchNo batch : s.former_durable)
    if (batch != BatchNo()) text += (text.empty() ? "" : ", ") + std::to_string(batch.raw());
  return text.empty() ? "-" : text;
}

// Where they began, as far as the life of this superblock doesn't say it for them.
std::string begins_text(const Superblock& s) {
  std::string text;
  for (const LifeBegin& begin : s.former_begins)
    if (begin.life != Incarnation())
      text += (text.empty() ? "" : ", ") + std::to_string(begin.life.raw()) + ": " + std::to_string(begin.first.raw());
  return text.empty() ? "-" : text;
}

struct Field {
  const char* name;
  std::function<std::string(const Superblock&)> value;
};

const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {"version", [](const Superblock& s) { return std::to_string(s.version); }},
      {"sequence", [](const Superblock& s) { return std::to_string(s.sequence); }},
      {"cluster", [](const Superblock& s) { return uuid_of(s.cluster); }},
      {"node", [](const Superblock& s) { return std::to_string(s.node.raw()); }},
      {"generation", [](const Superblock& s) { return std::to_string(s.generation.raw()); }},
      {"shard",
       [](const Superblock& s) { return std::to_string(s.shard.raw()) + " of " + std::to_string(s.shard_count); }},
      {"incarnation", [](const Superblock& s) { return std::to_string(s.incarnation.raw()); }},
      {"clean", [](const Superblock& s) { return std::string(s.clean ? "yes" : "no"); }},
      {"limits digest", [](const Superblock& s) { return hex_of(s.limits_digest); }},
      {"durable batch", [](const Superblock& s) { return std::to_string(s.durable_batch.raw()); }},
      {"first batch", [](const Superblock& s) { return std::to_string(s.first_batch.raw()); }},
      {"durable before", former_text},
      {"begun before", begins_text},
      {"checksum", [](const Superblock& s) { return hex_of(s.checksum); }},
      {"parent", [](const Superblock& s) { return hex_of(s.parent); }},
  };
  return all;
}

std::string copies_like(const Survey& survey, const Superblock& superblock) {
  std::string text;
  for (u32 i = 0; i < superblock_copies; ++i)
    if (legible(survey.copies[i]) && survey.copies[i].copy.superblock.checksum == superblock.checksum)
      text += (text.empty() ? "" : ", ") + std::to_string(i);
  return (text.size() == 1 ? "copy " : "copies ") + text;
}

std::string differences(const CopySurvey& copy, const Superblock& from) {
  std::string text;
  for (const Field& field : fields()) {
    const std::string value = field.value(copy.copy.superblock);
    const std::string other = field.value(from);
    if (value != other)
      text += (text.empty() ? "" : ", ") + std::string(field.name) + " " + value + " instead of " + other;
  }
  return text;
}

}  // namespace

std::string superblock_text(const Survey& survey, const Style& style) {
  std::string text = head_text(survey, style) + "\n";
  Table table(
      {"copy", "at byte", "state", "sequence", "incarnation", "clean", "durable batch", "first batch", "checksum"});
  for (u32 i = 0; i < superblock_copies; ++i) {
    const CopySurvey& copy = survey.copies[i];
    std::vector<std::string> row{std::to_string(i), std::to_string(superblock_offset(i)), name_of(copy.state)};
    const Superblock& s = copy.copy.superblock;
    if (legible(copy)) {
      for (const std::string& value :
           {std::to_string(s.sequence), std::to_string(s.incarnation.raw()), std::string(s.clean ? "yes" : "no"),
            std::to_string(s.durable_batch.raw()), std::to_string(s.first_batch.raw()), short_digest(s.checksum)})
        row.push_back(value);
    } else {
      row.resize(table_columns, "-");
    }
    table.add(std::move(row));
  }
  text += table.text() + "\n";
  if (!survey.believed) return text + "nothing can be opened: no copy is intact\n";
  const bool opened = !survey.opening.refusal.code;
  text += (opened ? "opened is sequence " : "nothing can be opened; the newest intact copy is sequence ") +
          std::to_string(survey.believed->sequence) + ", from " + copies_like(survey, *survey.believed) +
          (opened ? ": the highest of which two copies are intact\n" : "\n");
  Table believed({"field", "value"});
  for (const Field& field : fields()) believed.add({field.name, field.value(*survey.believed)});
  text += believed.text();
  for (u32 i = 0; i < superblock_copies; ++i) {
    const CopySurvey& copy = survey.copies[i];
    if (copy.state == CopyState::opened) continue;
    text += "copy " + std::to_string(i) + " " + name_of(copy.state) + ": " + why(copy.state);
    const std::string different = legible(copy) ? differences(copy, *survey.believed) : "";
    text += (different.empty() ? "" : "; " + different) + "\n";
  }
  return text;
}

std::string superblock_json(const Survey& survey) {
  JsonWriter json = head_json(survey, "superblock");
  json.array("copies");
  for (u32 i = 0; i < superblock_copies; ++i) {
    const CopySurvey& copy = survey.copies[i];
    json.object().field("copy", i).field("file_offset", superblock_offset(i)).field("state", name_of(copy.state));
    json.field("intact", copy.copy.intact).field("why", why(copy.state));
    if (legible(copy)) put_superblock(json, copy.copy.superblock);
    json.end_object();
  }
  json.end_array();
  if (survey.opening.refusal.code) {
    json.null("opened");
  } else {
    json.object("opened");
    put_superblock(json, survey.opening.current);
    json.end_object();
  }
  json.array("rewritten");
  for (u32 i = 0; i < survey.opening.repair_count; ++i) json.field("", u32{survey.opening.repair[i]});
  return json.end_array().end_object().text();
}

}  // namespace keelson::io::inspect
