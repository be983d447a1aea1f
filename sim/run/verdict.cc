#include "keelson/sim/run/verdict.h"

#include "keelson/base/checksum.h"
#include "keelson/sim/json_object.h"

namespace keelson::sim {
namespace {

int rank_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return 0;
    case Verdict::inconclusive:
      return 1;
    case Verdict::unavailable:
      return 2;
    case Verdict::liveness:
      return 3;
    case Verdict::safety:
      return 4;
    case Verdict::nondeterministic:
      return 5;
  }
  return 5;
}

}  // namespace

Verdict worse(Verdict a, Verdict b) { return rank_of(a) >= rank_of(b) ? a : b; }

int exit_code_of(const RunReport& report) {
  if (report.verdict == Verdict::nondeterministic || !report.expected) {
    const int code = exit_code_of(report.verdict);
    return code != 0 ? code : exit_code_of(Verdict::inconclusive);  // an expected failure that did not happen
  }
  return 0;
}

std::string signature_of(const RunReport& report) {
  if (!report.failure) return {};
  const Failure& failure = *report.failure;
  std::string signature = std::string(name_of(report.verdict)) + " " + failure.kind;
  if (failure.kind == "process.died") {  // "... ended by signal Aborted: whose fault that may be"
    static constexpr std::string_view by = " by ";
    const auto at = failure.detail.find(by);
    if (at == std::string::npos) return signature;
    return signature + " " + failure.detail.substr(at + by.size(), failure.detail.find(':') - at - by.size());
  }
  if (failure.kind != "kernel.check") return signature;
  const auto colon = failure.detail.find(':');  // "path/file.cc:123: function"
  if (colon == std::string::npos) return signature;
  const auto folder = failure.detail.rfind('/', colon);
  const auto file = folder == std::string::npos ? 0 : folder + 1;
  const auto function = failure.detail.find(": ", colon);
  signature += " " + failure.detail.substr(file, colon - file);
  return function == std::string::npos ? signature : signature + failure.detail.substr(function + 1);
}

u64 signature_hash(const std::string& signature) {
  return signature.empty() ? 0 : check64_of(std::as_bytes(std::span(signature)), 0);
}

std::string to_json(const RunReport& r) {
  std::string failure = "null";
  if (r.failure)
    failure = JsonObject()
                  .text("kind", r.failure->kind)
                  .text("detail", r.failure->detail)
                  .text("reproduce", r.failure->reproduce)
                  .field("at_ns", r.failure->at_ns)
                  .field("event", r.failure->event)
                  .text("phase", r.failure->phase)
                  .text("explanation", r.failure->explanation)
                  .close();
  return JsonObject()
      .text("scenario", r.scenario)
      .field("seed", r.seed)
      .text("verdict", name_of(r.verdict))
      .text("trace_hash", r.trace_hash)
      .field("events", r.events)
      .field("commits", r.commits)
      .field("view_changes", r.view_changes)
      .field("virtual_ns", r.virtual_ns)
      .field("wall_ns", r.wall_ns)
      .field("faults", json_counts(r.faults))
      .field("failure", failure)
      .field("expected", r.expected)
      .field("verified", r.verified)
      .field("calls",
             JsonObject().field("ok", r.calls_ok).field("fail", r.calls_fail).field("info", r.calls_info).close())
      .field("marks", json_counts(r.marks))
      .field("checks", json_list(r.checks, json_string))
      .close();
}

void Summary::add(const RunReport& report) {
  ++seeds;
  const bool good = exit_code_of(report) == 0;
  ok += good;
  if (!good) {
    failed.push_back(report.seed);
    worst = worse(worst, report.verdict == Verdict::ok ? Verdict::inconclusive : report.verdict);
  }
  events += report.events;
  virtual_ns += report.virtual_ns;
  busy_ns += report.wall_ns;
  for (const auto& [name, count] : report.faults) faults[name] += count;
  for (const auto& [name, count] : report.marks) marks[name] += count;
}

std::string to_json(const Summary& s) {
  const std::string inner = JsonObject()
                                .field("seeds", s.seeds)
                                .field("ok", s.ok)
                                .field("failed", json_list(s.failed, [](u64 seed) { return std::to_string(seed); }))
                                .field("events_per_s", per_second(s.events, s.busy_ns))
                                .field("virtual_to_wall", s.busy_ns ? s.virtual_ns / s.busy_ns : 0)
                                .field("seeds_per_core_hour", per_second(s.seeds * 3600, s.busy_ns))
                                .field("faults", json_counts(s.faults))
                                .field("marks", json_counts(s.marks))
                                .close();
  return JsonObject().field("summary", inner).close();
}

}  // namespace keelson::sim
