// Reports: what `keelson inspect` and `keelson repair --dry-run` print, for people and as one JSON object each.
//
// Who uses it: bin/inspect.cc and bin/repair.cc, which parse flags and pick the exit code; tests. Keys are documented
// in docs/operations.md and only ever added. Not here: what is found (survey.h, records.h, findings.h, plan.h).
#pragma once

#include <optional>
#include <string>

#include "keelson/io/inspect/findings.h"
#include "keelson/io/inspect/table.h"

namespace keelson::io::inspect {

std::string superblock_text(const Survey& survey, const Style& style);
std::string superblock_json(const Survey& survey);

struct WalOptions {
  bool records = false;
  std::optional<GroupId> group;  // of records
  Op from;
  Op to{~u64{0}};
  std::size_t rows_max = 50;
};
std::string wal_text(const Survey& survey, const WalOptions& options, const Style& style);
std::string wal_json(const Survey& survey, const WalOptions& options);

std::string groups_text(const Survey& survey, const Style& style);
std::string groups_json(const Survey& survey, std::size_t rows_max);

std::string checkpoint_text(const Survey& survey, const Style& style);
std::string checkpoint_json(const Survey& survey, std::size_t rows_max);

std::string verify_text(const Survey& survey, const Findings& findings, const Style& style);
std::string verify_json(const Survey& survey, const Findings& findings);

std::string repair_text(const Survey& survey, const Style& style);
std::string repair_json(const Survey& survey);

}  // namespace keelson::io::inspect
