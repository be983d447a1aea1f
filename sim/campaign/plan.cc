#include "keelson/sim/campaign/plan.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <span>

#include "keelson/base/checksum.h"
#include "keelson/sim/campaign/fields.h"
#include "keelson/sim/json_object.h"

namespace keelson::sim {
namespace {

constexpr u64 schema = 1;

std::string json_of(const PlannedScenario& scenario) {
  return JsonObject().text("file", scenario.file).text("digest", scenario.digest).text("about", scenario.about).close();
}

std::string json_of(const SeedRange& range) {
  return "[" + std::to_string(range.from) + "," + std::to_string(range.to) + "]";
}

std::optional<SeedRange> range_of(const Datum& datum) {
  if (datum.kind != Datum::Kind::list || datum.list.size() != 2) return {};
  const Datum &from = datum.list[0], &to = datum.list[1];
  if (from.kind != Datum::Kind::number || to.kind != Datum::Kind::number || from.number < 0 || to.number < from.number)
    return {};
  return SeedRange{static_cast<u64>(from.number), static_cast<u64>(to.number)};
}

std::optional<std::string> differs(const std::string& field, const std::string& asked, const std::string& other) {
  if (asked == other) return {};
  return field + ": got " + asked + "; there it is " + other;
}

std::optional<std::string> scenarios_differ(const CampaignPlan& asked, const CampaignPlan& other) {
  std::map<std::string, std::string> there;
  for (const auto& scenario : other.scenarios) there[scenario.file] = scenario.digest;
  for (const auto& scenario : asked.scenarios) {
    const auto same = there.find(scenario.file);
    if (same == there.end()) return "scenarios: got " + scenario.file + ", which is not there";
    if (same->second != scenario.digest)
      return "scenarios: " + scenario.file + " has another text (digest " + scenario.digest + "; there it is " +
             same->second + ")";
    there.erase(same);
  }
  if (there.empty()) return {};
  return "scenarios: " + there.begin()->first + " is there, and was not asked for";
}

}  // namespace

std::vector<SeedRange> united(std::vector<SeedRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const SeedRange& a, const SeedRange& b) { return a.from < b.from; });
  std::vector<SeedRange> joined;
  for (const SeedRange& range : ranges) {
    if (!joined.empty() && range.from <= joined.back().to + 1)
      joined.back().to = std::max(joined.back().to, range.to);
    else
      joined.push_back(range);
  }
  return joined;
}

std::vector<SeedRange> without(const std::vector<SeedRange>& ranges, const std::vector<SeedRange>& others) {
  std::vector<SeedRange> left;
  auto other = others.begin();
  for (SeedRange range : ranges) {
    bool more = true;
    for (; more && other != others.end() && other->from <= range.to; ++other) {
      if (other->to < range.from) continue;
      if (other->from > range.from) left.push_back({range.from, other->from - 1});
      more = other->to < range.to;
      range.from = other->to + 1;
      if (other->to > range.to) break;  // it may reach into the next range
    }
    if (more) left.push_back(range);
  }
  return left;
}

u64 count_of(const std::vector<SeedRange>& ranges) {
  u64 count = 0;
  for (const SeedRange& range : ranges) count += range.size();
  return count;
}

std::optional<u64> place_of(u64 seed, const std::vector<SeedRange>& ranges) {
  u64 below = 0;
  for (const SeedRange& range : ranges) {
    if (seed >= range.from && seed <= range.to) return below + (seed - range.from);
    below += range.size();
  }
  return {};
}

std::string text_of(const std::vector<SeedRange>& ranges) {
  constexpr std::size_t shown_max = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(ranges.size(), shown_max); ++i) {
    text += (text.empty() ? "" : ", ") + std::to_string(ranges[i].from);
    if (ranges[i].to != ranges[i].from) text += ".." + std::to_string(ranges[i].to);
  }
  if (ranges.size() > shown_max) text += " and " + std::to_string(ranges.size() - shown_max) + " more ranges";
  return text;
}

SeedRange part_of(const SeedRange& whole, u64 part, u64 parts) {
  __extension__ using u128 = unsigned __int128;
  const auto begin_of = [&](u64 i) {
    return whole.from + static_cast<u64>(static_cast<u128>(whole.size()) * i / parts);
  };
  return {begin_of(part), begin_of(part + 1) - 1};
}

std::string to_json(const CampaignPlan& plan) {
  const auto range = [](const SeedRange& seeds) { return json_of(seeds); };
  const auto scenario = [](const PlannedScenario& planned) { return json_of(planned); };
  std::string text = JsonObject()
                         .field("schema", schema)
                         .text("build", plan.build)
                         .text("limits", plan.limits)
                         .field("verify", plan.verify_every)
                         .field("seeds", json_list(plan.seeds, range))
                         .text("program", plan.program)
                         .text("command", plan.command)
                         .field("scenarios", "\n" + json_list(plan.scenarios, scenario, ",\n"))
                         .close();
  return text + "\n";
}

tl::expected<CampaignPlan, std::string> parse_plan(const std::string& text) {
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  const auto datum = parse_datum(Notation::json, line);
  if (!datum) return tl::unexpected("at byte " + std::to_string(datum.error().column) + ": " + datum.error().what);
  Fields fields(*datum);
  if (const u64 found = fields.number("schema"); fields.wrong().empty() && found != schema)
    return tl::unexpected("schema: got " + std::to_string(found) + "; expected " + std::to_string(schema));
  CampaignPlan plan;
  plan.build = fields.text("build");
  plan.limits = fields.text("limits");
  plan.verify_every = fields.number("verify");
  plan.program = fields.text("program");
  plan.command = fields.text("command");
  for (const Datum& seeds : fields.list("seeds")) {
    const auto range = range_of(seeds);
    if (!range) return tl::unexpected(std::string("seeds: expected pairs [first,last]"));
    plan.seeds.push_back(*range);
  }
  for (const Datum& each : fields.list("scenarios")) {
    Fields scenario(each);
    plan.scenarios.push_back({scenario.text("file"), scenario.text("digest"), scenario.text("about")});
    if (!scenario.wrong().empty()) fields.need("scenarios", scenario.wrong());
  }
  if (plan.seeds != united(plan.seeds) || plan.seeds.empty()) fields.need("seeds", "ranges in order, and one or more");
  if (plan.scenarios.empty()) fields.need("scenarios", "one or more");
  if (!fields.wrong().empty()) return tl::unexpected(fields.wrong());
  return plan;
}

std::optional<std::string> difference(const CampaignPlan& asked, const CampaignPlan& other, CompareSeeds seeds) {
  if (auto build = differs("build", asked.build, other.build)) return build;
  if (auto limits = differs("limits", asked.limits, other.limits)) return limits;
  if (auto scenarios = scenarios_differ(asked, other)) return scenarios;
  if (auto verify =
          differs("verify", "1/" + std::to_string(asked.verify_every), "1/" + std::to_string(other.verify_every)))
    return verify;
  if (seeds == CompareSeeds::no) return {};
  return differs("seeds", text_of(asked.seeds), text_of(other.seeds));
}

std::string digest_text(const std::string& bytes) {
  const Digest digest = digest_of(std::as_bytes(std::span(bytes)));
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(digest.hi),
                static_cast<unsigned long long>(digest.lo));
  return text;
}

}  // namespace keelson::sim
