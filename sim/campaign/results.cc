#include "keelson/sim/campaign/results.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <span>

#include "keelson/base/checksum.h"
#include "keelson/sim/campaign/fields.h"

namespace keelson::sim {
namespace {

constexpr std::string_view sum_key = ",\"sum\":\"";
constexpr std::size_t sum_digits = 16;
constexpr std::size_t tail_size = sum_key.size() + sum_digits + 2;  // and "}

std::string sum_of(std::string_view text) {
  char digits[sum_digits + 1];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(check64_of(std::as_bytes(std::span(text)), 0)));
  return digits;
}

std::optional<Verdict> verdict_named(const std::string& name) {
  for (const Verdict verdict : {Verdict::ok, Verdict::safety, Verdict::liveness, Verdict::nondeterministic,
                                Verdict::inconclusive, Verdict::unavailable})
    if (name == name_of(verdict)) return verdict;
  return {};
}

Failure failure_of(Fields& fields) {
  Failure failure;
  failure.kind = fields.text("kind");
  failure.detail = fields.text("detail");
  failure.reproduce = fields.text("reproduce");
  failure.at_ns = fields.number("at_ns");
  failure.event = fields.number("event");
  failure.phase = fields.text("phase");
  failure.explanation = fields.text("explanation");
  return failure;
}

tl::expected<Result, std::string> result_of(const Datum& datum) {
  Fields fields(datum);
  Result result{fields.text("file"), {}};
  RunReport& r = result.report;
  r.scenario = fields.text("scenario");
  r.seed = fields.number("seed");
  const auto verdict = verdict_named(fields.text("verdict"));
  if (!verdict) fields.need("verdict", "ok, safety, liveness, nondeterministic, inconclusive or unavailable");
  r.verdict = verdict.value_or(Verdict::ok);
  r.trace_hash = fields.text("trace_hash");
  r.events = fields.number("events");
  r.commits = fields.number("commits");
  r.view_changes = fields.number("view_changes");
  r.virtual_ns = fields.number("virtual_ns");
  r.wall_ns = fields.number("wall_ns");
  r.faults = fields.counts("faults");
  r.marks = fields.counts("marks");
  r.expected = fields.yes("expected");
  r.verified = fields.yes("verified");
  Fields calls(fields.object("calls"));
  r.calls_ok = calls.number("ok");
  r.calls_fail = calls.number("fail");
  r.calls_info = calls.number("info");
  if (!calls.wrong().empty()) fields.need("calls", calls.wrong());
  for (const Datum& check : fields.list("checks")) r.checks.push_back(check.text);
  if (fields.has("failure")) {
    Fields failure(fields.object("failure"));
    r.failure = failure_of(failure);
    if (!failure.wrong().empty()) fields.need("failure", failure.wrong());
  }
  if (!fields.wrong().empty()) return tl::unexpected(fields.wrong());
  return result;
}

}  // namespace

std::string line_of(const Result& result) {
  std::string line = "{\"file\":" + json_string(result.file) + "," + to_json(result.report).substr(1);
  line.pop_back();
  return line + std::string(sum_key) + sum_of(line) + "\"}\n";
}

tl::expected<Result, std::string> parse_result(std::string_view line) {
  const auto body = line.substr(0, line.size() - std::min(line.size(), tail_size));
  const auto tail = line.substr(body.size());
  if (tail != std::string(sum_key) + sum_of(body) + "\"}")
    return tl::unexpected(tail.starts_with(sum_key) ? std::string("its checksum is not that of its text")
                                                    : std::string("it does not end in a checksum"));
  const auto datum = parse_datum(Notation::json, line);
  if (!datum) return tl::unexpected("column " + std::to_string(datum.error().column) + ": " + datum.error().what);
  return result_of(*datum);
}

tl::expected<ResultsRead, BadResults> read_results(const std::filesystem::path& file, const CampaignPlan& plan,
                                                   const std::function<void(Result&&)>& take) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return tl::unexpected(BadResults{0, std::strerror(errno)});
  std::set<std::string> planned;
  for (const auto& scenario : plan.scenarios) planned.insert(scenario.file);
  ResultsRead read;
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) {  // no newline
      read.torn = line.size();
      break;
    }
    ++read.lines;
    read.bytes += line.size() + 1;
    auto result = parse_result(line);
    if (!result) return tl::unexpected(BadResults{read.lines, result.error()});
    if (!planned.contains(result->file))
      return tl::unexpected(BadResults{read.lines, "file: " + result->file + " is not of this campaign"});
    if (!place_of(result->report.seed, plan.seeds))
      return tl::unexpected(BadResults{read.lines, "seed: got " + std::to_string(result->report.seed) +
                                                       "; the campaign has " + text_of(plan.seeds)});
    take(std::move(*result));
  }
  if (in.bad()) return tl::unexpected(BadResults{0, std::strerror(errno)});
  return read;
}

u32 ResultSet::source(const std::string& from) {
  if (sources_.empty() || sources_.back() != from) sources_.push_back(from);
  return static_cast<u32>(sources_.size() - 1);
}

bool ResultSet::add(const Result& result, const std::string& from) {
  const RunReport& report = result.report;
  const auto [place, fresh] =
      seen_.try_emplace({report.seed, result.file}, Seen{report.trace_hash, report.verdict, source(from)});
  if (!fresh) {
    ++twice_;
    compare(place->second, result, from);
  }
  return fresh;
}

void ResultSet::compare(const Seen& first, const Result& second, const std::string& from) {
  const Key key{second.report.seed, second.file};
  // A process that was ended from outside has no trace to compare; the failure counts.
  if (first.trace_hash.empty()) return;
  if (second.report.trace_hash.empty() || second.report.trace_hash == first.trace_hash) {
    if (worse(first.verdict, second.report.verdict) != first.verdict) amended_[key] = second.report;
    return;
  }
  ++contradictions_;
  RunReport& amended = amended_[key] = second.report;
  const std::string reproduce = amended.failure ? amended.failure->reproduce : "";
  const auto told = [](const std::string& who, const std::string& hash, Verdict verdict) {
    return who + " has trace hash " + hash + " (" + name_of(verdict) + ")";
  };
  amended.failure = Failure{"determinism.two_hashes",
                            told(sources_[first.from], first.trace_hash, first.verdict) + ", " +
                                told(from, second.report.trace_hash, second.report.verdict),
                            reproduce,
                            0,
                            0,
                            ""};
  amended.verdict = Verdict::nondeterministic;
  amended.expected = false;
}

const RunReport* ResultSet::amended(const std::string& file, u64 seed) const {
  const auto found = amended_.find({seed, file});
  return found == amended_.end() ? nullptr : &found->second;
}

std::string ResultSet::missing(const CampaignPlan& plan) const {
  constexpr std::size_t partial_max = 3;
  std::vector<SeedRange> touched;
  std::vector<std::string> parts;
  std::size_t partial = 0;
  for (auto at = seen_.begin(); at != seen_.end();) {
    const u64 seed = at->first.first;
    u64 runs = 0;
    for (; at != seen_.end() && at->first.first == seed; ++at) ++runs;
    if (touched.empty() || touched.back().to + 1 != seed)
      touched.push_back({seed, seed});
    else
      touched.back().to = seed;
    if (runs == plan.scenarios.size() || ++partial > partial_max) continue;
    parts.push_back("seed " + std::to_string(seed) + " in " + std::to_string(plan.scenarios.size() - runs) + " of " +
                    std::to_string(plan.scenarios.size()) + " scenarios");
  }
  if (partial > partial_max) parts.push_back(std::to_string(partial - partial_max) + " more seeds in some scenarios");
  const auto left = without(plan.seeds, touched);
  if (!left.empty()) parts.push_back((count_of(left) == 1 ? "seed " : "seeds ") + text_of(left));
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace keelson::sim
