#include "keelson/io/inspect/report_head.h"

#include "keelson/io/data_dir_files.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {

std::string head_text(const Survey& survey, const Style& style) {
  std::string text = survey.file + ": " + std::to_string(survey.bytes) + " bytes";
  if (survey.profile)
    text += ", " + survey.profile->name + " limits, " + std::to_string(survey.profile->limits.wal_segments) +
            " segments of " + plural(survey.profile->limits.wal_segment_pages, "page");
  text += "\n";
  if (survey.live)
    text += bad("live: may be mid-write", style) + ": a node runs on it" +
            (survey.pid != 0 ? " (pid " + std::to_string(survey.pid) + ")" : "") +
            "; what is not yet whole may be on its way\n";
  if (survey.refusal) text += bad("refused", style) + ": a start ends with " + refusal_text(survey) + "\n";
  if (!survey.log_read_as.empty()) text += "log: " + survey.log_read_as + "\n";
  return text;
}

JsonWriter head_json(const Survey& survey, const char* report) {
  JsonWriter json;
  json.object().field("report", report).field("file", survey.file).field("file_bytes", survey.bytes);
  json.field("live", survey.live);
  if (survey.profile) {
    json.field("limits", survey.profile->name).field("wal_segments", survey.profile->limits.wal_segments);
  } else {
    json.null("limits").null("wal_segments");
  }
  if (survey.refusal) {
    const Problem& problem = survey.refusal->problems.front();
    json.object("refusal").field("code", problem.code).field("message", refusal_text(survey));
    json.field("exit_code", static_cast<u32>(survey.refusal->exit_code)).end_object();
  } else {
    json.null("refusal");
  }
  json.field("log_read", survey.log_read()).field("log_read_as", survey.log_read_as);
  return json;
}

void put_superblock(JsonWriter& json, const Superblock& s) {
  json.field("version", s.version).field("sequence", s.sequence).field("cluster", uuid_of(s.cluster));
  json.field("node", s.node.raw()).field("generation", s.generation.raw()).field("shard", s.shard.raw());
  json.field("shard_count", s.shard_count).field("incarnation", s.incarnation.raw()).field("clean", s.clean != 0);
  json.field("release_format", s.release_format.raw()).field("limits_digest", hex_of(s.limits_digest));
  json.field("first_live_segment", s.first_live_segment).field("durable_batch", s.durable_batch.raw());
  json.field("first_batch", s.first_batch.raw()).field("checksum", hex_of(s.checksum));
  json.field("parent", hex_of(s.parent)).array("former_durable");
  for (const BatchNo batch : s.former_durable)
    if (batch != BatchNo()) json.field("", batch.raw());
  json.end_array().array("former_begins");
  for (const LifeBegin& begin : s.former_begins) {
    if (begin.life == Incarnation()) continue;
    json.object("").field("incarnation", begin.life.raw()).field("first_batch", begin.first.raw()).end_object();
  }
  json.end_array();
}

}  // namespace keelson::io::inspect
