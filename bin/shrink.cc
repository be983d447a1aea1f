// keelson shrink: from a run that failed to the smallest scenario that fails in the same way.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include "keelson/io/exit_code.h"
#include "keelson/sim/shrink/regression_file.h"
#include "keelson/sim/shrink/story.h"
#include "keelson/sim/tape_text.h"

#include "commands.h"
#include "duration.h"
#include "scenario_files.h"
#include "sim_output.h"
#include "tape_files.h"
#include "version.h"

namespace keelson::bin {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::string what, limits, out, budget = "60s";
  std::optional<u64> seed;
  u64 runs = 0;
  unsigned jobs = 0;
  bool json = false, budget_given = false;
};

constexpr u64 seed_max = (u64{1} << 53) - 1;
constexpr std::chrono::hours no_budget{24};  // with --runs alone

bool is_tape(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  char magic[4] = {};
  return fs::path(path).extension() == ".ktape" ||
         (in.read(magic, sizeof magic) && std::string_view(magic, 4) == "KTAP");
}

class ShrinkCommand {
 public:
  ShrinkCommand(Options options, Tool tool) : options_(std::move(options)), tool_(std::move(tool)) {}

  int run() {
    if (options_.jobs == 0) options_.jobs = std::max(1u, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)));
    if (const int code = is_tape(options_.what) ? read_tape_file() : read_scenario_file()) return code;
    if (const int code = find_folder()) return code;
    std::signal(SIGINT, [](int) { interrupted = 1; });
    const auto began = std::chrono::steady_clock::now();
    const sim::ShrinkResult result = shrink();
    took_ms_ = static_cast<u64>((std::chrono::steady_clock::now() - began) / std::chrono::milliseconds(1));
    if (result.signature.empty()) return did_not_fail(result);
    return write(result);
  }

 private:
  int usage(const std::string& what) const {
    std::cerr << tool_.name << " shrink: " << what << "\ntry: " << tool_.name << " shrink --help\n";
    return io::exit_code::usage;
  }

  // --- what is to be shrunk

  int read_tape_file() {
    if (options_.seed) return usage("--seed: a tape has its own decisions; leave it out");
    if (!options_.limits.empty()) return usage("--limits: a tape has its own limits; leave it out");
    auto tape = read_tape("shrink", options_.what, tool_);
    if (!tape) return io::exit_code::bad_data;
    found_by_ =
        options_.what + " (scenario " + tape->scenario.name() + ", seed " + std::to_string(tape->file.seed) + ")";
    start_.scenario = tape->scenario;
    start_.scenario.clear_tape();
    // A recording of this build is what its seed gives: streams that a simpler scenario asks for more stay alive.
    if (tape->file.complete && !tape->scenario.has_tape() && same_from_seed(*tape)) return 0;
    if (const auto* sparse = std::get_if<std::vector<sim::SparseStream>>(&tape->file.streams))
      start_.tape = {*sparse, tape->file.base};
    else
      start_.tape = {
          sim::by_address(std::get<std::vector<sim::RecordedStream>>(tape->file.streams), sim::QuietDecisions::drop),
          {}};
    return 0;
  }

  bool same_from_seed(const NamedTape& tape) {
    start_.tape = {{}, sim::TapeBase::seeded(tape.file.seed)};
    sim::Oracle oracle({.jobs = 1, .budget = no_budget}, plain_runs(), {});
    const auto report = oracle.judge(start_);
    return tape.file.outcome && report.failure &&
           tape.file.outcome->signature == sim::signature_hash(sim::signature_of(report));
  }

  int read_scenario_file() {
    if (!options_.limits.empty() && options_.limits != "standard" && options_.limits != "tiny")
      return usage("--limits: got " + options_.limits + "; expected standard or tiny");
    if (options_.seed && *options_.seed > seed_max) return usage("--seed: expected a number below 2^53");
    const auto files = find_scenarios({options_.what}, tool_);
    if (files.empty()) return io::exit_code::bad_data;
    if (files.size() > 1) return usage(options_.what + " is a folder of several scenarios; name one of them");
    const ScenarioFile& file = files.front();
    if (!options_.seed && !file.scenario.has_tape())
      return usage("which run? --seed N: the seed of the one that failed, or name a tape instead of the scenario");
    sim::Overrides overrides;
    if (!options_.limits.empty())
      overrides.limits = options_.limits == "tiny" ? sim::pb::LimitsProfile::TINY : sim::pb::LimitsProfile::STANDARD;
    const u64 seed = options_.seed.value_or(0);
    sim::Tape tape(sim::source_of(file.scenario, seed));
    start_.scenario = sim::resolve(file.scenario, overrides, tape);
    start_.tape = file.scenario.has_tape() ? sim::tape_of(file.scenario.tape())
                                           : sim::SparseTape{{}, sim::TapeBase::seeded(seed)};
    start_.scenario.clear_tape();
    found_by_ = fs::path(file.named).replace_extension().string();
    const std::string folder = "scenarios/";
    if (const auto at = found_by_.find(folder); at != std::string::npos) found_by_.erase(0, at + folder.size());
    if (!file.scenario.has_tape()) found_by_ += ", seed " + std::to_string(seed);
    if (!options_.limits.empty()) found_by_ += ", limits " + options_.limits;
    return 0;
  }

  int find_folder() {
    folder_ = options_.out;
    if (options_.out.empty()) {
      const auto scenarios = need_scenarios_folder(tool_);
      if (scenarios.empty()) return io::exit_code::bad_data;
      folder_ = scenarios / "regressions";
    }
    std::error_code error;
    fs::create_directories(folder_, error);
    if (!error && ::access(folder_.c_str(), W_OK) == 0) return 0;
    std::cerr << tool_.name << " shrink: cannot write into " << folder_.string() << ": "
              << (error ? error.message() : std::strerror(errno)) << "\n";
    return io::exit_code::cannot_create;
  }

  // --- shrinking

  sim::ShrinkResult shrink() {
    Bar bar;
    sim::ShrinkConfig config{start_, {}, {}, {}, {}, tool_.own};
    config.limits.jobs = options_.jobs;
    config.limits.runs_max = options_.runs;
    config.limits.budget = options_.runs > 0 && !options_.budget_given
                               ? std::chrono::nanoseconds(no_budget)
                               : std::chrono::nanoseconds(parse_duration(options_.budget)->ns());
    config.interrupted = [] { return interrupted != 0; };
    config.progress = [&](const sim::ShrinkProgress& p) {
      if (options_.json) return;
      bar.show("shrink", p.spent_ppm, sim::ppm_one,
               std::string(p.pass) + ": " + std::to_string(p.runs) + " runs, " + std::to_string(p.events_before) +
                   " -> " + std::to_string(p.events) + " events");
    };
    return sim::shrink(config);
  }

  int did_not_fail(const sim::ShrinkResult& result) const {
    std::cerr << tool_.name << " shrink: nothing to shrink: this run ends with " << sim::name_of(result.before.verdict)
              << " after " << result.before.events << " events\n";
    return sim::exit_code_of(sim::Verdict::inconclusive);
  }

  // --- what is left of it

  int write(const sim::ShrinkResult& result) const {
    const fs::path path = folder_ / (result.best.scenario.name() + ".textproto");
    std::error_code error;
    const auto nearer = fs::relative(path, fs::current_path(error), error);
    const std::string named =
        !error && !nearer.empty() && nearer.string().rfind("..", 0) != 0 ? nearer.string() : path.string();
    sim::RegressionNotes notes;
    notes.command = tool_.typed + " sim " + named;
    notes.found_by = found_by_ + ", keelson " + std::string(version()) + " (" + std::string(revision()) + ")";
    notes.story = sim::story_of(result.best, result.after, plain_runs());
    std::ofstream out(path);
    if (!(out << sim::regression_text(result, notes)) || !out.flush()) {
      std::cerr << tool_.name << " shrink: cannot write " << path.string() << ": " << std::strerror(errno) << "\n";
      return io::exit_code::cannot_create;
    }
    out.close();
    const bool reproduced = fails_the_same(path, result.signature);
    options_.json ? print_json(result, named, reproduced) : print(result, notes, named, reproduced);
    return reproduced ? 0 : sim::exit_code_of(sim::Verdict::inconclusive);
  }

  // The file itself, read as `keelson sim` reads it.
  bool fails_the_same(const fs::path& path, const std::string& signature) const {
    const auto scenario = sim::load_scenario(path);
    if (!scenario) {
      for (const auto& problem : scenario.error()) std::cerr << problem.describe() << "\n";
      return false;
    }
    sim::Candidate candidate{*scenario, sim::tape_of(scenario->tape())};
    candidate.scenario.clear_tape();
    sim::Oracle oracle({.jobs = 1, .budget = no_budget}, plain_runs(), {});
    return sim::signature_of(oracle.judge(candidate)) == signature;
  }

  void print(const sim::ShrinkResult& r, const sim::RegressionNotes& notes, const std::string& named,
             bool reproduced) const {
    std::cout << "keelson " << version() << "  shrunk " << found_by_ << "\n  failure    " << r.signature
              << "\n  before     " << r.before.events << " events, " << r.nonquiet_before << " decisions not quiet, "
              << r.before.shape << "\n  after      " << r.after.events << " events, " << r.nonquiet_after
              << " decisions not quiet, " << r.after.shape << "\n  effort     " << r.runs << " runs in "
              << took_ms_ / 1000 << "." << took_ms_ / 100 % 10 << " s, "
              << (r.finished ? "until nothing smaller was found"
                             : "until the budget was used up; more may make it smaller")
              << "\n";
    for (const auto& line : notes.story)
      std::cout << "  " << (line == notes.story.front() ? "story      " : "           ") << line << "\n";
    std::cout << "file       " << named << "\nagain      " << tool_.typed << " sim " << named << "\n";
    if (!reproduced) std::cerr << "keelson shrink: the file does not fail in the same way; that is a bug of keelson\n";
  }

  void print_json(const sim::ShrinkResult& r, const std::string& named, bool reproduced) const {
    const auto size = [](const sim::RunReport& report, u64 nonquiet) {
      return "{\"events\":" + std::to_string(report.events) + ",\"nonquiet\":" + std::to_string(nonquiet) +
             ",\"virtual_ns\":" + std::to_string(report.virtual_ns) + ",\"shape\":" + sim::json_string(report.shape) +
             "}";
    };
    std::cout << "{\"schema\":1,\"signature\":" << sim::json_string(r.signature)
              << ",\"file\":" << sim::json_string(named) << ",\"found_by\":" << sim::json_string(found_by_)
              << ",\"before\":" << size(r.before, r.nonquiet_before) << ",\"after\":" << size(r.after, r.nonquiet_after)
              << ",\"entries\":" << r.best.entries() << ",\"runs\":" << r.runs << ",\"wall_ms\":" << took_ms_
              << ",\"finished\":" << (r.finished ? "true" : "false")
              << ",\"reproduced\":" << (reproduced ? "true" : "false") << "}\n";
  }

  sim::RunOptions plain_runs() const {
    sim::RunOptions options;
    options.own = tool_.own;
    return options;
  }

  Options options_;
  Tool tool_;
  sim::Candidate start_;
  std::string found_by_;
  fs::path folder_;
  u64 took_ms_ = 0;
};

}  // namespace

void add_shrink(CLI::App& app, int& exit_code, const Tool& tool) {
  auto* command = app.add_subcommand("shrink", "make the smallest scenario that fails as this run does");
  auto options = std::make_shared<Options>();
  command->add_option("run", options->what, "a scenario file, with --seed; or a tape of sim --tape")
      ->required()
      ->type_name("FILE|TAPE");
  command->add_option("--seed", options->seed, "of the run that failed");
  command->add_option("--limits", options->limits, "standard or tiny, as given to the run that failed");
  auto* budget =
      command->add_option("--budget", options->budget, "wall time, such as 30s; then the smallest so far")
          ->type_name("DURATION")
          ->capture_default_str()
          ->check([](const std::string& text) {
            return parse_duration(text) ? std::string() : "not a duration: " + text + "; expected such as 60s";
          });
  command->add_option("--runs", options->runs, "so many runs instead of a time: the same result on every machine");
  command->add_option("--jobs", options->jobs, "runs at once (default: one per core); changes nothing else");
  command->add_option("--out", options->out, "folder for the scenario (default: scenarios/regressions)");
  command->add_flag("--json", options->json, "one JSON object");
  command->footer(
      std::string(
          "Fewer replicas, clients, requests, keys, faults and phases first; then as few decisions of chance as "
          "possible "
          "in\n"
          "a world that is otherwise quiet. What is left fails by the same checker and invariant, without a seed, and "
          "says\n"
          "what happens in it. Fix the bug, keep the file: it must pass from then on.\n"
          "Exit codes: 0 written, 5 the run doesn't fail, 64 usage, 65 bad scenario or tape, 73 the folder can't be "
          "written.\n\n"
          "Examples:\n  ") +
      tool.name + " shrink scenarios/smoke/default.textproto --seed 7\n  " + tool.name +
      " shrink run.ktape --budget 10s --out /tmp");
  command->callback([options, budget, tool, &exit_code] {
    options->budget_given = budget->count() > 0;
    exit_code = ShrinkCommand(*options, tool).run();
  });
}

}  // namespace keelson::bin
