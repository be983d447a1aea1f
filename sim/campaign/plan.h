// CampaignPlan: what a campaign was asked to run. Two results folders may be joined, and one gone on with, if their
// plans say the same.
//
// Who uses it: `keelson sim --out` writes it as campaign.json, --resume and `sim merge` compare. Not here: what came of
// the runs (results.h, tally.h).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

// Both ends included.
struct SeedRange {
  u64 from = 0;
  u64 to = 0;
  u64 size() const { return to - from + 1; }
  bool operator==(const SeedRange&) const = default;
};

// In order, joined where they touch or overlap.
std::vector<SeedRange> united(std::vector<SeedRange> ranges);
// Both in order and disjoint.
std::vector<SeedRange> without(const std::vector<SeedRange>& ranges, const std::vector<SeedRange>& others);
u64 count_of(const std::vector<SeedRange>& ranges);
// How many seeds of them are below this one; none: it isn't among them.
std::optional<u64> place_of(u64 seed, const std::vector<SeedRange>& ranges);
std::string text_of(const std::vector<SeedRange>& ranges);  // "1..100, 201..300", at most eight of them
// The I-th of N parts that differ by one seed at most.
SeedRange part_of(const SeedRange& whole, u64 part, u64 parts);

struct PlannedScenario {
  std::string file;    // from `scenarios/` on, where there is such a folder: the same on every machine
  std::string digest;  // of the file's text
  std::string about;
};

struct CampaignPlan {
  std::string build;   // version and revision
  std::string limits;  // standard, tiny, or as the scenario says
  u64 verify_every = 8;
  std::vector<SeedRange> seeds;
  std::vector<PlannedScenario> scenarios;
  std::string program;  // "./keelson", for commands that repeat a run
  std::string command;  // as it was typed
};

inline constexpr const char* limits_of_scenarios = "as each scenario says";

std::string to_json(const CampaignPlan& plan);
// Or what is wrong with the text.
tl::expected<CampaignPlan, std::string> parse_plan(const std::string& text);

// The first field in which they ask for other runs: "limits: got tiny; the folder has standard". None: they ask for
// the same, but perhaps of other seeds, if those are not compared.
enum class CompareSeeds : u8 { no, yes };
std::optional<std::string> difference(const CampaignPlan& asked, const CampaignPlan& other, CompareSeeds seeds);

std::string digest_text(const std::string& bytes);  // 32 hexadecimal digits

}  // namespace keelson::sim
