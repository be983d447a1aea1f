// Campaign: many runs, in worker processes, so that a crash of one names its seed and hurts no other.
//
// Who uses it: `keelson sim`, also for a single seed. Results come back in order of task, whatever order they finished
// in. One run in verify_every is done a second time in a process started by exec, with another address layout and
// another heap: a different hash is nondeterminism. Not here: one run (run.h), what is printed, or what is kept
// (sim/campaign).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "keelson/sim/run/verdict.h"

namespace keelson::sim {

struct CampaignTask {
  std::size_t scenario = 0;
  u64 seed = 0;
};

struct Campaign {
  // What is to be run next; none: nothing is left.
  std::function<std::optional<CampaignTask>()> next;
  unsigned jobs = 1;
  u64 verify_every = 8;  // 1: all; 0: none
  // A worker that is longer at one task is killed, and its task reported as died; 0: never.
  std::chrono::nanoseconds patience{};
  // Runs one task in the worker's process.
  std::function<RunReport(const CampaignTask&)> run;
  // The trace hash of the task, from another process; empty if that failed.
  std::function<std::string(const CampaignTask&)> run_elsewhere;
  // Where two runs of it part; may be empty. Asked when their hashes differ.
  std::function<std::string(const CampaignTask&)> first_difference;
  // The command that runs the task once more.
  std::function<std::string(const CampaignTask&)> again;
  // What a worker that died is reported as.
  std::function<RunReport(const CampaignTask&, const std::string& how)> died;
  // As soon as the run is over, in any order; may be empty.
  std::function<void(const CampaignTask&, const RunReport&)> on_finished;
  // In the order in which tasks were given out.
  std::function<void(const RunReport&)> on_report;
  // Now and then.
  std::function<void(std::size_t done, std::size_t failed)> on_progress;
  std::function<bool()> interrupted;
};

// Whether a task is among those that are run twice: the same ones wherever the campaign is cut into parts.
bool is_verified(const CampaignTask& task, u64 verify_every);

// Of two traces in files, as JSON lines.
std::string first_difference(const std::string& here, const std::string& there);

Summary run_campaign(const Campaign& campaign);

// Starts a program with arguments, with its memory filled with another byte and an environment of another size, and
// returns what it prints; empty if it could not be started or was killed.
std::string run_and_capture(const std::vector<std::string>& command, u64 salt);

}  // namespace keelson::sim
