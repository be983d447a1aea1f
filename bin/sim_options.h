// The flags of `keelson sim`, as they were given, and as they are meant.
//
// Who uses it: sim.cc registers and reads them; whatever runs something is given a SimRequest. Not here: which scenario
// files are meant (scenario_files.h).
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "keelson/sim/campaign/plan.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/scenario.h"

#include "tool.h"

namespace keelson::bin {

struct SimOptions {
  std::vector<std::string> scenarios;
  std::string seed, seeds, shard, limits, trace, tape, verify, report, history, out, budget, fork;
  std::vector<std::string> exported;  // kind and file
  unsigned jobs = 0;
  bool json = false, list = false, markdown = false, print = false, hash_only = false, resume = false, shrink = false,
       common_marks = false;

  void add_to(CLI::App& command, const Tool& tool);
  bool recorded() const {
    return !tape.empty() || !trace.empty() || !report.empty() || !exported.empty() || !history.empty();
  }
};

struct SimRequest {
  SimOptions options;
  sim::SeedRange seeds;
  sim::Overrides overrides;
  u64 verify_every = 8;
  std::optional<Duration> budget;
  std::optional<sim::Fork> fork;
};

// Or what is wrong with them: exit code 64.
tl::expected<SimRequest, std::string> read_options(const SimOptions& options);

}  // namespace keelson::bin
