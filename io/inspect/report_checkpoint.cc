#include "keelson/io/data_dir_files.h"
#include "keelson/io/inspect/checkpoints.h"
#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

u64 offset_of(const Survey& survey, u32 block) { return survey.file_offset(Zone::checkpoint, u64{block} * page_bytes); }

std::string runs_text(const Survey& survey, const SectionSurvey& section) {
  constexpr std::size_t shown_max = 4;
  std::string text;
  for (std::size_t i = 0; i < section.runs.size() && i < shown_max; ++i)
    text += (i > 0 ? ", " : "") + plural(section.runs[i].count, "block") + " at byte " +
            std::to_string(offset_of(survey, section.runs[i].first));
  return text + (section.runs.size() > shown_max ? ", ..." : "");
}

std::string state_text(const CheckpointSurvey& checkpoint) {
  if (!checkpoint.table_whole) return "no table";
  if (checkpoint.overlaps != no_group) return "overlaps group " + std::to_string(checkpoint.overlaps.raw());
  const u64 damaged = checkpoint.damaged_sections();
  return damaged == 0 ? "whole" : plural(damaged, "section") + " damaged";
}

std::string damage_text(const Survey& survey, const CheckpointSurvey& checkpoint, const Style& style) {
  const std::string name = "group " + std::to_string(checkpoint.group->group.raw()) + " ";
  std::string text;
  for (u32 copy = 0; copy < 2; ++copy)
    if (checkpoint.copies[copy] != TableState::whole)
      text += name + "table copy " + std::to_string(copy) + " " + bad(name_of(checkpoint.copies[copy]), style) +
              ", byte " + std::to_string(offset_of(survey, checkpoint.record.table_block[copy])) + "\n";
  std::size_t shown = 0;
  for (const SectionSurvey& section : checkpoint.sections) {
    if (section.whole) continue;
    if (style.rows_max != 0 && shown++ == style.rows_max) return text + name + "and more (--limit 0 shows all)\n";
    text += name + name_of(section) + " " + bad("damaged", style) + ": " + runs_text(survey, section) + "\n";
  }
  return text;
}

void put_section(JsonWriter& json, const Survey& survey, const SectionSurvey& section) {
  json.object().field("section", section.number).field("of", name_of(section.kind));
  json.field("number", section.number_of_kind).field("bytes", section.bytes).array("runs");
  for (const BlockRun& run : section.runs)
    json.object().field("file_offset", offset_of(survey, run.first)).field("blocks", run.count).end_object();
  json.end_array().end_object();
}

}  // namespace

std::string checkpoint_text(const Survey& survey, const Style& style) {
  std::string text = head_text(survey, style);
  if (!survey.groups_known) return text + "checkpoints: not known, as the log could not be read to its end\n";
  const auto all = checkpoints_of(survey);
  u64 blocks = 0;
  for (const CheckpointSurvey& checkpoint : all) blocks += checkpoint.blocks;
  text += "checkpoints: of " + plural(all.size(), "group") + ", " + std::to_string(blocks) + " of " +
          plural(survey.profile->limits.checkpoint_blocks, "block") + "\n";
  if (all.empty()) return text;
  Table table({"group", "op", "checkpoint_id", "record at byte", "tables", "sections", "bytes", "blocks", "state"});
  std::string damage;
  for (const CheckpointSurvey& checkpoint : all) {
    const std::string tables = std::string(name_of(checkpoint.copies[0])) + ", " + name_of(checkpoint.copies[1]);
    table.add({std::to_string(checkpoint.group->group.raw()), std::to_string(checkpoint.record.op.raw()),
               short_digest(checkpoint.record.checkpoint_id), std::to_string(file_offset_of(survey, checkpoint.place)),
               tables, std::to_string(checkpoint.sections.size()), std::to_string(checkpoint.bytes),
               std::to_string(checkpoint.blocks), state_text(checkpoint)});
    damage += damage_text(survey, checkpoint, style);
  }
  return text + "\n" + table.text() + damage;
}

std::string checkpoint_json(const Survey& survey, std::size_t rows_max) {
  JsonWriter json = head_json(survey, "checkpoint");
  json.field("groups_known", survey.groups_known);
  if (survey.profile)
    json.field("zone_blocks", survey.profile->limits.checkpoint_blocks);
  else
    json.null("zone_blocks");
  json.array("checkpoints");
  for (const CheckpointSurvey& checkpoint : checkpoints_of(survey)) {
    const GroupCheckpoint& record = checkpoint.record;
    json.object().field("group", checkpoint.group->group.raw()).field("op", record.op.raw());
    json.field("identity", hex_of(record.identity)).field("checkpoint_id", hex_of(record.checkpoint_id));
    json.field("record_file_offset", file_offset_of(survey, checkpoint.place));
    json.field("table_bytes", record.table_bytes).array("tables");
    for (u32 copy = 0; copy < 2; ++copy)
      json.object()
          .field("file_offset", offset_of(survey, record.table_block[copy]))
          .field("state", name_of(checkpoint.copies[copy]))
          .end_object();
    json.end_array().field("whole", checkpoint.whole()).field("table_whole", checkpoint.table_whole);
    if (checkpoint.overlaps == no_group)
      json.null("overlaps_group");
    else
      json.field("overlaps_group", checkpoint.overlaps.raw());
    std::array<u64, 4> of_kind{};
    for (const SectionSurvey& section : checkpoint.sections) ++of_kind[static_cast<std::size_t>(section.kind)];
    json.field("machine_sections", of_kind[0]).field("session_sections", of_kind[1]).field("blobs", of_kind[3]);
    json.field("bytes", checkpoint.bytes).field("blocks", checkpoint.blocks);
    json.field("sections_damaged", checkpoint.damaged_sections()).array("damaged_sections");
    std::size_t shown = 0;
    for (const SectionSurvey& section : checkpoint.sections)
      if (!section.whole && (rows_max == 0 || shown++ < rows_max)) put_section(json, survey, section);
    json.end_array().end_object();
  }
  return json.end_array().end_object().text();
}

}  // namespace keelson::io::inspect
