#include "sim_runs.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fstream>
#include <unistd.h>

#include "keelson/sim/simulation.h"
#include "keelson/sim/tape_text.h"

namespace keelson::bin {

std::string own_path() {
  char buffer[4096];
  const ssize_t n = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
}

std::string typed_command(const Tool& tool) {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string text = tool.typed, word;
  for (bool first = true; std::getline(in, word, '\0'); first = false) {
    if (first || word == "--resume") continue;
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::isalnum(c) || std::strchr("-_./,:=+@%", c) != nullptr;
    });
    text += " " + (plain ? word : "'" + word + "'");
  }
  return text;
}

sim::RunReport SimRuns::run(const sim::CampaignTask& task, const std::function<void(const sim::RunProgress&)>& progress,
                            sim::TraceSink* trace) const {
  const ScenarioFile& file = files_[task.scenario];
  sim::Tape tape(sim::source_of(file.scenario, task.seed));
  const auto scenario = sim::resolve(file.scenario, request_.overrides, tape);
  sim::RunOptions how{again_text(task), task.seed, trace, progress};
  how.own = tool_.own;
  how.fork = request_.fork;
  return sim::run_scenario(scenario, tape, how);
}

std::string SimRuns::first_difference(const sim::CampaignTask& task) const {
  const std::string stem = std::filesystem::temp_directory_path() / ("keelson-" + std::to_string(::getpid()));
  const std::string here = stem + "-here.jsonl", there = stem + "-there.jsonl";
  std::ofstream trace(here);
  sim::JsonTraceSink sink(trace);
  run(task, {}, &sink);
  trace.close();
  auto command = again(task);
  command.insert(command.end(), {"--trace", there});
  static_cast<void>(sim::run_and_capture(command, task.seed * 31 + 11));
  std::string text = sim::first_difference(here, there);
  std::error_code ignored;
  std::filesystem::remove(here, ignored);
  std::filesystem::remove(there, ignored);
  if (tool_.own)
    text += "; machine `" + tool_.own->own_machine().name +
            "` or its workload depends on something that is not in the run (an address, chance, a global, memory "
            "that was never written): this is your program, not the kernel";
  return text;
}

sim::RunReport SimRuns::died(const sim::CampaignTask& task, const std::string& how) const {
  // Nobody caught it: with an own machine about, its author should know where to look first.
  const std::string whose = tool_.own ? ": a crash in machine `" + tool_.own->own_machine().name +
                                            "` or its workload, if no sanitizer or debugger says otherwise"
                                      : "";
  sim::RunReport report;
  report.scenario = files_[task.scenario].scenario.name();
  report.seed = task.seed;
  report.verdict = sim::Verdict::safety;
  report.expected = false;
  report.failure =
      sim::Failure{"process.died", "the run's process ended by " + how + whose, again_text(task), 0, 0, ""};
  return report;
}

std::vector<std::string> SimRuns::again(const sim::CampaignTask& task) const {
  std::vector<std::string> words = {own_path(), "sim", files_[task.scenario].path.string(), "--seed",
                                    std::to_string(task.seed)};
  if (!options().limits.empty()) words.insert(words.end(), {"--limits", options().limits});
  if (!options().fork.empty()) words.insert(words.end(), {"--fork", options().fork});
  words.push_back("--hash-only");
  return words;
}

std::string SimRuns::again_text(const sim::CampaignTask& task) const {
  const ScenarioFile& file = files_[task.scenario];
  return tool_.typed + " sim " + file.named + (file.scenario.has_tape() ? "" : " --seed " + std::to_string(task.seed)) +
         (options().limits.empty() ? "" : " --limits " + options().limits) +
         (options().fork.empty() ? "" : " --fork " + options().fork);
}

}  // namespace keelson::bin
