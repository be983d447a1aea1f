// Results: the line that a campaign keeps of each run, and results.jsonl, the file of these lines.
//
// Who uses it: `keelson sim --out` appends, --resume and `sim merge` read. A line counts when its newline is there:
// what follows the last newline is what a killed process left, and is nothing. Each line ends in a checksum of its own,
// so damage is found, and where. Not here: what the runs come to (tally.h).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "keelson/sim/campaign/plan.h"
#include "keelson/sim/run/verdict.h"

namespace keelson::sim {

struct Result {
  std::string file;  // of the plan
  RunReport report;  // without its shape
};

std::string line_of(const Result& result);  // with its newline
// Or what is wrong with it.
tl::expected<Result, std::string> parse_result(std::string_view line);

struct BadResults {
  u64 line = 0;  // 0: the file as a whole
  std::string what;
};
struct ResultsRead {
  u64 lines = 0;
  u64 bytes = 0;  // of whole lines
  u64 torn = 0;   // bytes behind them
};

// Every line must be of a run that the plan asks for.
tl::expected<ResultsRead, BadResults> read_results(const std::filesystem::path& file, const CampaignPlan& plan,
                                                   const std::function<void(Result&&)>& take);

// Which runs there are results of, each once. Of a run that is there twice both must have the same trace; if they
// don't, or say otherwise who is right, its result is amended. Small: results themselves stay where they are.
class ResultSet {
 public:
  // False: there is one already.
  bool add(const Result& result, const std::string& from);
  bool contains(const std::string& file, u64 seed) const { return seen_.contains({seed, file}); }
  u64 size() const { return seen_.size(); }
  // Of results that are not to be taken as they were first read.
  const RunReport* amended(const std::string& file, u64 seed) const;
  u64 twice() const { return twice_; }
  u64 contradictions() const { return contradictions_; }
  // Of the plan's runs, those that are not among these: "seed 37 in 12 of 86 scenarios, seeds 38..200". Empty: none.
  std::string missing(const CampaignPlan& plan) const;

 private:
  struct Seen {
    std::string trace_hash;  // empty: its process died
    Verdict verdict = Verdict::ok;
    u32 from = 0;  // place in sources_
  };
  using Key = std::pair<u64, std::string>;  // seed, file

  u32 source(const std::string& from);
  void compare(const Seen& first, const Result& second, const std::string& from);

  std::map<Key, Seen> seen_;
  std::map<Key, RunReport> amended_;
  std::vector<std::string> sources_;
  u64 twice_ = 0, contradictions_ = 0;
};

}  // namespace keelson::sim
