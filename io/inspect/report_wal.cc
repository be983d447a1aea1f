#include <algorithm>

#include "keelson/io/inspect/report.h"
#include "keelson/io/inspect/report_findings.h"
#include "keelson/io/inspect/report_head.h"
#include "keelson/io/inspect/words.h"

namespace keelson::io::inspect {
namespace {

struct Totals {
  u64 wal_pages = 0;
  u64 index_pages = 0;
  u64 segments_used = 0;
  PageNo end;
  u32 end_index_page = 0;
  u64 end_file_offset = 0;
};

class WalReport {
 public:
  WalReport(const Survey& survey, const WalOptions& options)
      : survey_(survey), options_(options), rows_(records_of(survey)), facts_(survey.run->recovery().facts()) {
    const Limits& limits = survey.profile->limits;
    for (const BatchFact& batch : facts_.batches) {
      totals_.wal_pages += batch.page_count;
      totals_.index_pages += batch.pages_expected;
    }
    const WalStart& end = survey.run->recovery().log_end();
    totals_.end = std::max(facts_.wal_end, end.next_page);
    totals_.end_index_page = end.next_index_page;
    totals_.segments_used =
        (std::max(facts_.wal_end.raw(), u64{0}) + limits.wal_segment_pages - 1) / limits.wal_segment_pages;
    totals_.segments_used = std::max(totals_.segments_used, (facts_.slots_end + limits.index_pages_per_segment - 1) /
                                                                limits.index_pages_per_segment);
    totals_.end_file_offset = survey.file_offset(Zone::wal, 0) + totals_.end.raw() * page_bytes;
    count_records();
  }

  std::string text(const Style& style) const {
    std::string text = totals_text();
    text += options_.records ? records_text() : batches_text();
    return text + damage_text(style);
  }

  void put(JsonWriter& json) const {
    json.field("segments", survey_.profile->limits.wal_segments).field("segments_used", totals_.segments_used);
    json.field("batches_count", facts_.batches.size()).field("records_count", rows_.size());
    json.field("wal_pages", totals_.wal_pages).field("index_pages", totals_.index_pages);
    json.object("end").field("page", totals_.end.raw()).field("index_page", totals_.end_index_page);
    json.field("file_offset", totals_.end_file_offset).field("next_batch", next_batch()).end_object();
    json.array(options_.records ? "records" : "batches");
    options_.records ? put_records(json) : put_batches(json);
    json.end_array().field("left_out", left_out());
    put_findings(json, find_in_log(survey_, options_.rows_max));
  }

 private:
  const BatchHistory& history() const { return *survey_.run->recovery().history(); }
  u64 next_batch() const { return history().highest().raw() + 1; }

  void count_records() {
    for (const RecordRow& row : rows_) {
      const auto at = std::partition_point(facts_.batches.begin(), facts_.batches.end(),
                                           [&](const BatchFact& batch) { return batch.no < row.record->batch; });
      counts_.resize(facts_.batches.size());
      if (at != facts_.batches.end()) ++counts_[static_cast<std::size_t>(at - facts_.batches.begin())];
      if (wanted(row)) ++wanted_;
    }
    counts_.resize(facts_.batches.size());
  }

  bool wanted(const RecordRow& row) const {
    const bool of_group = !options_.group || *options_.group == row.group;
    return of_group && row.record->op >= options_.from && row.record->op <= options_.to;
  }
  std::size_t rows_shown(std::size_t all) const {
    return options_.rows_max == 0 ? all : std::min(all, options_.rows_max);
  }
  u64 left_out() const {
    const std::size_t all = options_.records ? wanted_ : facts_.batches.size();
    return all - rows_shown(all);
  }
  // The newest ones are what a reader looks for.
  std::size_t first_shown(std::size_t all) const { return all - rows_shown(all); }

  std::string totals_text() const {
    return "log: " + plural(facts_.batches.size(), "batch") + " (" + std::to_string(totals_.wal_pages) + " pages, " +
           std::to_string(totals_.index_pages) + " index pages), " + plural(rows_.size(), "record") + " in " +
           std::to_string(totals_.segments_used) + " of " + plural(survey_.profile->limits.wal_segments, "segment") +
           "\nit goes on at page " + std::to_string(totals_.end.raw()) + " (byte " +
           std::to_string(totals_.end_file_offset) + " of the file), index page " +
           std::to_string(totals_.end_index_page) + " of that segment, with batch " + std::to_string(next_batch()) +
           "\n\n";
  }

  std::string left_out_text() const {
    return left_out() == 0 ? "" : "  ... " + std::to_string(left_out()) + " earlier ones (--limit 0 shows all)\n";
  }

  const char* state_of(const BatchFact& batch) const {
    if (!batch.has_head()) return "no index";
    if (!batch.indexed()) return "part of its index";
    return batch.page_count == 0 ? "marker" : "indexed";
  }

  // What its last index page tells of the batch before, beside the 128 bits of the head.
  const char* room_of(const BatchFact& batch) const {
    switch (batch.room) {
      case RoomState::absent:
        return "none";
      case RoomState::ok:
        return "ok";
      case RoomState::bad:
        return "bad";
    }
    return "";
  }

  std::string batches_text() const {
    Table table({"batch", "incarnation", "segment", "first page", "pages", "index pages", "records", "marker", "marked",
                 "filter", "behind it", "state"});
    for (std::size_t i = first_shown(facts_.batches.size()); i < facts_.batches.size(); ++i) {
      const BatchFact& batch = facts_.batches[i];
      table.add(
          {std::to_string(batch.no.raw()), std::to_string(batch.incarnation.raw()),
           std::to_string(segment_of(survey_.profile->limits, batch.first_page)),
           std::to_string(batch.first_page.raw()), std::to_string(batch.page_count),
           std::to_string(batch.pages_ok) + (batch.indexed() ? "" : " of " + std::to_string(batch.pages_expected)),
           std::to_string(counts_[i]), batch.has_head() ? std::to_string(batch.durable_batch.raw()) : "-",
           history().mark_of(batch.no) == BatchMark::marked ? "yes" : "no", room_of(batch),
           batch.strict_behind ? "strict" : "any", state_of(batch)});
    }
    return left_out_text() + table.text();
  }

  template <class Visit>
  void for_shown(Visit visit) const {
    std::size_t skip = first_shown(wanted_);
    for (const RecordRow& row : rows_) {
      if (!wanted(row)) continue;
      if (skip > 0)
        --skip;
      else
        visit(row);
    }
  }

  std::string records_text() const {
    Table table({"page", "offset", "at byte", "batch", "group", "command", "op", "view", "size", "identity", "record",
                 "entry", "row", "fate"});
    for_shown([&](const RecordRow& row) {
      const FoundRecord& r = *row.record;
      table.add({std::to_string(r.place.page.raw()), std::to_string(r.place.offset),
                 std::to_string(file_offset_of(survey_, r.place)), std::to_string(r.batch.raw()),
                 std::to_string(row.group.raw()), keelson::name_of(r.command), std::to_string(r.op.raw()),
                 std::to_string(r.view.raw()), std::to_string(r.place.size), short_digest(r.identity),
                 name_of(r.record), name_of(r.entry), std::to_string(static_cast<u32>(row.row)), name_of(row.fate)});
    });
    return left_out_text() + table.text();
  }

  std::string damage_text(const Style& style) const {
    const Findings findings = find_in_log(survey_, options_.rows_max);
    if (findings.any_damage()) return "\n" + findings_text(findings, style);
    return "\n" + findings_text(findings, style) + good("nothing is damaged", style) + " up to where it goes on\n";
  }

  void put_batches(JsonWriter& json) const {
    for (std::size_t i = first_shown(facts_.batches.size()); i < facts_.batches.size(); ++i) {
      const BatchFact& batch = facts_.batches[i];
      json.object().field("batch", batch.no.raw()).field("incarnation", batch.incarnation.raw());
      json.field("first_page", batch.first_page.raw()).field("pages", batch.page_count);
      json.field("index_pages", batch.pages_expected).field("index_pages_ok", batch.pages_ok);
      json.field("records", counts_[i]).field("marker", batch.durable_batch.raw());
      json.field("marked", history().mark_of(batch.no) == BatchMark::marked).field("filter", room_of(batch));
      json.field("strict_behind", batch.strict_behind).field("state", state_of(batch));
      json.end_object();
    }
  }

  void put_records(JsonWriter& json) const {
    for_shown([&](const RecordRow& row) {
      const FoundRecord& r = *row.record;
      json.object().field("page", r.place.page.raw()).field("offset", r.place.offset);
      json.field("file_offset", file_offset_of(survey_, r.place)).field("size", r.place.size);
      json.field("batch", r.batch.raw()).field("group", row.group.raw()).field("command", keelson::name_of(r.command));
      json.field("op", r.op.raw()).field("epoch", r.epoch.raw()).field("view", r.view.raw());
      json.field("identity", short_digest(r.identity)).field("record", name_of(r.record));
      json.field("entry", name_of(r.entry)).field("row", static_cast<u32>(row.row)).field("fate", name_of(row.fate));
      if (row.row != RecoveryRow::keep && row.row != RecoveryRow::keep_unindexed) {
        const Diagnosis diagnosis = diagnose(survey_, r);
        json.field("damage", diagnosis.what).field("damage_file_offset", diagnosis.file_offset);
      }
      json.end_object();
    });
  }

  const Survey& survey_;
  const WalOptions& options_;
  const std::vector<RecordRow> rows_;
  const LogFacts& facts_;
  Totals totals_;
  std::vector<u64> counts_;  // records by batch
  std::size_t wanted_ = 0;
};

}  // namespace

std::string wal_text(const Survey& survey, const WalOptions& options, const Style& style) {
  const std::string head = head_text(survey, style);
  return survey.log_read() ? head + WalReport(survey, options).text(style) : head;
}

std::string wal_json(const Survey& survey, const WalOptions& options) {
  JsonWriter json = head_json(survey, "wal");
  if (survey.log_read()) WalReport(survey, options).put(json);
  return json.end_object().text();
}

}  // namespace keelson::io::inspect
