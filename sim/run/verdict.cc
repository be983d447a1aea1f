#include "keelson/sim/run/verdict.h"

#include "keelson/base/checksum.h"

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

class Object {
 public:
  Object& field(std::string_view key, const std::string& raw) {
    text_ += (text_.size() > 1 ? "," : "") + json_string(key) + ":" + raw;
    return *this;
  }
  Object& field(std::string_view key, u64 value) { return field(key, std::to_string(value)); }
  Object& field(std::string_view key, bool value) { return field(key, std::string(value ? "true" : "false")); }
  Object& text(std::string_view key, std::string_view value) { return field(key, json_string(value)); }
  std::string close() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

std::string counts(const std::map<std::string, u64>& values) {
  Object object;
  for (const auto& [name, count] : values)
    if (count > 0) object.field(name, count);
  return object.close();
}

std::string list(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const auto& name : names) text += (text.size() > 1 ? "," : "") + json_string(name);
  return text + "]";
}

u64 per_second(u64 count, u64 ns) {
  __extension__ using u128 = unsigned __int128;
  return ns == 0 ? 0 : static_cast<u64>(static_cast<u128>(count) * 1'000'000'000 / ns);
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

std::string json_string(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string to_json(const RunReport& r) {
  std::string failure = "null";
  if (r.failure)
    failure = Object()
                  .text("kind", r.failure->kind)
                  .text("detail", r.failure->detail)
                  .text("reproduce", r.failure->reproduce)
                  .field("at_ns", r.failure->at_ns)
                  .field("event", r.failure->event)
                  .text("phase", r.failure->phase)
                  .text("explanation", r.failure->explanation)
                  .close();
  return Object()
      .text("scenario", r.scenario)
      .field("seed", r.seed)
      .text("verdict", name_of(r.verdict))
      .text("trace_hash", r.trace_hash)
      .field("events", r.events)
      .field("commits", r.commits)
      .field("view_changes", r.view_changes)
      .field("virtual_ns", r.virtual_ns)
      .field("wall_ns", r.wall_ns)
      .field("faults", counts(r.faults))
      .field("failure", failure)
      .field("expected", r.expected)
      .field("verified", r.verified)
      .field("calls", Object().field("ok", r.calls_ok).field("fail", r.calls_fail).field("info", r.calls_info).close())
      .field("marks", counts(r.marks))
      .field("checks", list(r.checks))
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
  std::string failed = "[";
  for (const u64 seed : s.failed) failed += (failed.size() > 1 ? "," : "") + std::to_string(seed);
  const std::string inner = Object()
                                .field("seeds", s.seeds)
                                .field("ok", s.ok)
                                .field("failed", failed + "]")
                                .field("events_per_s", per_second(s.events, s.busy_ns))
                                .field("virtual_to_wall", s.busy_ns ? s.virtual_ns / s.busy_ns : 0)
                                .field("seeds_per_core_hour", per_second(s.seeds * 3600, s.busy_ns))
                                .field("faults", counts(s.faults))
                                .field("marks", counts(s.marks))
                                .close();
  return Object().field("summary", inner).close();
}

}  // namespace keelson::sim
