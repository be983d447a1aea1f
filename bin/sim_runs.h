// SimRuns: the runs that one command line asks for: how each is done, done again elsewhere, and named.
//
// Who uses it: `keelson sim`, for single runs and for campaigns. Not here: which of them are done, and what is shown or
// kept of them.
#pragma once

#include <functional>

#include "keelson/sim/run/campaign.h"
#include "keelson/sim/run/run.h"

#include "scenario_files.h"
#include "sim_options.h"

namespace keelson::bin {

class SimRuns {
 public:
  SimRuns(SimRequest request, std::vector<ScenarioFile> files, Tool tool)
      : request_(std::move(request)), files_(std::move(files)), tool_(std::move(tool)) {}

  const SimRequest& request() const { return request_; }
  const SimOptions& options() const { return request_.options; }
  const std::vector<ScenarioFile>& files() const { return files_; }
  const Tool& tool() const { return tool_; }
  bool single() const { return files_.size() == 1 && request_.seeds.from == request_.seeds.to; }

  sim::RunReport run(const sim::CampaignTask& task, const std::function<void(const sim::RunProgress&)>& progress = {},
                     sim::TraceSink* trace = nullptr) const;
  // Of two more runs, this process's and another's: where they part, and whose doing it must be.
  std::string first_difference(const sim::CampaignTask& task) const;
  // What a worker that died is reported as.
  sim::RunReport died(const sim::CampaignTask& task, const std::string& how) const;
  // What another process is to be started with, to print the trace hash.
  std::vector<std::string> again(const sim::CampaignTask& task) const;
  // With the flags that were given and no others: what a swarm is free to draw depends on them.
  std::string again_text(const sim::CampaignTask& task) const;

 private:
  SimRequest request_;
  std::vector<ScenarioFile> files_;
  Tool tool_;
};

std::string own_path();  // of the running binary
// The command line of this process, as a shell takes it; without --resume.
std::string typed_command(const Tool& tool);

}  // namespace keelson::bin
