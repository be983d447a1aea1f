// Checkpoints: of each group the newest one that the log names: both copies of its table, and each of its sections,
// proven or not.
//
// Who uses it: the checkpoint report, verify. Sections are read by the kernel's own loader, so that what is called
// damaged here is what a start can't use. Not here: records in the log that are damaged themselves (records.h), what
// the bytes of a section mean: a machine decides that.
#pragma once

#include <array>
#include <vector>

#include "keelson/io/inspect/findings.h"
#include "keelson/store/blocks.h"

namespace keelson::io::inspect {

enum class TableState : u8 {
  whole,
  damaged,
  unreadable,
  outside,  // the record says a place that no table can have
};
const char* name_of(TableState state);

enum class SectionKind : u8 { machine, sessions, bodies, blob };
const char* name_of(SectionKind kind);

struct SectionSurvey {
  u32 number = 0;  // as in the table
  SectionKind kind = SectionKind::machine;
  u32 number_of_kind = 0;
  u64 bytes = 0;
  Vec<BlockRun> runs;
  bool whole = false;
};

struct CheckpointSurvey {
  const GroupSurvey* group = nullptr;
  GroupCheckpoint record;
  RecordPlace place;  // of it
  std::array<TableState, 2> copies{};
  bool table_whole = false;  // either of them, and it says what the record says
  u64 bytes = 0;
  u64 blocks = 0;    // of sections and of both tables
  GroupId overlaps;  // another group's checkpoint has one of its blocks; no_group: none
  std::vector<SectionSurvey> sections;

  u64 damaged_sections() const;
  // A start reads no blobs.
  bool starts() const;
  bool whole() const { return table_whole && overlaps == no_group && damaged_sections() == 0; }
};

// Of the groups that have one, in their order. Reads every section.
std::vector<CheckpointSurvey> checkpoints_of(const Survey& survey);
// What is wrong with them.
void find_in_checkpoints(const Survey& survey, Findings& findings);

// "sessions section 3", "machine section 0", "blob 1"
std::string name_of(const SectionSurvey& section);

}  // namespace keelson::io::inspect
