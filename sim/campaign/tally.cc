#include "keelson/sim/campaign/tally.h"

#include <algorithm>
#include <cctype>

#include "keelson/base/counters.h"
#include "keelson/sim/faults.h"

namespace keelson::sim {
namespace {

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string signature_in_campaign(const RunReport& report) {
  const std::string signature = signature_of(report);
  return signature.empty() ? std::string(name_of(report.verdict)) + " unexpected" : signature;
}

std::string without_numbers(const std::string& detail) {
  constexpr std::size_t size_max = 240, hash_digits = 8;
  std::string text;
  for (std::size_t i = 0; i < detail.size() && text.size() < size_max;) {
    const auto at = detail.begin() + static_cast<std::ptrdiff_t>(i);
    const auto word = static_cast<std::size_t>(std::find_if_not(at, detail.end(), is_hex) - at);
    const auto number = static_cast<std::size_t>(std::find_if_not(at, detail.end(), is_digit) - at);
    const bool hash = word >= hash_digits && std::any_of(at, at + static_cast<std::ptrdiff_t>(word), is_digit);
    if (hash || number > 0) {
      text += '#';
      i += hash ? word : number;
    } else {
      text += detail[i++];
    }
  }
  return text;
}

std::string shrink_command(const std::string& reproduce) {
  const auto verb = reproduce.find(" sim ");
  return verb == std::string::npos ? std::string()
                                   : reproduce.substr(0, verb) + " shrink " + reproduce.substr(verb + 5);
}

Tally::Tally(const CampaignPlan& plan) : plan_(plan) {
  const u64 columns = std::min<u64>(strip_max, count_of(plan.seeds));
  all_.strip.resize(columns);
  for (const auto& scenario : plan.scenarios) scenarios_[scenario.file].strip.resize(columns);
  for (std::size_t i = 0; i < Counters::mark_count; ++i) marks_[name_of(static_cast<Mark>(i))];
  for (const auto name : fault_names) faults_[std::string(name)];
}

void Tally::add(const std::string& file, const RunReport& report) {
  count(all_, report);
  count(scenarios_[file], report);
  for (const auto& [name, times] : report.marks)
    if (times > 0) marks_[name] = {marks_[name].runs + 1, marks_[name].times + times};
  for (const auto& [name, times] : report.faults)
    if (times > 0) faults_[name] = {faults_[name].runs + 1, faults_[name].times + times};
  slowest_.emplace(report.wall_ns, example_of(file, report));
  if (slowest_.size() > slowest_max) slowest_.erase(slowest_.begin());
  if (exit_code_of(report) != 0) add_failure(file, report);
}

void Tally::count(ScenarioTally& tally, const RunReport& report) const {
  const bool failed = exit_code_of(report) != 0;
  ++tally.runs;
  tally.failed += failed;
  tally.verified += report.verified;
  tally.events += report.events;
  tally.commits += report.commits;
  tally.view_changes += report.view_changes;
  tally.virtual_ns += report.virtual_ns;
  tally.busy_ns += report.wall_ns;
  const bool as_named = failed == (report.verdict != Verdict::ok);
  ++tally.verdicts[name_of(report.verdict) + std::string(as_named ? "" : failed ? " (unexpected)" : " (expected)")];
  for (const auto& [name, times] : report.marks)
    if (times > 0) ++tally.mark_runs[name];
  __extension__ using u128 = unsigned __int128;
  const u64 place = place_of(report.seed, plan_.seeds).value_or(0);
  auto& column =
      tally.strip[static_cast<std::size_t>(static_cast<u128>(place) * tally.strip.size() / count_of(plan_.seeds))];
  ++column.first;
  column.second += failed;
}

void Tally::add_failure(const std::string& file, const RunReport& report) {
  // What a scenario expects and doesn't get proves nothing, however well the run ended.
  const Verdict verdict = report.verdict == Verdict::ok ? Verdict::inconclusive : report.verdict;
  worst_ = worse(worst_, verdict);
  SignatureTally& tally = signatures_[signature_in_campaign(report)];
  tally.verdict = verdict;
  ++tally.runs;
  ++tally.files[file];
  const Example example = example_of(file, report);
  tally.first.insert(example);
  if (tally.first.size() > SignatureTally::examples_max) tally.first.erase(std::prev(tally.first.end()));
  const std::string text = without_numbers(example.detail);
  if (tally.variants.size() >= SignatureTally::variants_max && !tally.variants.contains(text)) {
    ++tally.runs_of_more_variants;
    return;
  }
  Variant& variant = tally.variants[text];
  if (variant.runs++ == 0 || example < variant.first) variant.first = example;
}

Example Tally::example_of(const std::string& file, const RunReport& report) const {
  Example example{report.seed, file, "", "", report.events};
  if (report.failure) {
    example.detail = report.failure->detail;
    example.reproduce = report.failure->reproduce;
  } else if (exit_code_of(report) != 0) {
    example.detail =
        std::string("the run ended with ") + name_of(report.verdict) + "; its scenario expects another verdict";
  }
  if (example.reproduce.empty())
    example.reproduce = plan_.program + " sim " + file + " --seed " + std::to_string(report.seed) +
                        (plan_.limits == limits_of_scenarios ? "" : " --limits " + plan_.limits);
  return example;
}

}  // namespace keelson::sim
