#include "tests/mutants/shrunk.h"

#include <algorithm>
#include <fstream>

#include "keelson/sim/shrink/regression_file.h"
#include "keelson/sim/shrink/story.h"
#include "keelson/sim/tape_text.h"

namespace keelson::mutants {
namespace {

constexpr std::chrono::hours no_budget{24};

// While it lives the bug is on, in processes that are begun meanwhile as well.
class Switched {
 public:
  explicit Switched(Id bug) { selected = bug; }
  Switched(const Switched&) = delete;
  Switched& operator=(const Switched&) = delete;
  ~Switched() { selected = before_; }

 private:
  Id before_ = selected;
};

sim::RunReport run_with(Id bug, const sim::Candidate& candidate) {
  const Switched on(bug);
  return sim::Oracle({.jobs = 1, .budget = no_budget}, {}, {}).judge(candidate);
}

std::string file_stem(const Mutant& mutant) {
  std::string stem = mutant.name;
  std::replace(stem.begin(), stem.end(), '.', '_');
  return stem;
}

std::string nearer(const std::filesystem::path& path) {
  std::error_code error;
  const auto near = std::filesystem::relative(path, std::filesystem::current_path(error), error);
  return !error && !near.empty() && near.string().rfind("..", 0) != 0 ? near.string() : path.string();
}

sim::Candidate candidate_of(const sim::pb::Scenario& scenario, u64 seed) {
  sim::Candidate candidate{scenario, sim::SparseTape{{}, sim::TapeBase::seeded(seed)}};
  if (scenario.has_tape()) candidate.tape = sim::tape_of(scenario.tape());
  candidate.scenario.clear_tape();
  return candidate;
}

bool passes(const sim::RunReport& report) { return sim::exit_code_of(report) == 0; }

// "Was safety commits.agreement. Found by ..."
std::string signature_said(const std::string& about) {
  static constexpr std::string_view begin = "Was ", end = ". Found by ";
  const auto at = about.find(begin);
  const auto to = about.find(end);
  if (at == std::string::npos || to == std::string::npos || to < at) return {};
  return about.substr(at + begin.size(), to - at - begin.size());
}

}  // namespace

std::optional<Shrunk> shrink_find(const Mutant& mutant, const std::string& scenario, u64 seed, bool tiny,
                                  const ShrinkOptions& options) {
  const auto files = bin::find_scenarios({scenario});
  if (files.size() != 1) return std::nullopt;
  const sim::pb::Scenario& said = files[0].scenario;
  sim::Overrides overrides;
  if (tiny) overrides.limits = sim::pb::LimitsProfile::TINY;
  sim::Tape tape(sim::source_of(said, seed));
  sim::ShrinkConfig config{candidate_of(said, seed), {}, {}, {}, {}};
  config.start.scenario = sim::resolve(said, overrides, tape);
  config.start.scenario.clear_tape();
  config.limits.jobs = options.jobs;
  config.limits.budget = options.budget;
  // Where the healthy kernel fails too, in another way, at least that way must stay another one.
  const bool healthy_passes = passes(run_with(Id::none, config.start));
  std::string signature;
  config.condition = [&](const sim::Candidate& candidate) {
    const auto healthy = run_with(Id::none, candidate);
    return healthy_passes ? passes(healthy) : sim::signature_of(healthy) != signature;
  };

  Shrunk shrunk;
  const auto began = std::chrono::steady_clock::now();
  {
    const Switched on(mutant.id);
    signature = sim::signature_of(sim::Oracle({.jobs = 1, .budget = no_budget}, {}, {}).judge(config.start));
    shrunk.result = sim::shrink(config);
  }
  shrunk.took_ms = static_cast<u64>((std::chrono::steady_clock::now() - began) / std::chrono::milliseconds(1));
  if (shrunk.result.signature.empty()) return shrunk;

  shrunk.result.best.scenario.set_name(file_stem(mutant));
  const auto path = options.folder / (file_stem(mutant) + ".textproto");
  sim::RegressionNotes notes;
  notes.found_by = "keelson mutants " + mutant.name + " (" + mutant.wrong + ") in " + files[0].named + ", seed " +
                   std::to_string(seed) + (tiny ? ", limits tiny" : "");
  notes.command = "./keelson mutants " + mutant.name + " --scenario " + nearer(path);
  {
    const Switched on(mutant.id);
    notes.story = sim::story_of(shrunk.result.best, shrunk.result.after, {});
  }
  std::ofstream out(path);
  out << sim::regression_text(shrunk.result, notes);
  out.close();
  const auto written = bin::find_scenarios({path.string()});
  if (out && written.size() == 1 && run_again(written[0]).bug == shrunk.result.signature) shrunk.file = nearer(path);
  return shrunk;
}

Again run_again(const bin::ScenarioFile& file) {
  Again again;
  for (const Mutant& mutant : all_mutants())
    if (file_stem(mutant) == file.scenario.name()) again.mutant = &mutant;
  again.wanted = signature_said(file.about);
  if (!again.mutant) return again;
  const auto candidate = candidate_of(file.scenario, 0);
  const auto report = run_with(again.mutant->id, candidate);
  again.bug = sim::signature_of(report);
  again.events = report.events;
  const auto healthy = run_with(Id::none, candidate);
  if (!passes(healthy)) again.healthy = healthy.failure ? sim::signature_of(healthy) : sim::name_of(healthy.verdict);
  return again;
}

}  // namespace keelson::mutants
