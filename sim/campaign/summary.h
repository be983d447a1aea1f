// The summary of a campaign: summary.json for programs, index.html for people.
//
// Who uses it: `keelson sim --out`, `sim merge`. The page holds the JSON and nothing that it doesn't say; it is one
// file that needs nothing else, in the look of a run's report (report/page.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "keelson/sim/campaign/tally.h"

namespace keelson::sim {

// What only the folder knows.
struct SummaryNotes {
  std::map<std::string, std::string> shrunk;  // by signature: the file, from the folder on
  std::string not_run;                        // "" or which seeds were left out: "seeds 37..200"
  std::string go_on;                          // the command that would run them
  std::vector<std::string> merged_from;
  u64 twice = 0;  // runs that were in more than one of these
};

// One line; keys are documented in docs/campaigns.md and only ever added to.
std::string summary_json(const Tally& tally, const SummaryNotes& notes);
std::string summary_page(const std::string& json);

}  // namespace keelson::sim
