// Many runs: those of a folder of scenarios, or of a range of seeds; and what --out keeps of them.
//
// Who uses it: `keelson sim`, also for a single seed, which is run twice. Not here: one run that leaves files
// (sim_record.h), what is kept and how (campaign_folder.h).
#pragma once

#include "sim_runs.h"

namespace keelson::bin {

// The exit code: the worst of all runs; with --out of all that the folder holds.
int run_campaign_of(const SimRuns& runs, const std::string& command);

}  // namespace keelson::bin
