#include "keelson/io/inspect/records.h"

#include <algorithm>

#include "keelson/wire/validate.h"

namespace keelson::io::inspect {
namespace {

std::string page_text(const Survey& survey, PageNo page) {
  const Limits& limits = survey.profile->limits;
  return "page " + std::to_string(page.raw()) + " (segment " + std::to_string(segment_of(limits, page)) + ")";
}

// What is wrong with one page under a record; empty: nothing.
std::string page_fault(const Survey& survey, const FoundRecord& record, PageNo page, const std::byte* bytes) {
  const StampReading read = read_stamp(bytes, page_seed(survey.log_cluster(), survey.log_shard()));
  if (read.state == PageState::blank)
    return all_zero({bytes, page_bytes}) ? " was never written, or zeroed" : " has a stamp of zeros before its records";
  if (read.state == PageState::bad) return " has a stamp whose check does not hold";
  if (read.stamp.page_no != page) return " holds page " + std::to_string(read.stamp.page_no.raw()) + " instead";
  if (read.stamp.batch_no != record.batch) return " is of batch " + std::to_string(read.stamp.batch_no.raw());
  return {};
}

}  // namespace

std::vector<RecordRow> records_of(const Survey& survey) {
  std::vector<RecordRow> rows;
  if (!survey.log_read()) return rows;
  const Recovery& recovery = survey.run->recovery();
  const auto add = [&](const FoundRecord& record) {
    RecordRow row;
    row.record = &record;
    row.group = survey.groups[record.group].group;
    row.mark = recovery.history()->mark_of(record.batch);
    row.row = row_of(row.mark, record.entry, record.record);
    const bool solo = survey.groups[record.group].voters == 1;
    row.fate = fate_of(row.row, solo ? RecordClass::solo : record.strict ? RecordClass::strict : RecordClass::normal);
    rows.push_back(row);
  };
  for (const FoundRecord& record : recovery.facts().records) add(record);
  for (const FoundRecord& state : recovery.facts().whole_states) add(state);
  std::sort(rows.begin(), rows.end(), [](const RecordRow& a, const RecordRow& b) {
    const RecordPlace& x = a.record->place;
    const RecordPlace& y = b.record->place;
    return x.page != y.page ? x.page < y.page : x.offset < y.offset;
  });
  return rows;
}

Diagnosis diagnose(const Survey& survey, const FoundRecord& record) {
  const Limits& limits = survey.profile->limits;
  const RecordPlace& place = record.place;
  PageBuffer pages(pages_of(place));
  for (u32 i = 0; i < pages_of(place); ++i) {
    const PageNo page = place.page + i;
    const u64 at = survey.file_offset(Zone::wal, wal_offset(limits, page));
    if (!survey.image->read(at, pages.span(i, 1))) return {at, page_text(survey, page) + " can't be read"};
    const std::string fault = page_fault(survey, record, page, pages.page(i));
    if (!fault.empty()) return {at, page_text(survey, page) + fault};
  }
  const u64 at = file_offset_of(survey, place);
  std::vector<std::byte> bytes(place.size);
  const u64 seed = page_seed(survey.log_cluster(), survey.log_shard());
  if (gather_record(pages.span(0, pages.pages()), place, seed, limits, bytes) != RecordPages::ok)
    return {at, "its pages were only written in part"};
  const Reject reject = validate_record(bytes, survey.log_cluster(), limits);
  if (reject != Reject::none) return {at, std::string("its bytes do not hold: ") + keelson::name_of(reject)};
  return {at, "another record than its index entry names"};
}

u64 file_offset_of(const Survey& survey, const RecordPlace& place) {
  return survey.file_offset(Zone::wal, wal_offset(survey.profile->limits, place.page)) + stamp_bytes + place.offset;
}

const char* name_of(RecordState state) {
  switch (state) {
    case RecordState::ok:
      return "ok";
    case RecordState::old:
      return "old";
    case RecordState::bad:
      return "bad";
  }
  return "bad";
}

const char* name_of(EntryState state) {
  switch (state) {
    case EntryState::ok:
      return "ok";
    case EntryState::old:
      return "old";
    case EntryState::bad:
      return "bad";
  }
  return "bad";
}

const char* name_of(RecordFate fate) {
  switch (fate) {
    case RecordFate::keep:
      return "keep";
    case RecordFate::drop:
      return "torn";
    case RecordFate::suspect:
      return "suspect";
    case RecordFate::lost:
      return "lost";
    case RecordFate::head_unknown:
      return "head_unknown";
    case RecordFate::amnesiac:
      return "amnesiac";
    case RecordFate::damaged:
      return "damaged";
  }
  return "lost";
}

const char* name_of(Zone zone) {
  switch (zone) {
    case Zone::superblock:
      return "superblock";
    case Zone::wal:
      return "wal";
    case Zone::index:
      return "index";
    case Zone::checkpoint:
      return "checkpoint";
  }
  return "superblock";
}

}  // namespace keelson::io::inspect
