// The hunt for one planted bug: fresh seeds of its scenarios, until one fails that the healthy kernel passes.
//
// Who uses it: main.cc. A run counts as a find when its verdict is safety or liveness, or an unavailability that the
// scenario doesn't allow, and the same seed without the bug does not fail in the same way. Half of the seeds run on
// tiny limits, half on what the file says. Not here: what is printed.
#pragma once

#include <chrono>

#include "tests/mutants/mutant.h"

#include "bin/scenario_files.h"

namespace keelson::mutants {

struct HuntOptions {
  u64 first_seed = 1;
  u64 seeds_max = 2000;  // runs in all
  unsigned jobs = 1;
  u64 cpu_seconds_max = 30;  // of one run: a mutant may never return
  std::string report;        // of a single run: the page that shows it
};

class Hunter {
 public:
  // Scenario files are read once; a name in mutants.def that is no file ends the program.
  Hunter(std::filesystem::path scenarios, HuntOptions options);

  // Goes on where an earlier call for the same mutant stopped.
  void go_on(const Mutant& mutant, Hunt& hunt, std::chrono::steady_clock::time_point until);

  // One run of a mutant, as a hunt found it. Null: the file can't be used, which was said.
  std::optional<sim::RunReport> run_one(Id bug, const std::string& scenario, u64 seed, bool tiny) const;

 private:
  struct Task {
    const bin::ScenarioFile* file = nullptr;
    u64 seed = 0;
    bool tiny = false;
  };
  const std::vector<bin::ScenarioFile>& files_of(const std::string& name);
  std::vector<const bin::ScenarioFile*> files_of(const Mutant& mutant);
  sim::RunReport run(const Task& task) const;
  // One campaign of workers with this bug, as far as the first failure. Returns how many runs were done.
  u64 run_until_failure(Id bug, const std::vector<Task>& tasks, std::chrono::steady_clock::time_point until,
                        sim::RunReport& last, u64& busy_ns) const;

  std::filesystem::path scenarios_;
  HuntOptions options_;
  std::map<std::string, std::vector<bin::ScenarioFile>> files_;
};

}  // namespace keelson::mutants
