// Records: what a log holds, record by record in the order of their places, and why those that aren't whole aren't.
//
// Who uses it: the wal report, verify, the repair plan. Judged by recovery itself; this puts its facts in order. Not
// here: groups (survey.h), printing.
#pragma once

#include <string>
#include <vector>

#include "keelson/io/inspect/survey.h"

namespace keelson::io::inspect {

struct RecordRow {
  const FoundRecord* record = nullptr;  // of the survey
  GroupId group;
  BatchMark mark = BatchMark::unmarked;
  RecoveryRow row = RecoveryRow::keep;
  RecordFate fate = RecordFate::keep;
};

// Empty where the log wasn't read.
std::vector<RecordRow> records_of(const Survey& survey);

struct Diagnosis {
  u64 file_offset = 0;  // of the page, or of the record, that is to blame
  std::string what;
};
// Of a record that isn't whole.
Diagnosis diagnose(const Survey& survey, const FoundRecord& record);

u64 file_offset_of(const Survey& survey, const RecordPlace& place);
const char* name_of(RecordState state);
const char* name_of(EntryState state);
const char* name_of(RecordFate fate);
const char* name_of(Zone zone);

}  // namespace keelson::io::inspect
