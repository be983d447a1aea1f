// The plan of the campaign that a command line asks for (sim/campaign/plan.h).
#pragma once

#include "keelson/sim/campaign/plan.h"

#include "sim_runs.h"

namespace keelson::bin {

// Scenarios in the order of the command's files: the plan's i-th is the runs' i-th.
sim::CampaignPlan plan_of(const SimRuns& runs, const std::string& command);

}  // namespace keelson::bin
