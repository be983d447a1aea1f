// keelson fork: one run up to some of its events, and from there on many futures: how likely does it fail from here?
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <optional>

#include "keelson/io/exit_code.h"
#include "keelson/sim/campaign/forks.h"
#include "keelson/sim/tape_text.h"

#include "commands.h"
#include "sim_output.h"
#include "sim_runs.h"

namespace keelson::bin {
namespace {

volatile std::sig_atomic_t interrupted = 0;

constexpr u64 forks_max = 100'000;
constexpr std::chrono::minutes patience{15};

struct Options {
  SimOptions sim;
  u64 forks = 32, points = 10, first_seed = 1;
  std::vector<u64> events;
  bool marks = false;
};

int usage(const Tool& tool, const std::string& what) {
  std::cerr << tool.name << " fork: " << what << "\ntry: " << tool.name << " fork --help\n";
  return io::exit_code::usage;
}

class ForkCommand {
 public:
  ForkCommand(const Options& options, const SimRuns& runs) : options_(options), runs_(runs) {}

  int run() {
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = 1; });
    if (const auto wrong = choose_points()) return usage(runs_.tool(), *wrong);
    counts_.resize(points_.size());
    sim::run_campaign(campaign());
    bar_.clear();
    options_.sim.json ? print_json() : print();
    return 0;
  }

 private:
  std::optional<std::string> choose_points() {
    const ScenarioFile& file = runs_.files()[0];
    const u64 seed = runs_.request().seeds.from;
    sim::Tape tape(sim::source_of(file.scenario, seed));
    const auto scenario = sim::resolve(file.scenario, runs_.request().overrides, tape);
    sim::RunOptions how{runs_.again_text({0, seed}), seed, nullptr, {}};
    how.own = runs_.tool().own;
    sim::ForkPoints found;
    found.watch(how);
    whole_ = sim::run_scenario(scenario, tape, how);
    const u64 end = whole_.failure ? whole_.failure->event : whole_.events;
    for (const u64 event : options_.events)
      if (event > end)
        return "--at: got " + std::to_string(event) + "; the run has only " + std::to_string(end) + " events";
    if (options_.marks) points_ = found.at_marks();
    for (const u64 event : options_.events) points_.push_back(found.at(event));
    if (points_.empty()) points_ = found.evenly(options_.points, end);
    std::stable_sort(points_.begin(), points_.end(),
                     [](const sim::ForkPoint& a, const sim::ForkPoint& b) { return a.event < b.event; });
    return {};
  }

  // Of each point its n-th fork, before the next one of any: the table is even when it is cut off.
  sim::Campaign campaign() {
    sim::Campaign campaign;
    campaign.jobs = options_.sim.jobs;
    campaign.verify_every = 0;
    campaign.patience = patience;
    campaign.next = [this]() -> std::optional<sim::CampaignTask> {
      if (given_ == points_.size() * options_.forks) return {};
      const u64 n = given_++;
      return sim::CampaignTask{n % points_.size(), options_.first_seed + n / points_.size()};
    };
    campaign.run = [this](const sim::CampaignTask& task) { return forked(task).run({0, seed()}); };
    campaign.died = [this](const sim::CampaignTask& task, const std::string& how) {
      return forked(task).died({0, seed()}, how);
    };
    campaign.on_finished = [this](const sim::CampaignTask& task, const sim::RunReport& report) {
      counts_[task.scenario].add(report, task.seed);
    };
    campaign.on_report = [](const sim::RunReport&) {};
    campaign.on_progress = [this](u64 done, u64 failed) {
      const u64 all = points_.size() * options_.forks;
      if (!options_.sim.json)
        bar_.show("fork", done, all,
                  std::to_string(done) + "/" + std::to_string(all) + " runs, " + std::to_string(failed) + " failed");
    };
    campaign.interrupted = [] { return interrupted != 0; };
    return campaign;
  }

  u64 seed() const { return runs_.request().seeds.from; }
  SimRuns forked(const sim::CampaignTask& task) const {
    return forked(sim::Fork{points_[task.scenario].event, task.seed});
  }
  SimRuns forked(const sim::Fork& fork) const {
    SimRequest request = runs_.request();
    request.fork = fork;
    request.options.fork = std::to_string(fork.event) + ":" + std::to_string(fork.seed);
    return {std::move(request), runs_.files(), runs_.tool()};
  }

  static std::string percent(u64 ppm) { return std::to_string((ppm + 5'000) / 10'000) + " %"; }

  void print() const {
    std::printf("%s  seed %llu: %llu events, %s%s%s\n", whole_.scenario.c_str(),
                static_cast<unsigned long long>(seed()), static_cast<unsigned long long>(whole_.events),
                sim::name_of(whole_.verdict), whole_.failure ? "  " : "",
                whole_.failure ? whole_.failure->kind.c_str() : "");
    std::printf("  %-36s %9s %10s  %s\n", "from here on by chance", "event", "ms", "failed  of   chance (95 %)");
    for (std::size_t i = 0; i < points_.size(); ++i) print_row(points_[i], counts_[i]);
    for (std::size_t i = 0; i < points_.size(); ++i)
      for (const auto& [kind, first] : counts_[i].first_of) {
        std::printf("one of them: %s\n", forked(sim::Fork{points_[i].event, first}).again_text({0, seed()}).c_str());
        return;
      }
  }

  static void print_row(const sim::ForkPoint& point, const sim::ForkCount& count) {
    const auto chance = sim::chance_of(count);
    std::string kinds;
    for (const auto& [kind, n] : count.kinds) kinds += (kinds.empty() ? "  " : ", ") + kind + " " + std::to_string(n);
    std::printf("  %-36s %9llu %10llu  %6llu %4llu  %5s (%s to %s)%s\n", point.after.c_str(),
                static_cast<unsigned long long>(point.event), static_cast<unsigned long long>(point.at_ns / 1'000'000),
                static_cast<unsigned long long>(count.failed), static_cast<unsigned long long>(count.runs),
                percent(chance.likely).c_str(), percent(chance.low).c_str(), percent(chance.high).c_str(),
                kinds.c_str());
  }

  void print_json() const {
    std::vector<std::size_t> rows(points_.size());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
    const std::string points = sim::json_list(rows, [this](std::size_t i) {
      const auto chance = sim::chance_of(counts_[i]);
      return sim::JsonObject()
          .text("after", points_[i].after)
          .field("event", points_[i].event)
          .field("at_ns", points_[i].at_ns)
          .field("runs", counts_[i].runs)
          .field("failed", counts_[i].failed)
          .field("chance_ppm", chance.likely)
          .field("low_ppm", chance.low)
          .field("high_ppm", chance.high)
          .field("kinds", sim::json_counts(counts_[i].kinds))
          .field("first_of", sim::json_counts(counts_[i].first_of))
          .close();
    });
    std::cout << sim::JsonObject()
                     .field("schema", u64{1})
                     .text("scenario", whole_.scenario)
                     .field("seed", seed())
                     .text("verdict", sim::name_of(whole_.verdict))
                     .field("events", whole_.events)
                     .field("points", points)
                     .close()
              << "\n";
  }

  const Options& options_;
  const SimRuns& runs_;
  sim::RunReport whole_;
  std::vector<sim::ForkPoint> points_;
  std::vector<sim::ForkCount> counts_;
  u64 given_ = 0;
  Bar bar_;
};

int run_fork(Options options, const Tool& tool) {
  if (options.sim.seed.empty()) return usage(tool, "which run? --seed N");
  if (options.marks && !options.events.empty()) return usage(tool, "--marks and --at exclude each other");
  if (options.forks == 0 || options.forks > forks_max)
    return usage(tool,
                 "--forks: got " + std::to_string(options.forks) + "; expected 1 to " + std::to_string(forks_max));
  if (options.points == 0 || options.points > forks_max)
    return usage(tool,
                 "--points: got " + std::to_string(options.points) + "; expected 1 to " + std::to_string(forks_max));
  auto request = read_options(options.sim);
  if (!request) return usage(tool, request.error());
  options.sim.jobs = request->options.jobs;
  auto files = find_scenarios(options.sim.scenarios, tool);
  if (files.empty()) return io::exit_code::bad_data;
  if (files.size() > 1) return usage(tool, "a folder of several scenarios; name one of them");
  const SimRuns runs(std::move(*request), std::move(files), tool);
  return ForkCommand(options, runs).run();
}

}  // namespace

void add_fork(CLI::App& app, int& exit_code, const Tool& tool) {
  auto* command = app.add_subcommand("fork", "how likely a run fails from some of its events on, by many futures");
  auto options = std::make_shared<Options>();
  command->add_option("scenario", options->sim.scenarios, "a scenario file")->required()->expected(1);
  command->add_option("--seed", options->sim.seed, "of the run");
  command->add_option("--limits", options->sim.limits, "standard or tiny, whatever the scenario says");
  command->add_option("--forks", options->forks, "futures of each event")->capture_default_str();
  command->add_option("--points", options->points, "so many events, evenly over the run up to its failure")
      ->capture_default_str();
  command->add_option("--at", options->events, "these events instead");
  command->add_flag("--marks", options->marks, "instead: where each rare case of the kernel was reached first");
  command->add_option("--first-seed", options->first_seed, "of the futures, counting up")->capture_default_str();
  command->add_option("--jobs", options->sim.jobs, "worker processes (default: one per core)");
  command->add_flag("--json", options->sim.json, "one JSON object");
  command->footer(
      "Up to the event each run is the one of --seed; then chance decides anew. Where the share of failures jumps is\n"
      "where the bug was made. With --marks: which rare case of the kernel makes a failure likely.\n"
      "One future again, with everything that `sim` can record of a run: " +
      tool.name +
      " sim FILE --seed N --fork EVENT:SEED\n"
      "Exit codes: 0 counted (interrupted: so far), 64 usage, 65 bad scenario.\n\n"
      "Examples:\n  " +
      tool.name + " fork scenarios/smoke/default.textproto --seed 7\n  " + tool.name +
      " fork scenarios/recovery/scrub.textproto --seed 7 --marks --forks 100");
  command->callback([options, tool, &exit_code] { exit_code = run_fork(*options, tool); });
}

}  // namespace keelson::bin
