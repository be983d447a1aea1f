#include "tests/mutants/hunt.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sys/resource.h>
#include <sys/time.h>

#include "keelson/sim/report/reporting.h"
#include "keelson/sim/run/campaign.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/tape_text.h"

namespace keelson::mutants {
namespace {

bool is_failure(const sim::RunReport& report) {
  const bool unavailable = report.verdict == sim::Verdict::unavailable && !report.expected;
  return report.verdict == sim::Verdict::safety || report.verdict == sim::Verdict::liveness || unavailable;
}

// The process gets a signal when it has computed for so long.
void limit_cpu(u64 seconds) {
  itimerval limit{};
  limit.it_value.tv_sec = static_cast<time_t>(seconds);
  ::setitimer(ITIMER_PROF, &limit, nullptr);
}

}  // namespace

Hunter::Hunter(std::filesystem::path scenarios, HuntOptions options)
    : scenarios_(std::move(scenarios)), options_(options) {}

const std::vector<bin::ScenarioFile>& Hunter::files_of(const std::string& name) {
  auto& files = files_[name];
  if (files.empty()) files = bin::find_scenarios({(scenarios_ / name).string()});
  if (files.empty()) std::exit(65);  // said on stderr
  return files;
}

// Each once, however often a mutant names it.
std::vector<const bin::ScenarioFile*> Hunter::files_of(const Mutant& mutant) {
  std::vector<const bin::ScenarioFile*> files;
  for (const auto& name : mutant.scenarios)
    for (const auto& file : files_of(name)) {
      const bool known = std::any_of(files.begin(), files.end(), [&](const auto* f) { return f->path == file.path; });
      if (!known) files.push_back(&file);
    }
  return files;
}

sim::RunReport Hunter::run(const Task& task) const {
  limit_cpu(options_.cpu_seconds_max);
  sim::Overrides overrides;
  if (task.tiny) overrides.limits = sim::pb::LimitsProfile::TINY;
  sim::Tape tape(sim::source_of(task.file->scenario, task.seed));
  const auto scenario = sim::resolve(task.file->scenario, overrides, tape);
  sim::RunOptions how{"", task.seed, nullptr, {}};
  sim::Reporting reporting;
  if (!options_.report.empty()) reporting.watch(how, scenario);
  auto report = sim::run_scenario(scenario, tape, how);
  limit_cpu(0);
  if (options_.report.empty()) return report;
  std::ofstream page(options_.report, std::ios::binary);
  const Mutant* bug = nullptr;
  for (const Mutant& mutant : all_mutants())
    if (mutant.id == selected) bug = &mutant;
  const std::string again = "./keelson mutants " + (bug ? bug->name + " " : "") + "--scenario " + task.file->named +
                            " --seed " + std::to_string(task.seed) + (task.tiny ? " --limits tiny" : "");
  if (!reporting.write_page(page, report, bug ? "with the planted bug " + bug->name + ": " + bug->wrong : "healthy",
                            again))
    std::exit(73);  // found out before, by whoever asked
  return report;
}

u64 Hunter::run_until_failure(Id bug, const std::vector<Task>& tasks, std::chrono::steady_clock::time_point until,
                              sim::RunReport& last, u64& busy_ns) const {
  u64 done = 0;
  bool failed = false;
  sim::Campaign campaign;
  campaign.next = [&tasks, i = std::size_t{0}]() mutable -> std::optional<sim::CampaignTask> {
    if (i == tasks.size()) return std::nullopt;
    const std::size_t place = i++;
    return sim::CampaignTask{place, tasks[place].seed};
  };
  campaign.jobs = options_.jobs;
  campaign.verify_every = 0;
  campaign.run = [&](const sim::CampaignTask& task) { return run(tasks[task.scenario]); };
  campaign.run_elsewhere = [](const sim::CampaignTask&) { return std::string(); };
  campaign.again = [](const sim::CampaignTask&) { return std::string(); };
  campaign.died = [&](const sim::CampaignTask& task, const std::string& how) {
    sim::RunReport report;
    report.seed = task.seed;
    report.verdict = sim::Verdict::safety;
    report.expected = false;
    report.failure = sim::Failure{"process.died", "the run's process ended by " + how, "", 0, 0, ""};
    report.wall_ns = options_.cpu_seconds_max * 1'000'000'000;
    return report;
  };
  campaign.on_report = [&](const sim::RunReport& report) {
    if (failed) return;
    ++done;
    busy_ns += report.wall_ns;
    last = report;
    failed = is_failure(report);
  };
  campaign.on_progress = [](std::size_t, std::size_t) {};
  campaign.interrupted = [&] { return failed || std::chrono::steady_clock::now() >= until; };
  selected = bug;  // workers are copies of this process
  sim::run_campaign(campaign);
  selected = Id::none;
  return done;
}

std::optional<sim::RunReport> Hunter::run_one(Id bug, const std::string& scenario, u64 seed, bool tiny) const {
  const auto files = bin::find_scenarios({scenario});
  if (files.size() != 1) return std::nullopt;
  sim::RunReport report;
  u64 busy_ns = 0;
  run_until_failure(bug, {{&files[0], seed, tiny}}, std::chrono::steady_clock::time_point::max(), report, busy_ns);
  return report;
}

void Hunter::go_on(const Mutant& mutant, Hunt& hunt, std::chrono::steady_clock::time_point until) {
  const auto files = files_of(mutant);
  while (!hunt.found && !hunt.exhausted && std::chrono::steady_clock::now() < until) {
    std::vector<Task> tasks;
    for (u64 n = hunt.seeds; n < options_.seeds_max; ++n) {
      const u64 round = n / files.size();
      tasks.push_back({files[n % files.size()], options_.first_seed + round, round % 2 == 0});
    }
    if (tasks.empty()) {
      hunt.exhausted = true;
      return;
    }
    sim::RunReport report;
    const u64 done = run_until_failure(mutant.id, tasks, until, report, hunt.busy_ns);
    hunt.seeds += done;
    if (done == 0 || !is_failure(report)) continue;
    const Task& task = tasks[done - 1];
    sim::RunReport healthy;
    u64 ignored = 0;
    run_until_failure(Id::none, {task}, std::chrono::steady_clock::time_point::max(), healthy, ignored);
    const std::string where =
        task.file->named + " --seed " + std::to_string(task.seed) + (task.tiny ? " --limits tiny" : "");
    if (is_failure(healthy)) hunt.healthy.push_back(where + ": " + healthy.failure->kind);
    if (is_failure(healthy) && healthy.failure->kind == report.failure->kind) continue;
    hunt.found = true;
    hunt.checker = report.failure->kind;
    hunt.detail = report.failure->detail;
    hunt.scenario = task.file->named;
    hunt.seed = task.seed;
    hunt.tiny = task.tiny;
  }
}

}  // namespace keelson::mutants
