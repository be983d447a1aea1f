// Findings: everything that isn't as it should be in a data file, by kind, each with its first places and what it
// means.
//
// Who uses it: verify. Reads every byte, also those that recovery has no reason to. A note is what a crash or nothing
// at all leaves behind; damage is what a disk or somebody did. Not here: printing.
#pragma once

#include <string>
#include <vector>

#include "keelson/io/inspect/records.h"

namespace keelson::io::inspect {

enum class Finding : u8 {
  file_size,
  unreadable,
  superblock,
  owner,
  superblock_copy,
  index_page,
  wal_page,
  record_damaged,
  record_lost,
  record_suspect,
  record_unindexed,
  content_lost,
  content_unsure,
  pages_behind_end,
  records_above_gap,
  group_log_damaged,
  group_amnesiac,
  group_head_unknown,
  group_ops_lost,
  group_ops_suspect,
  checkpoint_record,
  checkpoint_table,
  checkpoint_lost,
  checkpoint_section,
  torn,
  settled,
  stray,
  count,
};
const char* name_of(Finding finding);
const char* meaning_of(Finding finding);
bool is_damage(Finding finding);  // false: a note

struct FindingPlace {
  Zone zone = Zone::wal;
  bool has_offset = true;
  u64 file_offset = 0;
  std::string what;
};

class Findings {
 public:
  explicit Findings(std::size_t places_max) : kinds_(static_cast<std::size_t>(Finding::count)), max_(places_max) {}
  // Counts; of each kind the first places are kept (0: all).
  void add(Finding finding, Zone zone, u64 file_offset, const std::string& what);
  void add(Finding finding, const std::string& what);

  // Whether another place of it would be kept.
  bool wants(Finding finding) const { return max_ == 0 || places(finding).size() < max_; }

  u64 count(Finding finding) const { return kinds_[static_cast<std::size_t>(finding)].count; }
  const std::vector<FindingPlace>& places(Finding finding) const {
    return kinds_[static_cast<std::size_t>(finding)].places;
  }
  bool any_damage() const;

 private:
  struct Kind {
    u64 count = 0;
    std::vector<FindingPlace> places;
  };
  void add(Finding finding, FindingPlace place);

  std::vector<Kind> kinds_;
  std::size_t max_;
};

// Of the log as far as a start reads it; empty where it wasn't read.
Findings find_in_log(const Survey& survey, std::size_t places_max);
// Of everything.
Findings find_all(const Survey& survey, std::size_t places_max);

// 0 whole, 1 damaged; what a start would end with, where it would refuse the file.
int exit_code_of(const Survey& survey, const Findings& findings);

}  // namespace keelson::io::inspect
