// Oracle: which of these candidates fails in the same way? Runs them in processes of their own, several at once.
//
// Who uses it: the shrinker's passes. The answer is the first one in the order given, whatever finished first, so it
// does not depend on timing or on how many run at once; only what time leaves undone does. Not here: which candidates
// to try (passes).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "keelson/sim/shrink/candidate.h"

namespace keelson::sim {

struct OracleLimits {
  unsigned jobs = 1;
  std::chrono::nanoseconds budget{};  // of wall time
  u64 runs_max = 0;                   // 0: no such limit; with it alone the result is the same everywhere
};

// Candidates by number, made when they are needed; none: that number is left out.
struct Trial {
  std::size_t count = 0;
  std::function<std::optional<Candidate>(std::size_t)> make;
  u64 events_max = 0;  // a candidate that takes more is no better
};

struct Found {
  std::size_t index = 0;
  Candidate candidate;
  RunReport report;
};

class Oracle {
 public:
  // `options` are those of every run; `between` is called now and then, and says false to stop.
  Oracle(OracleLimits limits, RunOptions options, std::function<bool()> between);

  void set_signature(std::string signature) { signature_ = std::move(signature); }
  // What else must hold of a candidate that fails as it should; may be empty.
  void set_condition(std::function<bool(const Candidate&)> condition) { condition_ = std::move(condition); }
  const std::string& signature() const { return signature_; }

  std::optional<Found> first(const Trial& trial);
  // One run, whatever comes of it; a process that died is a failure of its own kind.
  RunReport judge(const Candidate& candidate);
  // `known` is how this candidate ends; of one whose process dies this is all but the last event. Empty: it died
  // before.
  std::optional<Recorded> record(const Candidate& candidate, const RunReport& known) const;

  bool over() const;  // no time, no runs left, or told to stop
  u64 runs() const { return runs_; }
  u64 spent_ppm() const;  // of the budget, whichever is nearer to its end

 private:
  struct Running;
  void wait(const std::vector<std::unique_ptr<Running>>& running) const;
  bool failed_before(const Digest& print, u64 events_max) const;

  OracleLimits limits_;
  RunOptions options_;
  std::function<bool()> between_;
  std::string signature_;
  std::function<bool(const Candidate&)> condition_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::map<std::pair<u64, u64>, u64> failed_;  // fingerprints of candidates that were no good, with their events_max
  u64 runs_ = 0;
  mutable bool stopped_ = false;
};

}  // namespace keelson::sim
