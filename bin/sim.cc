// keelson sim: runs scenarios from seeds.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <random>
#include <unistd.h>

#include "keelson/io/exit_code.h"
#include "keelson/sim/report/exports.h"
#include "keelson/sim/report/reporting.h"
#include "keelson/sim/run/campaign.h"
#include "keelson/sim/run/recording.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/simulation.h"
#include "keelson/sim/tape_text.h"

#include "commands.h"
#include "history_files.h"
#include "scenario_files.h"
#include "sim_output.h"
#include "version.h"

namespace keelson::bin {
namespace {

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::vector<std::string> scenarios;
  std::string seed, seeds, limits, trace, tape, verify, report, history;
  std::vector<std::string> exported;  // kind and file
  unsigned jobs = 0;
  bool json = false, list = false, print = false, hash_only = false;
};

struct Range {
  u64 from = 0;
  u64 to = 0;
};

constexpr u64 seed_max = (u64{1} << 53) - 1;  // exact in JSON

bool parse_number(const std::string& text, u64& value) {
  if (text.empty() || text.size() > 16 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); }))
    return false;
  value = std::stoull(text);
  return value <= seed_max;
}

bool parse_range(const std::string& text, Range& range) {
  const auto dots = text.find("..");
  return dots != std::string::npos && parse_number(text.substr(0, dots), range.from) &&
         parse_number(text.substr(dots + 2), range.to) && range.from <= range.to;
}

std::string own_path() {
  char buffer[4096];
  const ssize_t n = ::readlink("/proc/self/exe", buffer, sizeof buffer);
  return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
}

// Every restart of a node frees and takes buffers of megabytes: touching fresh pages was half of a run's time. The
// large pools, of which a run touches little, stay mappings of their own.
void keep_freed_memory() {
  constexpr int large = 48 << 20;
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, 4 * large);
}

class SimCommand {
 public:
  SimCommand(Options options, Tool tool) : options_(std::move(options)), tool_(std::move(tool)) {}

  int run() {
    keep_freed_memory();
    if (options_.list) return list();
    if (const int code = read_options()) return code;
    files_ = find_scenarios(options_.scenarios, tool_);
    if (files_.empty()) return io::exit_code::bad_data;
    if (options_.print) return print_resolved();
    if (options_.hash_only) return print_hash();
    if (!recorded()) return run_all();
    return single() ? run_recorded() : too_many_to_record();
  }

 private:
  int usage(const std::string& what) const {
    std::cerr << tool_.name << " sim: " << what << "\ntry: " << tool_.name << " sim --help\n";
    return io::exit_code::usage;
  }

  bool single() const { return files_.size() == 1 && range_.from == range_.to; }

  bool recorded() const {
    return !options_.tape.empty() || !options_.trace.empty() || !options_.report.empty() ||
           !options_.exported.empty() || !options_.history.empty();
  }

  int too_many_to_record() const {
    const char* flag = !options_.tape.empty()      ? "--tape"
                       : !options_.trace.empty()   ? "--trace"
                       : !options_.report.empty()  ? "--report"
                       : !options_.history.empty() ? "--history"
                                                   : "--export";
    return usage(std::string(flag) + " writes a single run; got " + std::to_string(files_.size()) +
                 (files_.size() == 1 ? " scenario" : " scenarios") + ", seeds " + std::to_string(range_.from) + ".." +
                 std::to_string(range_.to) + "; expected one file, and --seed N instead of --seeds");
  }

  int list() const {
    auto named = options_.scenarios;
    if (named.empty()) {
      const auto folder = need_scenarios_folder(tool_);
      if (folder.empty()) return io::exit_code::bad_data;
      named.push_back(folder.string());
    }
    const auto files = find_scenarios(named, tool_);
    for (const auto& file : files) std::cout << file.named << "\n    " << file.about << "\n";
    return files.empty() ? io::exit_code::bad_data : 0;
  }

  int read_options() {
    if (!options_.seed.empty() && !options_.seeds.empty()) return usage("--seed and --seeds exclude each other");
    if (!options_.seeds.empty() && !parse_range(options_.seeds, range_))
      return usage("--seeds: got " + options_.seeds + "; expected A..B with A <= B < 2^53, such as 1..200");
    if (!options_.seed.empty()) {
      if (!parse_number(options_.seed, range_.from))
        return usage("--seed: got " + options_.seed + "; expected a number below 2^53");
      range_.to = range_.from;
    } else if (options_.seeds.empty()) {
      range_.from = range_.to = std::random_device()() % 1'000'000'000;
    }
    if (!options_.limits.empty() && options_.limits != "standard" && options_.limits != "tiny")
      return usage("--limits: got " + options_.limits + "; expected standard or tiny");
    if (!options_.limits.empty())
      overrides_.limits = options_.limits == "tiny" ? sim::pb::LimitsProfile::TINY : sim::pb::LimitsProfile::STANDARD;
    if (!options_.exported.empty() && !sim::export_named(options_.exported[0]))
      return usage("--export: got " + options_.exported[0] + "; expected shiviz or perfetto, and a file");
    if (!options_.history.empty() && !sim::notation_of(options_.history))
      return usage(bad_history_name(options_.history));
    verify_every_ = range_.from == range_.to ? 1 : 8;
    if (!options_.verify.empty() &&
        (options_.verify.rfind("1/", 0) != 0 || !parse_number(options_.verify.substr(2), verify_every_)))
      return usage("--verify: got " + options_.verify +
                   "; expected 1/N, such as 1/8 (one run in eight), or 1/0 for none");
    if (options_.jobs == 0) options_.jobs = std::max(1u, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)));
    return 0;
  }

  int print_resolved() const {
    for (const auto& file : files_) {
      sim::Tape tape(sim::source_of(file.scenario, range_.from));
      std::cout << sim::print(sim::resolve(file.scenario, overrides_, tape));
    }
    return 0;
  }

  // For whoever compares; with --trace, also for whoever asks where two runs part.
  int print_hash() const {
    std::ofstream trace(options_.trace.empty() ? "/dev/null" : options_.trace);
    sim::JsonTraceSink sink(trace);
    std::cout << run_task({0, range_.from}, {}, options_.trace.empty() ? nullptr : &sink).trace_hash;
    return 0;
  }

  sim::RunReport run_task(const sim::CampaignTask& task,
                          const std::function<void(const sim::RunProgress&)>& progress = {},
                          sim::TraceSink* trace = nullptr) const {
    const ScenarioFile& file = files_[task.scenario];
    sim::Tape tape(sim::source_of(file.scenario, task.seed));
    const auto scenario = sim::resolve(file.scenario, overrides_, tape);
    sim::RunOptions how{again_text(task), task.seed, trace, progress};
    how.own = tool_.own;
    return sim::run_scenario(scenario, tape, how);
  }

  // Of two more runs, this process's and another's: where they part, and whose doing it must be.
  std::string first_difference(const sim::CampaignTask& task) const {
    const std::string stem = std::filesystem::temp_directory_path() / ("keelson-" + std::to_string(::getpid()));
    const std::string here = stem + "-here.jsonl", there = stem + "-there.jsonl";
    std::ofstream trace(here);
    sim::JsonTraceSink sink(trace);
    run_task(task, {}, &sink);
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

  std::vector<std::string> again(const sim::CampaignTask& task) const {
    std::vector<std::string> words = {own_path(), "sim", files_[task.scenario].path.string(), "--seed",
                                      std::to_string(task.seed)};
    if (!options_.limits.empty()) words.insert(words.end(), {"--limits", options_.limits});
    words.push_back("--hash-only");
    return words;
  }

  // With the flags that were given and no others: what a swarm is free to draw depends on them.
  std::string again_text(const sim::CampaignTask& task) const {
    const ScenarioFile& file = files_[task.scenario];
    return tool_.typed + " sim " + file.named +
           (file.scenario.has_tape() ? "" : " --seed " + std::to_string(task.seed)) +
           (options_.limits.empty() ? "" : " --limits " + options_.limits);
  }

  // One run that leaves files: in this process.
  int run_recorded() {
    const ScenarioFile& file = files_[0];
    std::ofstream trace_file;
    if (!options_.trace.empty()) {
      trace_file.open(options_.trace);
      if (!trace_file) return cannot_write(options_.trace);
    }
    std::ofstream page;
    if (!options_.report.empty()) {
      page.open(options_.report, std::ios::binary);
      if (!page) return cannot_write(options_.report);
    }
    std::ofstream exported;
    if (!options_.exported.empty()) {
      exported.open(options_.exported[1], std::ios::binary);
      if (!exported) return cannot_write(options_.exported[1]);
    }
    HistoryFile history;
    if (!history.open(options_.history)) return cannot_write(options_.history);
    sim::Tape tape(sim::source_of(file.scenario, range_.from), sim::Recording::on);
    const auto scenario = sim::resolve(file.scenario, overrides_, tape);
    sim::JsonTraceSink sink(trace_file);
    const std::string repeat = again_text({0, range_.from});
    sim::RunOptions how{repeat, range_.from, trace_file.is_open() ? &sink : nullptr, {}};
    how.own = tool_.own;
    history.watch(how);
    sim::Reporting reporting;
    if (page.is_open() || exported.is_open()) reporting.watch(how, scenario);
    const auto report = sim::run_scenario(scenario, tape, how);
    if (exported.is_open()) {
      sim::write_export(exported, *sim::export_named(options_.exported[0]), reporting.timeline());
      if (!exported.flush()) return cannot_write(options_.exported[1]);
    }
    if (!history.finish()) return cannot_write(options_.history);
    if (page.is_open() && !reporting.write_page(page, report, build_text(), repeat))
      return cannot_write(options_.report);
    if (!options_.tape.empty() && !write_tape_file(scenario, tape, report)) return cannot_write(options_.tape);
    show(report);
    return sim::exit_code_of(report);
  }

  bool write_tape_file(const sim::pb::Scenario& scenario, const sim::Tape& tape, const sim::RunReport& report) const {
    const auto bytes = sim::write_tape(sim::recording_of(scenario, tape, report));
    std::ofstream out(options_.tape, std::ios::binary);
    return bytes && out.write(bytes->data(), static_cast<std::streamsize>(bytes->size())).flush();
  }

  int cannot_write(const std::string& path) const {
    std::cerr << tool_.name << " sim: cannot write " << path << ": " << std::strerror(errno) << "\n";
    return io::exit_code::cannot_create;
  }

  void show(const sim::RunReport& report) const {
    if (options_.json)
      std::cout << sim::to_json(report) << "\n";
    else
      print_run(report, again_text({0, report.seed}));
    write_report(report);
  }

  // The verdict stays, for whoever comes later. Other runs have other names: file, seed, and limits where given.
  void write_report(const sim::RunReport& report) const {
    std::error_code error;
    const auto folder = reports_folder();
    std::filesystem::create_directories(folder, error);
    std::string name = std::filesystem::path(files_[0].named).replace_extension().string();
    std::replace(name.begin(), name.end(), '/', '-');
    name.erase(0, name.find_first_not_of("-."));
    name += "-" + std::to_string(report.seed) + (options_.limits.empty() ? "" : "-" + options_.limits) + ".json";
    std::ofstream out(folder / name);
    if (out << sim::to_json(report) << "\n") return;
  }

  int run_all() {
    Bar bar;
    sim::Campaign campaign;
    for (std::size_t s = 0; s < files_.size(); ++s)
      for (u64 seed = range_.from; seed <= range_.to; ++seed) campaign.tasks.push_back({s, seed});
    campaign.jobs = options_.jobs;
    campaign.verify_every = verify_every_;
    const bool one = single();
    campaign.run = [&](const sim::CampaignTask& task) {
      return run_task(task, one && !options_.json ? progress_of(bar) : std::function<void(const sim::RunProgress&)>());
    };
    campaign.run_elsewhere = [&](const sim::CampaignTask& task) {
      return sim::run_and_capture(again(task), task.seed * 31 + 7);
    };
    campaign.first_difference = [&](const sim::CampaignTask& task) { return first_difference(task); };
    campaign.again = [&](const sim::CampaignTask& task) { return again_text(task); };
    campaign.died = [&](const sim::CampaignTask& task, const std::string& how) { return died(task, how); };
    campaign.on_report = [&](const sim::RunReport& report) {
      bar.clear();
      if (one)
        show(report);
      else if (options_.json)
        std::cout << sim::to_json(report) << "\n";
      else
        print_campaign_line(report);
    };
    campaign.on_progress = [&](std::size_t done, std::size_t failed) {
      if (one || options_.json) return;
      bar.show("sim", done, campaign.tasks.size(),
               std::to_string(done) + "/" + std::to_string(campaign.tasks.size()) + " runs, " + std::to_string(failed) +
                   " failed");
    };
    campaign.interrupted = [] { return interrupted != 0; };
    std::signal(SIGINT, [](int) { interrupted = 1; });
    const sim::Summary summary = sim::run_campaign(campaign);
    bar.clear();
    if (!one || !options_.seeds.empty()) {
      if (options_.json)
        std::cout << sim::to_json(summary) << "\n";
      else
        print_summary(summary, campaign.jobs);
    }
    return sim::exit_code_of(summary.worst);
  }

  static std::function<void(const sim::RunProgress&)> progress_of(Bar& bar) {
    return [&bar](const sim::RunProgress& p) {
      bar.show("sim", p.virtual_ns, p.virtual_ns_planned, p.phase + "  " + std::to_string(p.events) + " events");
    };
  }

  // Nobody caught it: with an own machine about, its author should know where to look first.
  std::string whose() const {
    return tool_.own ? ": a crash in machine `" + tool_.own->own_machine().name +
                           "` or its workload, if no sanitizer or debugger says otherwise"
                     : "";
  }

  sim::RunReport died(const sim::CampaignTask& task, const std::string& how) const {
    sim::RunReport report;
    report.scenario = files_[task.scenario].scenario.name();
    report.seed = task.seed;
    report.verdict = sim::Verdict::safety;
    report.expected = false;
    report.failure =
        sim::Failure{"process.died", "the run's process ended by " + how + whose(), again_text(task), 0, 0, ""};
    return report;
  }

  Options options_;
  Tool tool_;
  Range range_;
  sim::Overrides overrides_;
  u64 verify_every_ = 8;
  std::vector<ScenarioFile> files_;
};

}  // namespace

void add_sim(CLI::App& app, int& exit_code, const Tool& tool) {
  auto* sim = app.add_subcommand("sim", "run seeded simulation scenarios and judge them");
  auto options = std::make_shared<Options>();
  const std::string again = "\n  " + tool.name + " sim ";
  const std::string one = tool.own ? "scenarios/" + tool.own->own_machine().name + ".textproto"
                                   : std::string("scenarios/smoke/default.textproto");
  sim->add_option("scenario", options->scenarios, "files, or folders of .textproto files; none: " + one);
  sim->add_option("--seed", options->seed, "run this seed (none given: a random one, which is printed)");
  sim->add_option("--seeds", options->seeds, "run all seeds of A..B");
  sim->add_option("--jobs", options->jobs, "worker processes (default: one per core)");
  sim->add_option("--limits", options->limits, "standard or tiny, whatever the scenario says");
  sim->add_flag("--json", options->json, "one JSON object per run, and a summary for --seeds");
  sim->add_option("--trace", options->trace, "write every event of a single run to this file, as JSON lines");
  sim->add_option("--tape", options->tape, "write the decisions of a single run to this file, for replay");
  sim->add_option("--report", options->report, "write a page that shows a single run: an HTML file for any browser");
  sim->add_option("--export", options->exported, "shiviz or perfetto, and a file: a single run for those viewers")
      ->type_name("KIND FILE")
      ->expected(2);
  sim->add_option("--history", options->history,
                  "write what the clients of a single run saw: .edn (Knossos, Elle), .json or .jsonl (Porcupine)");
  sim->add_option("--verify", options->verify,
                  "1/N: run one in N twice and compare the hashes (default: single runs 1/1, else 1/8)");
  sim->add_flag("--list", options->list, "say what each scenario shows, and run nothing");
  sim->add_flag("--print", options->print, "print the scenario with everything resolved, and run nothing");
  sim->add_flag("--hash-only", options->hash_only, "run and print the trace hash only")->group("");
  sim->footer(
      "Exit codes: 0 as expected, 2 safety violated, 3 liveness violated, 4 nondeterministic, or an own machine\n"
      "that breaks its contract, 5 inconclusive, 64 usage, 65 bad scenario.\n\nExamples:" +
      again + again + "scenarios --seeds 1..200 --limits tiny" + again + one +
      " --seed 7 --trace events.jsonl --tape run.ktape" + again + one + " --seed 7 --report out.html");
  sim->callback([options, tool, &exit_code] { exit_code = SimCommand(*options, tool).run(); });
}

}  // namespace keelson::bin
