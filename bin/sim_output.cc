#include "sim_output.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

#include "version.h"

namespace keelson::bin {
namespace {

bool colour() { return ::isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR"); }

std::string painted(const std::string& text, const char* code) {
  return colour() ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string fixed(u64 ns, u64 unit_ns, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, static_cast<double>(ns) / static_cast<double>(unit_ns));
  return buffer;
}

std::string indented(const std::string& lines) {
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = std::min(lines.find('\n', at), lines.size());
    text += "           " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return text;
}

std::string verdict_text(const sim::RunReport& r) {
  const std::string name =
      upper(sim::name_of(r.verdict)) + (r.expected && r.verdict != sim::Verdict::ok ? " (expected)" : "");
  return painted(name, r.expected ? "32;1" : "31;1");
}

}  // namespace

void print_run(const sim::RunReport& r, const std::string& again) {
  std::cout << "keelson " << version() << "  scenario " << r.scenario << "  seed " << r.seed << "  " << r.shape << ", "
            << fixed(r.virtual_ns, 1'000'000'000, 1) << " s of virtual time\n  faults  ";
  u64 shown = 0;
  for (const auto& [name, count] : r.faults)
    if (count > 0) std::cout << (shown++ ? "  " : " ") << count << " " << name;
  std::cout << (shown ? "" : " none") << "\n";
  std::cout << "  work     " << r.commits << " commits, " << r.calls_ok << " calls answered, " << r.calls_fail
            << " refused, " << r.calls_info << " unknown, " << r.view_changes << " view changes\n";
  if (r.failure) {
    std::cout << "  " << verdict_text(r) << "   " << r.failure->kind << " in phase " << r.failure->phase << " at "
              << fixed(r.failure->at_ns, 1'000'000'000, 6) << " s, event " << r.failure->event << "\n           "
              << r.failure->detail << "\n"
              << indented(r.failure->explanation);
  } else {
    std::cout << "  checks  ";
    for (const auto& check : r.checks) std::cout << " " << check << " ok ";
    std::cout << "(" << r.events << " events)\n";
    std::cout << "  " << verdict_text(r) << "       in " << fixed(r.wall_ns, 1'000'000'000, 2) << " s ("
              << r.virtual_ns / std::max<u64>(1, r.wall_ns) << "x real time)"
              << (r.verified ? ", twice with the same hash" : "") << "  trace " << r.trace_hash << "\n";
  }
  std::cout << "again      " << again << "\n";
}

void print_campaign_line(const sim::RunReport& r) {
  if (sim::exit_code_of(r) == 0) return;
  std::cout << "  " << verdict_text(r) << "  " << r.scenario << " seed " << r.seed;
  if (r.failure)
    std::cout << "  " << r.failure->kind << ": " << r.failure->detail << "\n           " << r.failure->reproduce;
  std::cout << "\n" << std::flush;
}

void print_summary(const sim::Summary& s, unsigned jobs) {
  const u64 seconds = std::max<u64>(1, s.busy_ns / 1'000'000'000);
  std::cout << (s.failed.empty() ? painted("OK", "32;1") : painted("FAILED", "31;1")) << "  " << s.ok << " of "
            << s.seeds << " runs as expected in " << fixed(s.wall_ns, 1'000'000'000, 1) << " s with " << jobs
            << (jobs == 1 ? " job" : " jobs") << ": " << s.events / seconds << " events/s/core, "
            << s.virtual_ns / std::max<u64>(1, s.busy_ns) << "x real time, " << s.seeds * 3600 / seconds
            << " seeds per core-hour\n";
}

void print_totals(const sim::Tally& tally) {
  const sim::ScenarioTally& all = tally.all();
  std::cout << (all.failed == 0 ? painted("OK", "32;1") : painted("FAILED", "31;1")) << "  " << all.runs - all.failed
            << " of " << all.runs << " runs as expected, " << all.verified
            << " of them verified: " << sim::per_second(all.events, all.busy_ns) << " events/s/core, "
            << sim::per_second(all.runs * 3600, all.busy_ns) << " seeds per core-hour\n";
}

void print_signatures(const sim::Tally& tally) {
  for (const auto& [signature, failed] : tally.signatures()) {
    const sim::Example& first = *failed.first.begin();
    std::cout << "  " << painted(signature, "31;1") << "  " << failed.runs << (failed.runs == 1 ? " run" : " runs")
              << ", first " << first.file << " seed " << first.seed << "\n           " << first.reproduce << "\n";
  }
}

std::string rate_text(u64 runs, u64 ns) {
  char buffer[32];
  const double rate = static_cast<double>(runs) * 1e9 / static_cast<double>(std::max<u64>(1, ns));
  std::snprintf(buffer, sizeof buffer, rate < 10 ? "%.2f runs/s" : "%.0f runs/s", rate);
  return buffer;
}

std::string time_text(u64 seconds) {
  char buffer[64];
  if (seconds >= 3600)
    std::snprintf(buffer, sizeof buffer, "%llu h %02llu min", static_cast<unsigned long long>(seconds / 3600),
                  static_cast<unsigned long long>(seconds / 60 % 60));
  else if (seconds >= 60)
    std::snprintf(buffer, sizeof buffer, "%llu min %02llu s", static_cast<unsigned long long>(seconds / 60),
                  static_cast<unsigned long long>(seconds % 60));
  else
    std::snprintf(buffer, sizeof buffer, "%llu s", static_cast<unsigned long long>(seconds));
  return buffer;
}

Bar::Bar() : terminal_(::isatty(STDERR_FILENO)) {}
Bar::~Bar() { clear(); }

void Bar::show(const std::string& what, u64 done, u64 total, const std::string& detail) {
  const u64 now = static_cast<u64>(std::chrono::steady_clock::now().time_since_epoch().count());
  if (now - last_ns_ < (terminal_ ? 250'000'000u : 10'000'000'000u)) return;
  if (!terminal_ && last_ns_ == 0) {  // a line per ten seconds, and none for what is over sooner
    last_ns_ = now;
    return;
  }
  last_ns_ = now;
  const u64 width = 30, filled = std::min(width, total ? done * width / total : 0);
  const std::string bar = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
  std::cerr << (terminal_ ? "\r\033[K" : "") << what << " " << bar << " " << detail << (terminal_ ? "" : "\n")
            << std::flush;
  shown_ = true;
}

void Bar::clear() {
  if (terminal_ && shown_) std::cerr << "\r\033[K" << std::flush;
  shown_ = false;
}

}  // namespace keelson::bin
