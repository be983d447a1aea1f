#include "keelson/sim/shrink/oracle.h"

#include <algorithm>
#include <poll.h>

#include "keelson/sim/run/report_codec.h"
#include "keelson/sim/shrink/black_box.h"
#include "keelson/sim/shrink/child.h"

namespace keelson::sim {
namespace {

constexpr int look_around_ms = 100;
constexpr std::chrono::seconds hang{30};  // a run that takes longer hangs

std::string watched_run(const Candidate& candidate, u64 events_max, RunOptions options, BlackBox& box) {
  box.install(options);
  return encode_report(run(candidate, events_max, std::move(options)));
}

RunReport report_of(const Candidate& candidate, const Child& child, const BlackBox& box) {
  if (!child.result()) return box.report(candidate.scenario, child.how_it_died());
  auto report = decode_report(*child.result());
  return report ? *report : box.report(candidate.scenario, "an answer that nobody can read");
}

}  // namespace

struct Oracle::Running {
  Running(std::size_t i, Candidate c, u64 max, const RunOptions& options)
      : index(i),
        candidate(std::move(c)),
        events_max(max),
        child([&] { return watched_run(candidate, events_max, options, box); }) {}

  std::size_t index;
  Candidate candidate;
  u64 events_max;
  BlackBox box;
  Child child;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  bool ended = false;
};

Oracle::Oracle(OracleLimits limits, RunOptions options, std::function<bool()> between)
    : limits_(limits), options_(std::move(options)), between_(std::move(between)) {}

u64 Oracle::spent_ppm() const {
  const auto spent = static_cast<u64>((std::chrono::steady_clock::now() - began_) / std::chrono::microseconds(1));
  const u64 of_time =
      spent * ppm_one / std::max<u64>(1, static_cast<u64>(limits_.budget / std::chrono::microseconds(1)));
  const u64 of_runs = limits_.runs_max > 0 ? runs_ * ppm_one / limits_.runs_max : 0;
  return std::min(ppm_one, std::max(of_time, of_runs));
}

bool Oracle::over() const {
  if (spent_ppm() == ppm_one) return true;
  if (!stopped_ && between_ && !between_()) stopped_ = true;
  return stopped_;
}

bool Oracle::failed_before(const Digest& print, u64 events_max) const {
  const auto known = failed_.find({print.lo, print.hi});
  return known != failed_.end() && events_max <= known->second;
}

// Until one of them has something to say, or it is time to look at the clock.
void Oracle::wait(const std::vector<std::unique_ptr<Running>>& running) const {
  std::vector<pollfd> fds;
  std::vector<Running*> whose;
  for (const auto& one : running) {
    if (one->ended) continue;
    fds.push_back({one->child.fd(), POLLIN, 0});
    whose.push_back(one.get());
  }
  if (::poll(fds.data(), fds.size(), look_around_ms) <= 0) return;
  for (std::size_t i = 0; i < fds.size(); ++i)
    if (fds[i].revents != 0) whose[i]->ended = whose[i]->child.read();
}

std::optional<Found> Oracle::first(const Trial& trial) {
  std::vector<std::unique_ptr<Running>> running;  // in order of index
  std::size_t next = 0;
  while (!over()) {
    while (running.size() < limits_.jobs && next < trial.count) {
      const std::size_t index = next++;
      auto candidate = trial.make(index);
      if (!candidate || failed_before(fingerprint(*candidate), trial.events_max)) continue;
      running.push_back(std::make_unique<Running>(index, std::move(*candidate), trial.events_max, options_));
    }
    if (running.empty()) return {};
    wait(running);
    while (!running.empty()) {
      Running& front = *running.front();
      const bool hangs = !front.ended && std::chrono::steady_clock::now() - front.began > hang;
      if (!front.ended && !hangs) break;
      ++runs_;
      if (front.ended) {
        RunReport report = report_of(front.candidate, front.child, front.box);
        if (signature_of(report) == signature_ && (!condition_ || condition_(front.candidate)))
          return Found{front.index, std::move(front.candidate), std::move(report)};
      }
      const Digest print = fingerprint(front.candidate);
      failed_[{print.lo, print.hi}] = trial.events_max;
      running.erase(running.begin());
      if (over()) return {};
    }
  }
  return {};
}

RunReport Oracle::judge(const Candidate& candidate) {
  ++runs_;
  BlackBox box;
  Child child([&] { return watched_run(candidate, 0, options_, box); });
  child.wait();
  return report_of(candidate, child, box);
}

std::optional<Recorded> Oracle::record(const Candidate& candidate, const RunReport& known) const {
  Child child([&] {
    RunOptions options = options_;
    stop_before_death(options, known);
    Recorded recorded = run_recording(candidate, options);
    TapeFile file;
    file.streams = std::move(recorded.streams);
    file.scenario = encode_report(recorded.report);  // one parcel for both
    const auto bytes = write_tape(file);
    return bytes ? *bytes : std::string();
  });
  child.wait();
  if (!child.result()) return {};
  auto file = parse_tape(*child.result());
  if (!file) return {};
  auto report = decode_report(file->scenario);
  if (!report) return {};
  return Recorded{std::move(*report), std::get<std::vector<RecordedStream>>(std::move(file->streams))};
}

}  // namespace keelson::sim
