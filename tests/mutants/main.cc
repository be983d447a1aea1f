// keelson mutants: how good the simulator is, by the planted bugs that it finds.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <unistd.h>

#include "keelson/io/exit_code.h"
#include "tests/mutants/hunt.h"

#include "bin/usage.h"

namespace keelson::mutants {
namespace {

namespace exit_code = io::exit_code;

struct Options {
  std::vector<std::string> names;
  std::string budget = "30m";
  std::string scenarios;
  std::string scenario, limits;     // of a single run
  std::vector<std::string> places;  // where to look, instead of what mutants.def says
  u64 seed = 0;
  HuntOptions hunt;
  bool list = false, json = false;
};

int usage(const std::string& what) {
  std::cerr << "keelson mutants: " << what << "\ntry: keelson mutants --help\n";
  return exit_code::usage;
}

// "90s", "30m", "2h"; 0: no duration.
std::chrono::seconds duration(const std::string& text) {
  std::size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits]))) ++digits;
  if (digits == 0 || digits > 6 || digits + 1 != text.size()) return std::chrono::seconds(0);
  const std::chrono::seconds number(std::stol(text.substr(0, digits)));
  switch (text[digits]) {
    case 's':
      return number;
    case 'm':
      return number * 60;
    case 'h':
      return number * 3600;
    default:
      return std::chrono::seconds(0);
  }
}

int list() {
  for (const Mutant& mutant : all_mutants()) std::cout << mutant.name << "\n    " << mutant.wrong << "\n";
  return exit_code::done;
}

std::string seconds_text(u64 ns) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", static_cast<double>(ns) / 1e9);
  return buffer;
}

// One run again, with the bug or (none named) without.
int run_again(const Options& options) {
  if (options.names.size() > 1) return usage("--scenario runs one mutant, or none for the healthy kernel");
  const Mutant* mutant = options.names.empty() ? nullptr : find_mutant(options.names[0]);
  if (!options.names.empty() && !mutant) return usage("no such mutant: " + options.names[0]);
  if (!options.hunt.report.empty() && !std::ofstream(options.hunt.report)) {
    std::cerr << "keelson mutants: cannot write " << options.hunt.report << ": " << std::strerror(errno) << "\n";
    return exit_code::cannot_create;
  }
  const Hunter hunter({}, options.hunt);
  const auto report =
      hunter.run_one(mutant ? mutant->id : Id::none, options.scenario, options.seed, options.limits == "tiny");
  if (!report) return exit_code::bad_data;
  std::error_code error;
  if (!options.hunt.report.empty() && std::filesystem::file_size(options.hunt.report, error) == 0) {
    std::filesystem::remove(options.hunt.report, error);
    std::cerr << "keelson mutants: no report: the run's process ended before it could be written\n";
  }
  std::cout << (mutant ? mutant->name : "healthy") << "  " << options.scenario << " seed " << options.seed << "  "
            << sim::name_of(report->verdict);
  if (report->failure)
    std::cout << "  " << report->failure->kind << " in phase " << report->failure->phase << " at "
              << seconds_text(report->failure->at_ns) << " s, event " << report->failure->event << "\n    "
              << report->failure->detail;
  std::cout << "\n";
  if (report->failure) std::cout << report->failure->explanation;
  return sim::exit_code_of(*report);
}

void print_head() { std::printf("%-32s %-30s %6s %8s  %s\n", "mutant", "found by", "runs", "CPU s", "scenario, seed"); }

void print_row(const Mutant& mutant, const Hunt& hunt) {
  const std::string where = hunt.found ? hunt.scenario + ", " + std::to_string(hunt.seed) + (hunt.tiny ? " tiny" : "")
                                       : std::string("- ") + mutant.wrong;
  std::printf("%-32s %-30s %6llu %8s  %s\n", mutant.name.c_str(), hunt.found ? hunt.checker.c_str() : "NOT FOUND",
              static_cast<unsigned long long>(hunt.seeds), seconds_text(hunt.busy_ns).c_str(), where.c_str());
  for (const auto& run : hunt.healthy) std::printf("    fails without the bug as well: %s\n", run.c_str());
  std::fflush(stdout);
}

void print_json(const Mutant& mutant, const Hunt& hunt) {
  using sim::json_string;
  std::cout << "{\"mutant\":" << json_string(mutant.name) << ",\"wrong\":" << json_string(mutant.wrong)
            << ",\"found\":" << (hunt.found ? "true" : "false") << ",\"runs\":" << hunt.seeds
            << ",\"cpu_s\":" << seconds_text(hunt.busy_ns);
  if (hunt.found)
    std::cout << ",\"checker\":" << json_string(hunt.checker) << ",\"scenario\":" << json_string(hunt.scenario)
              << ",\"seed\":" << hunt.seed << ",\"limits\":" << (hunt.tiny ? "\"tiny\"" : "\"scenario\"")
              << ",\"detail\":" << json_string(hunt.detail);
  std::cout << ",\"healthy_failures\":[";
  for (std::size_t i = 0; i < hunt.healthy.size(); ++i) std::cout << (i ? "," : "") << json_string(hunt.healthy[i]);
  std::cout << "]}" << std::endl;
}

int run(const Options& options) {
  if (options.list) return list();
  const auto budget = duration(options.budget);
  if (budget.count() == 0)
    return usage("--budget: got " + options.budget + "; expected a duration such as 90s, 30m or 2h");
  if (!options.scenario.empty()) return run_again(options);
  std::vector<const Mutant*> wanted;
  for (const auto& name : options.names) {
    if (const Mutant* mutant = find_mutant(name)) {
      wanted.push_back(mutant);
    } else if (name == "all") {
      for (const Mutant& each : all_mutants()) wanted.push_back(&each);
    } else {
      std::string hint;
      for (const auto& close : meant(name)) hint += " " + close;
      return usage("no such mutant: " + name + "; did you mean" + hint + "? --list shows all");
    }
  }
  if (wanted.empty()) return usage("name one or more, or all; --list shows them");
  const std::filesystem::path folder =
      options.scenarios.empty() ? bin::need_scenarios_folder() : std::filesystem::path(options.scenarios);
  if (folder.empty()) return exit_code::bad_data;

  // Each gets an equal part of what is left of the time; what the quick ones leave over, the slow ones get.
  const auto end = std::chrono::steady_clock::now() + budget;
  Hunter hunter(folder, options.hunt);
  std::vector<Hunt> hunts(wanted.size());
  const auto sought = [&](std::size_t i) {
    Mutant mutant = *wanted[i];
    if (!options.places.empty()) mutant.scenarios = options.places;
    return mutant;
  };
  const auto open = [&](std::size_t i) { return !hunts[i].found && !hunts[i].exhausted; };
  if (!options.json) print_head();
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (open(i)) left.push_back(i);
    for (std::size_t k = 0; k < left.size(); ++k) {
      const std::size_t i = left[k];
      const auto now = std::chrono::steady_clock::now();
      const auto share = (end - now) / static_cast<std::int64_t>(left.size() - k);
      hunter.go_on(sought(i), hunts[i], now + std::min<std::chrono::steady_clock::duration>(share, budget));
      if (pass == 0 && open(i)) continue;  // it gets a second chance
      options.json ? print_json(*wanted[i], hunts[i]) : print_row(*wanted[i], hunts[i]);
    }
  }
  const auto found = std::count_if(hunts.begin(), hunts.end(), [](const Hunt& hunt) { return hunt.found; });
  if (!options.json) std::cout << found << " of " << wanted.size() << " found\n";
  return found == static_cast<std::ptrdiff_t>(wanted.size()) ? exit_code::done : exit_code::operation_failed;
}

}  // namespace
}  // namespace keelson::mutants

int main(int argc, char** argv) {
  using namespace keelson;
  mutants::Options options;
  CLI::App app{"hunt for planted bugs: how good the simulator is, by what it finds", "keelson mutants"};
  app.add_option("name", options.names, "planted bugs by name, or all");
  app.add_flag("--list", options.list, "say what each planted bug does wrong, and run nothing");
  app.add_option("--budget", options.budget, "time for the whole hunt, such as 90s, 30m, 2h")->capture_default_str();
  app.add_option("--jobs", options.hunt.jobs, "worker processes")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--runs", options.hunt.seeds_max, "give a bug up after so many runs")->capture_default_str();
  app.add_option("--first-seed", options.hunt.first_seed, "seeds count up from here")->capture_default_str();
  app.add_option("--in", options.places, "hunt in these files or folders only, named as below scenarios/");
  app.add_option("--scenarios", options.scenarios, "folder of scenarios (default: the one of this checkout)");
  app.add_option("--scenario", options.scenario, "no hunt: run this file once, with --seed and perhaps --limits");
  app.add_option("--seed", options.seed, "of that run")->needs("--scenario");
  app.add_option("--limits", options.limits, "of that run: tiny, or the file's")
      ->needs("--scenario")
      ->check(CLI::IsMember({"tiny"}));
  app.add_option("--report", options.hunt.report, "of a single run: write a page that shows it");
  app.add_flag("--json", options.json, "one JSON object per bug");
  app.footer(
      "A planted bug is found when a run fails in safety or liveness that the kernel without the bug survives on the\n"
      "same seed. What isn't found is a hole in a scenario or in a checker.\n"
      "Exit codes: 0 all found, 1 some not found, 64 usage, 65 no scenarios.\n\nExamples:\n"
      "  keelson mutants --list\n  keelson mutants vsr.nack_one\n"
      "  keelson mutants vsr.nack_one --scenario scenarios/crash/backup.textproto --seed 3 --limits tiny\n  keelson "
      "mutants all --budget 30m --jobs 2 --json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return bin::teach(app, error, argc, argv);
  }
  ::mallopt(M_MMAP_THRESHOLD, 48 << 20);  // as keelson sim does
  ::mallopt(M_TRIM_THRESHOLD, 192 << 20);
  return mutants::run(options);
}
