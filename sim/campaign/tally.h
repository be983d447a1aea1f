// Tally: what the runs of a campaign come to: failures by signature, marks, faults, speed, scenario by scenario.
//
// Who uses it: `keelson sim --out` and `sim merge`; summary.json and the page show it. Whatever the order in which runs
// are added, it is the same. Not here: what is printed while runs go on (run/verdict.h, Summary).
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "keelson/sim/campaign/results.h"

namespace keelson::sim {

// A run as an example of something; the lowest seeds are kept.
struct Example {
  u64 seed = 0;
  std::string file;
  std::string detail;
  std::string reproduce;
  u64 events = 0;
  auto operator<=>(const Example&) const = default;
};

struct Variant {
  u64 runs = 0;
  Example first;
};

// Runs that failed in the same way: by the same verdict, checker and invariant. A variant is a detail whose numbers
// are left out.
struct SignatureTally {
  static constexpr std::size_t examples_max = 5;
  static constexpr std::size_t variants_max = 50;

  Verdict verdict = Verdict::ok;
  u64 runs = 0;
  std::map<std::string, u64> files;
  std::map<std::string, Variant> variants;
  u64 runs_of_more_variants = 0;
  std::set<Example> first;
};

struct ScenarioTally {
  u64 runs = 0, failed = 0, verified = 0;
  u64 events = 0, commits = 0, view_changes = 0, virtual_ns = 0, busy_ns = 0;
  std::map<std::string, u64> verdicts;
  std::map<std::string, u64> mark_runs;    // how many runs hit it
  std::vector<std::pair<u64, u64>> strip;  // runs, and failed ones, by where the seed is in the campaign's range
};

struct Occurrence {
  u64 runs = 0;
  u64 times = 0;
};

class Tally {
 public:
  static constexpr std::size_t strip_max = 120;
  static constexpr std::size_t slowest_max = 10;

  explicit Tally(const CampaignPlan& plan);
  void add(const std::string& file, const RunReport& report);

  const CampaignPlan& plan() const { return plan_; }
  u64 planned() const { return plan_.scenarios.size() * count_of(plan_.seeds); }
  u64 runs() const { return all_.runs; }
  Verdict worst() const { return worst_; }
  const ScenarioTally& all() const { return all_; }
  const std::map<std::string, ScenarioTally>& scenarios() const { return scenarios_; }
  const std::map<std::string, SignatureTally>& signatures() const { return signatures_; }
  const std::map<std::string, Occurrence>& marks() const { return marks_; }
  const std::map<std::string, Occurrence>& faults() const { return faults_; }
  const std::set<std::pair<u64, Example>>& slowest() const { return slowest_; }  // by wall time

 private:
  void add_failure(const std::string& file, const RunReport& report);
  void count(ScenarioTally& tally, const RunReport& report) const;
  Example example_of(const std::string& file, const RunReport& report) const;

  CampaignPlan plan_;
  Verdict worst_ = Verdict::ok;
  ScenarioTally all_;
  std::map<std::string, ScenarioTally> scenarios_;
  std::map<std::string, SignatureTally> signatures_;
  std::map<std::string, Occurrence> marks_, faults_;
  std::set<std::pair<u64, Example>> slowest_;
};

// Of any run that counts as failed, also one that ended well where its scenario expects a failure.
std::string signature_in_campaign(const RunReport& report);
// The detail with numbers left out: "node # of view #".
std::string without_numbers(const std::string& detail);
// The command that shrinks what `reproduce` repeats.
std::string shrink_command(const std::string& reproduce);

}  // namespace keelson::sim
