#include "keelson/sim/campaign/summary.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "keelson/base/counters.h"
#include "keelson/sim/json_object.h"

namespace keelson::sim {

// Made of the files in this folder by cmake/embed.cmake; the style begins with that of a run's report.
extern const std::string_view campaign_page;  // with @STYLE@, @DATA@ and @SCRIPT@ in it
extern const std::string_view campaign_style;
extern const std::span<const std::string_view> campaign_scripts;
extern const std::string_view report_style;

namespace {

constexpr u64 schema = 1;

const char* kind_text(const std::string& mark) {
  for (std::size_t i = 0; i < Counters::mark_count; ++i) {
    if (mark != name_of(static_cast<Mark>(i))) continue;
    switch (kind_of(static_cast<Mark>(i))) {
      case MarkKind::SOMETIMES:
        return "sometimes";
      case MarkKind::RARE:
        return "rare";
      case MarkKind::NEVER:
        return "never";
    }
  }
  return "own";
}

std::string json_of(const Example& example) {
  return JsonObject()
      .text("file", example.file)
      .field("seed", example.seed)
      .field("events", example.events)
      .text("detail", example.detail)
      .text("reproduce", example.reproduce)
      .text("shrink", shrink_command(example.reproduce))
      .close();
}

std::string json_of(const std::string& name, const SignatureTally& tally, const SummaryNotes& notes) {
  std::vector<std::pair<std::string, Variant>> variants(tally.variants.begin(), tally.variants.end());
  std::stable_sort(variants.begin(), variants.end(),
                   [](const auto& a, const auto& b) { return a.second.runs > b.second.runs; });
  const auto variant = [](const std::pair<std::string, Variant>& each) {
    return JsonObject()
        .text("detail", each.first)
        .field("runs", each.second.runs)
        .text("file", each.second.first.file)
        .field("seed", each.second.first.seed)
        .close();
  };
  const auto shrunk = notes.shrunk.find(name);
  return JsonObject()
      .text("signature", name)
      .text("verdict", name_of(tally.verdict))
      .field("runs", tally.runs)
      .field("files", json_counts(tally.files))
      .field("first", json_list(tally.first, [](const Example& example) { return json_of(example); }))
      .field("variants", json_list(variants, variant))
      .field("runs_of_more_variants", tally.runs_of_more_variants)
      .text("shrunk", shrunk == notes.shrunk.end() ? "" : shrunk->second)
      .close();
}

// The worst and the most frequent first.
std::string signatures_json(const Tally& tally, const SummaryNotes& notes) {
  std::vector<const std::pair<const std::string, SignatureTally>*> order;
  for (const auto& each : tally.signatures()) order.push_back(&each);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    if (a->second.verdict != b->second.verdict) return worse(a->second.verdict, b->second.verdict) == a->second.verdict;
    return a->second.runs > b->second.runs;
  });
  return json_list(order, [&](const auto* each) { return json_of(each->first, each->second, notes); });
}

std::string json_of(const PlannedScenario& planned, const ScenarioTally& tally) {
  const auto column = [](const std::pair<u64, u64>& runs) {
    return "[" + std::to_string(runs.first) + "," + std::to_string(runs.second) + "]";
  };
  return JsonObject()
      .text("file", planned.file)
      .text("about", planned.about)
      .text("digest", planned.digest)
      .field("runs", tally.runs)
      .field("failed", tally.failed)
      .field("verified", tally.verified)
      .field("verdicts", json_counts(tally.verdicts))
      .field("events", tally.events)
      .field("commits", tally.commits)
      .field("view_changes", tally.view_changes)
      .field("virtual_ns", tally.virtual_ns)
      .field("busy_ns", tally.busy_ns)
      .field("marks", json_counts(tally.mark_runs))
      .field("strip", json_list(tally.strip, column))
      .close();
}

std::string occurrences(const std::map<std::string, Occurrence>& counts, bool marks) {
  return json_list(counts, [&](const auto& each) {
    JsonObject object;
    object.text("name", each.first);
    if (marks) object.text("kind", kind_text(each.first));
    return object.field("runs", each.second.runs).field("times", each.second.times).close();
  });
}

std::string json_of_slow(const std::pair<u64, Example>& slow) {
  return JsonObject()
      .text("file", slow.second.file)
      .field("seed", slow.second.seed)
      .field("wall_ns", slow.first)
      .field("events", slow.second.events)
      .text("reproduce", slow.second.reproduce)
      .close();
}

}  // namespace

std::string summary_json(const Tally& tally, const SummaryNotes& notes) {
  const CampaignPlan& plan = tally.plan();
  const ScenarioTally& all = tally.all();
  const auto scenario = [&](const PlannedScenario& planned) {
    return json_of(planned, tally.scenarios().at(planned.file));
  };
  const auto slow = [](const std::pair<u64, Example>& each) { return json_of_slow(each); };
  std::vector<std::pair<u64, Example>> slowest(tally.slowest().rbegin(), tally.slowest().rend());
  return JsonObject()
             .field("schema", schema)
             .text("build", plan.build)
             .text("command", plan.command)
             .text("limits", plan.limits)
             .field("verify", plan.verify_every)
             .text("seeds", text_of(plan.seeds))
             .field("planned", tally.planned())
             .field("runs", tally.runs())
             .field("as_expected", tally.runs() - all.failed)
             .field("failed", all.failed)
             .field("verified", all.verified)
             .text("worst", name_of(tally.worst()))
             .field("verdicts", json_counts(all.verdicts))
             .text("not_run", notes.not_run)
             .text("go_on", notes.go_on)
             .field("merged_from", json_list(notes.merged_from, json_string))
             .field("twice", notes.twice)
             .field("events", all.events)
             .field("commits", all.commits)
             .field("view_changes", all.view_changes)
             .field("virtual_ns", all.virtual_ns)
             .field("busy_ns", all.busy_ns)
             .field("events_per_s", per_second(all.events, all.busy_ns))
             .field("runs_per_core_hour", per_second(all.runs * 3600, all.busy_ns))
             .field("signatures", signatures_json(tally, notes))
             .field("scenarios", json_list(plan.scenarios, scenario))
             .field("marks", occurrences(tally.marks(), true))
             .field("faults", occurrences(tally.faults(), false))
             .field("slowest", json_list(slowest, slow))
             .close() +
         "\n";
}

std::string summary_page(const std::string& json) {
  std::string data;
  for (const char c : json) c == '<' ? data += "\\u003c" : data += c;
  std::string page;
  std::string_view rest = campaign_page;
  for (auto at = rest.find('@'); at != std::string_view::npos; at = rest.find('@')) {
    page += rest.substr(0, at);
    const auto end = rest.find('@', at + 1);
    const std::string_view name = rest.substr(at + 1, end - at - 1);
    if (name == "STYLE") (page += report_style) += campaign_style;
    if (name == "DATA") page += data;
    if (name == "SCRIPT")
      for (const std::string_view script : campaign_scripts) page += script;
    rest = rest.substr(end + 1);
  }
  page += rest;
  return page;
}

}  // namespace keelson::sim
