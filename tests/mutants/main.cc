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
#include "tests/mutants/shrunk.h"

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
  std::string shrink_budget = "60s", out;
  bool list = false, json = false, shrink = false, shrunk = false;
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

// Where shrunk finds are, and go: beside this program's source.
std::filesystem::path shrunk_folder(const Options& options) {
  if (!options.out.empty()) return options.out;
  const auto scenarios =
      options.scenarios.empty() ? bin::need_scenarios_folder() : std::filesystem::path(options.scenarios);
  return scenarios.empty() ? scenarios : (scenarios / ".." / "tests" / "mutants" / "shrunk").lexically_normal();
}

// Makes a find small. Null: it can't, and why was said.
std::optional<Shrunk> shrink(const Options& options, const Mutant& mutant, const std::string& scenario, u64 seed,
                             bool tiny) {
  const ShrinkOptions how{duration(options.shrink_budget), options.hunt.jobs, shrunk_folder(options)};
  std::error_code error;
  std::filesystem::create_directories(how.folder, error);
  if (error) {
    std::cerr << "keelson mutants: cannot write into " << how.folder.string() << ": " << error.message() << "\n";
    return std::nullopt;
  }
  auto shrunk = shrink_find(mutant, scenario, seed, tiny, how);
  if (!shrunk) return shrunk;
  if (shrunk->result.signature.empty()) {
    std::cerr << "keelson mutants: nothing to shrink: this run ends with "
              << sim::name_of(shrunk->result.before.verdict) << "\n";
    return std::nullopt;
  }
  if (shrunk->file.empty())
    std::cerr << "keelson mutants: what is left of " << mutant.name << " does not fail in the same way from a file in "
              << how.folder.string() << "\n";
  return shrunk;
}

void print_shrunk(const Shrunk& shrunk) {
  const sim::ShrinkResult& r = shrunk.result;
  std::printf("    shrunk: %llu -> %llu events, %llu -> %llu decisions not quiet, %s; %llu runs in %s s%s\n    %s\n",
              static_cast<unsigned long long>(r.before.events), static_cast<unsigned long long>(r.after.events),
              static_cast<unsigned long long>(r.nonquiet_before), static_cast<unsigned long long>(r.nonquiet_after),
              r.signature.c_str(), static_cast<unsigned long long>(r.runs),
              seconds_text(shrunk.took_ms * 1'000'000).c_str(), r.finished ? "" : ", the whole budget",
              shrunk.file.c_str());
  std::fflush(stdout);
}

std::string json_of(const Shrunk& shrunk) {
  const sim::ShrinkResult& r = shrunk.result;
  return sim::JsonObject()
      .text("signature", r.signature)
      .field("events_before", r.before.events)
      .field("events", r.after.events)
      .field("decisions_before", r.nonquiet_before)
      .field("decisions", r.nonquiet_after)
      .field("runs", r.runs)
      .field("wall_ms", shrunk.took_ms)
      .text("file", shrunk.file.string())
      .close();
}

// Every file that --shrink has left, with its bug and without. `stale`: the bugs of those that don't hold any more.
int run_shrunk(const Options& options, std::vector<std::string>& stale) {
  const auto folder = shrunk_folder(options);
  if (folder.empty()) return exit_code::bad_data;
  const auto files = bin::find_scenarios({folder.string()});
  if (files.empty()) return exit_code::bad_data;
  std::size_t done = 0, held = 0;
  const auto asked = [&](const Mutant* mutant) {
    if (options.names.empty() || !mutant) return true;
    return std::any_of(options.names.begin(), options.names.end(),
                       [&](const std::string& name) { return name == "all" || name == mutant->name; });
  };
  for (const auto& file : files) {
    const Again again = run_again(file);
    if (!asked(again.mutant)) continue;
    ++done;
    held += again.holds();
    std::cout << (again.holds() ? "holds  " : "STALE  ") << file.named << "  " << again.events << " events, "
              << (again.wanted.empty() ? "says not how it failed" : again.wanted) << std::endl;
    if (again.holds()) continue;
    if (!again.mutant) {
      std::cout << "    is called like no planted bug\n";
      continue;
    }
    if (again.bug != again.wanted) std::cout << "    with the bug: " << (again.bug.empty() ? "ok" : again.bug) << "\n";
    if (!again.healthy.empty()) std::cout << "    without it: " << again.healthy << "\n";
    stale.push_back(again.mutant->name);
  }
  std::cout << held << " of " << done << " hold\n";
  if (!stale.empty() && !options.shrink) std::cout << "renew      ./keelson mutants --shrunk --shrink\n";
  return held == done && done > 0 ? exit_code::done : exit_code::operation_failed;
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
  if (options.shrink) {
    if (!mutant) return usage("--shrink: name the planted bug; for the healthy kernel there is keelson shrink");
    const auto shrunk = shrink(options, *mutant, options.scenario, options.seed, options.limits == "tiny");
    if (!shrunk) return exit_code::bad_data;
    options.json ? void(std::cout << json_of(*shrunk) << std::endl) : print_shrunk(*shrunk);
    return shrunk->file.empty() ? exit_code::operation_failed : exit_code::done;
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

void print_json(const Mutant& mutant, const Hunt& hunt, const std::optional<Shrunk>& shrunk) {
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
  std::cout << "]" << (shrunk ? ",\"shrunk\":" + json_of(*shrunk) : "") << "}" << std::endl;
}

int run(Options& options) {
  if (options.list) return list();
  if (duration(options.shrink_budget).count() == 0)
    return usage("--shrink-budget: got " + options.shrink_budget + "; expected a duration such as 60s");
  if (options.shrunk) {
    std::vector<std::string> stale;
    const int code = run_shrunk(options, stale);
    if (!options.shrink || stale.empty()) return code;
    options.names = stale;  // to be found and made small again
  }
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
  auto end = std::chrono::steady_clock::now() + budget;
  bool shrunk_all = true;
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
      if (!options.json) print_row(*wanted[i], hunts[i]);
      std::optional<Shrunk> shrunk;
      if (options.shrink && hunts[i].found) {
        const auto paused = std::chrono::steady_clock::now();
        shrunk = shrink(options, *wanted[i], hunts[i].scenario, hunts[i].seed, hunts[i].tiny);
        end += std::chrono::steady_clock::now() - paused;
        shrunk_all &= shrunk && !shrunk->file.empty();
      }
      if (options.json) print_json(*wanted[i], hunts[i], shrunk);
      if (!options.json && shrunk) print_shrunk(*shrunk);
    }
  }
  const auto found = std::count_if(hunts.begin(), hunts.end(), [](const Hunt& hunt) { return hunt.found; });
  if (!options.json) std::cout << found << " of " << wanted.size() << " found\n";
  return found == static_cast<std::ptrdiff_t>(wanted.size()) && shrunk_all ? exit_code::done
                                                                           : exit_code::operation_failed;
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
  app.add_flag("--shrink", options.shrink,
               "make what is found, or that run, as small as can be, and keep it as a file");
  app.add_option("--shrink-budget", options.shrink_budget, "for each, beside the hunt")->capture_default_str();
  app.add_option("--out", options.out, "folder of such files (default: tests/mutants/shrunk of this checkout)");
  app.add_flag("--shrunk", options.shrunk,
               "no hunt: run such files, which must fail with their bug as they did and pass without; with --shrink:\n"
               "then hunt for the bugs of those that don't, and make their files anew");
  app.add_flag("--json", options.json, "one JSON object per bug");
  app.footer(
      "A planted bug is found when a run fails in safety or liveness that the kernel without the bug survives on the\n"
      "same seed. What isn't found is a hole in a scenario or in a checker.\n"
      "Exit codes: 0 all found, 1 some not found, 64 usage, 65 no scenarios.\n\nExamples:\n"
      "  keelson mutants --list\n  keelson mutants vsr.nack_one --shrink\n"
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
