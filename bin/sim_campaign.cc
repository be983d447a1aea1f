#include "sim_campaign.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <set>

#include "keelson/base/counters.h"
#include "keelson/io/exit_code.h"

#include "campaign_folder.h"
#include "campaign_plan.h"
#include "sim_output.h"
#include "sim_record.h"

namespace keelson::bin {
namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t interrupted = 0;

// Far above what a scenario's budget of events takes on a slow and busy machine.
constexpr std::chrono::minutes patience{15};

class CampaignCommand {
 public:
  CampaignCommand(const SimRuns& runs, const std::string& command)
      : runs_(runs), plan_(plan_of(runs, command)), tally_(plan_), seed_(runs.request().seeds.from) {}

  int run() {
    if (!runs_.options().out.empty())
      if (const int code = open_folder()) return code;
    left_ = tally_.planned() - tally_.runs();
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = 1; });
    const sim::Summary summary = sim::run_campaign(campaign());
    bar_.clear();
    if (!runs_.single() || !runs_.options().seeds.empty()) show(summary);
    const int code = folder_ ? finish() : sim::exit_code_of(summary.worst);
    return code == 0 && runs_.options().common_marks ? judge_marks() : code;
  }

 private:
  // --- what --out keeps

  int problem(const FolderProblem& problem) const {
    std::cerr << runs_.tool().name << " sim: " << problem.what << "\n";
    return problem.exit_code;
  }

  int open_folder() {
    auto opened = CampaignFolder::open(runs_.options().out, plan_, runs_.options().resume, results_,
                                       [&](const sim::Result& result) { tally_.add(result.file, result.report); });
    if (!opened) return problem(opened.error());
    folder_.emplace(std::move(*opened));
    if (folder_->torn() > 0)
      std::cerr << "a last line of " << folder_->torn() << " bytes was cut off; its run is run again\n";
    if (!runs_.options().json && tally_.runs() > 0)
      std::cout << "goes on: " << tally_.runs() << " of " << tally_.planned() << " runs are there\n";
    return keep_summary();
  }

  int cannot_write() const {
    return problem(
        {io::exit_code::io_error, "cannot write into " + typed_path(folder_->path()) + ": " + std::strerror(errno)});
  }

  int keep_summary() {
    summary_written_ = Clock::now();
    sim::SummaryNotes notes;
    notes.not_run = results_.missing(plan_);
    if (!notes.not_run.empty()) notes.go_on = plan_.command + " --resume";
    return folder_->write_summary(tally_, notes) ? 0 : cannot_write();
  }

  void keep(const sim::Result& result) {
    results_.add(result, runs_.options().out);
    tally_.add(result.file, result.report);
    if (write_error_ != 0) return;
    const bool due = Clock::now() - summary_written_ > std::chrono::seconds(20);
    if (!folder_->append(result) || (due && keep_summary() != 0)) write_error_ = errno;
  }

  int finish() {
    if (write_error_ != 0 || !folder_->finish()) {
      if (write_error_ != 0) errno = write_error_;
      return cannot_write();
    }
    if (const int code = keep_summary()) return code;
    if (runs_.options().shrink && interrupted == 0 && shrink_each()) keep_summary();
    if (!runs_.options().json) {
      print_signatures(tally_);
      if (const auto missing = results_.missing(plan_); !missing.empty())
        std::cout << "not run    " << tally_.planned() - tally_.runs() << " of " << tally_.planned()
                  << " runs: " << missing << "\n";
      std::cout << "kept       " << typed_path(folder_->path() / "index.html") << "\n";
    }
    return sim::exit_code_of(tally_.worst());
  }

  // In a process of its own each: what fails there has failed before. True: a file came of it.
  bool shrink_each() {
    bool any = false;
    for (const auto& [signature, tally] : tally_.signatures()) {
      std::error_code error;
      if (interrupted != 0 || tally.verdict == sim::Verdict::nondeterministic ||
          std::filesystem::exists(folder_->shrunk(signature), error))
        continue;
      const sim::Example& first = *tally.first.begin();
      std::vector<std::string> words = {own_path(), "shrink", path_of(first.file), "--seed",
                                        std::to_string(first.seed)};
      if (!runs_.options().limits.empty()) words.insert(words.end(), {"--limits", runs_.options().limits});
      words.insert(words.end(), {"--out", (folder_->path() / "shrunk").string(), "--jobs",
                                 std::to_string(runs_.options().jobs), "--json"});
      if (!runs_.options().json)
        std::cerr << "shrinks " << signature << ", " << first.file << " seed " << first.seed << "\n";
      static_cast<void>(sim::run_and_capture(words, 0));
      const bool there = std::filesystem::exists(folder_->shrunk(signature), error);
      if (!there) std::cerr << "  nothing came of it: " << sim::shrink_command(first.reproduce) << "\n";
      any = any || there;
    }
    return any;
  }

  std::string path_of(const std::string& file) const {
    for (std::size_t i = 0; i < plan_.scenarios.size(); ++i)
      if (plan_.scenarios[i].file == file) return runs_.files()[i].path.string();
    return file;
  }

  // A campaign that never came to the common cases proves little.
  int judge_marks() const {
    std::vector<std::string> missed;
    for (std::size_t i = 0; i < Counters::mark_count; ++i) {
      const auto mark = static_cast<Mark>(i);
      if (kind_of(mark) == MarkKind::SOMETIMES && tally_.marks().at(keelson::name_of(mark)).runs == 0)
        missed.emplace_back(keelson::name_of(mark));
    }
    if (runs_.options().json)
      std::cout << sim::JsonObject().field("common_marks_missed", sim::json_list(missed, sim::json_string)).close()
                << "\n";
    else if (missed.empty())
      std::cout << "marks      all common ones were reached\n";
    for (const auto& mark : missed)
      if (!runs_.options().json) std::cout << "marks      no run has reached " << mark << "\n";
    return missed.empty() ? 0 : sim::exit_code_of(sim::Verdict::inconclusive);
  }

  // --- running

  // Seed by seed through all scenarios, so that a campaign that ends early has been everywhere.
  std::optional<sim::CampaignTask> next() {
    for (;;) {
      if (scenario_ == runs_.files().size()) {
        scenario_ = 0;
        ++seed_;
      }
      if (seed_ > runs_.request().seeds.to) return std::nullopt;
      const sim::CampaignTask task{scenario_++, seed_};
      if (!folder_ || !results_.contains(plan_.scenarios[task.scenario].file, task.seed)) return task;
    }
  }

  sim::Campaign campaign() {
    sim::Campaign campaign;
    const bool one = runs_.single();
    campaign.next = [this] { return next(); };
    campaign.jobs = runs_.options().jobs;
    campaign.verify_every = runs_.request().verify_every;
    if (!one) campaign.patience = patience;
    campaign.run = [this, one](const sim::CampaignTask& task) {
      return runs_.run(task,
                       one && !runs_.options().json ? progress() : std::function<void(const sim::RunProgress&)>());
    };
    campaign.run_elsewhere = [this](const sim::CampaignTask& task) {
      return sim::run_and_capture(runs_.again(task), task.seed * 31 + 7);
    };
    campaign.first_difference = [this](const sim::CampaignTask& task) { return runs_.first_difference(task); };
    campaign.again = [this](const sim::CampaignTask& task) { return runs_.again_text(task); };
    campaign.died = [this](const sim::CampaignTask& task, const std::string& how) { return runs_.died(task, how); };
    campaign.on_finished = [this](const sim::CampaignTask& task, const sim::RunReport& report) {
      const std::string& file = plan_.scenarios[task.scenario].file;
      folder_ ? keep({file, report}) : tally_.add(file, report);
    };
    campaign.on_report = [this, one](const sim::RunReport& report) {
      bar_.clear();
      if (one)
        show_single(runs_, report);
      else if (runs_.options().json)
        std::cout << sim::to_json(report) << "\n";
      else if (!folder_ || told_.insert(sim::signature_in_campaign(report)).second)
        print_campaign_line(report);  // of what is kept, one run per signature is enough here
    };
    campaign.on_progress = [this, one](std::size_t done, std::size_t failed) {
      if (!one && !runs_.options().json) show_progress(done, failed);
    };
    campaign.interrupted = [this] { return interrupted != 0 || write_error_ != 0 || over_budget(); };
    return campaign;
  }

  bool over_budget() const {
    const auto& budget = runs_.request().budget;
    return budget && spent_ns() >= budget->ns();
  }
  u64 spent_ns() const { return static_cast<u64>((Clock::now() - began_).count()); }

  std::function<void(const sim::RunProgress&)> progress() {
    return [this](const sim::RunProgress& p) {
      bar_.show("sim", p.virtual_ns, p.virtual_ns_planned, p.phase + "  " + std::to_string(p.events) + " events");
    };
  }

  // Whichever is nearer, the last run or the end of the budget.
  void show_progress(u64 done, u64 failed) {
    constexpr u64 second = 1'000'000'000;
    const u64 spent = std::max<u64>(1, spent_ns());
    u64 rest_ns = done > 0 ? spent / done * (left_ - done) : 0;
    u64 part = done, whole = left_;
    if (const auto& budget = runs_.request().budget;
        budget && (done == 0 || rest_ns > budget->ns() - std::min(spent, budget->ns()))) {
      rest_ns = budget->ns() - std::min(spent, budget->ns());
      part = std::min(spent, budget->ns());
      whole = budget->ns();
    }
    std::string detail = std::to_string(done) + "/" + std::to_string(left_) + " runs, " + std::to_string(failed) +
                         " failed, " + rate_text(done, spent);
    if (done > 0) detail += ", " + time_text(rest_ns / second) + " left";
    bar_.show("sim", part, whole, detail);
  }

  void show(const sim::Summary& summary) const {
    if (runs_.options().json)
      std::cout << sim::to_json(summary) << "\n";
    else if (summary.seeds > 0 || !folder_)
      print_summary(summary, runs_.options().jobs);
  }

  const SimRuns& runs_;
  sim::CampaignPlan plan_;
  sim::Tally tally_;
  sim::ResultSet results_;
  std::optional<CampaignFolder> folder_;
  std::set<std::string> told_;  // signatures
  Clock::time_point began_ = Clock::now(), summary_written_ = began_;
  int write_error_ = 0;  // errno of the first; nothing is run after it
  u64 left_ = 0;         // runs to be done
  std::size_t scenario_ = 0;
  u64 seed_ = 0;
  Bar bar_;
};

}  // namespace

int run_campaign_of(const SimRuns& runs, const std::string& command) { return CampaignCommand(runs, command).run(); }

}  // namespace keelson::bin
