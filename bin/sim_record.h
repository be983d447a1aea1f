// One run that leaves files: trace, tape, page, export, history; and the verdict that every single run leaves.
#pragma once

#include "sim_runs.h"

namespace keelson::bin {

// In this process. The exit code; 73 before the run where a file can't be written.
int run_recorded(const SimRuns& runs);

// Prints the report, and keeps it for whoever comes later (reports_folder).
void show_single(const SimRuns& runs, const sim::RunReport& report);

}  // namespace keelson::bin
