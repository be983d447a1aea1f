#include "keelson/sim/campaign/forks.h"

#include <algorithm>
#include <cmath>

#include "keelson/sim/run/cluster.h"

namespace keelson::sim {
namespace {

constexpr u64 events_between_times = 256;

u64 ppm_of(double share) { return static_cast<u64>(std::lround(std::clamp(share, 0.0, 1.0) * double{ppm_one})); }

}  // namespace

void ForkPoints::watch(RunOptions& options) {
  options.prepare = [this, before = std::move(options.prepare)](RunCluster& cluster) {
    if (before) before(cluster);
    watcher_ = std::make_unique<Watcher>(cluster.world);
  };
}

void ForkPoints::Watcher::on_turn(const TurnSeen& turn) {
  const u64 event = world_.events();
  if (times.empty() || event >= times.back().event + events_between_times) times.push_back({{}, event, turn.at.ns()});
  for (const Mark mark : marks_.reached())
    if (marks_.turns(mark) == 1) firsts.push_back({name_of(mark), event, turn.at.ns()});
}

std::vector<ForkPoint> ForkPoints::at_marks() const { return watcher_->firsts; }

std::vector<ForkPoint> ForkPoints::evenly(u64 count, u64 end) const {
  std::vector<ForkPoint> points{{"start", 0, 0}};
  for (u64 i = 1; i <= count; ++i) {
    points.push_back(at(end / count * i));
    points.back().after = std::to_string(i) + "/" + std::to_string(count);
  }
  return points;
}

ForkPoint ForkPoints::at(u64 event) const {
  const auto& times = watcher_->times;
  const auto next =
      std::find_if(times.begin(), times.end(), [&](const ForkPoint& time) { return time.event >= event; });
  return {"event", event, next == times.end() ? (times.empty() ? 0 : times.back().at_ns) : next->at_ns};
}

void ForkCount::add(const RunReport& report, u64 seed) {
  ++runs;
  if (report.expected || !report.failure) return;
  ++failed;
  ++kinds[report.failure->kind];
  const auto [first, added] = first_of.emplace(report.failure->kind, seed);
  if (!added) first->second = std::min(first->second, seed);
}

ChancePpm chance_of(const ForkCount& count) {
  if (count.runs == 0) return {};
  const double n = static_cast<double>(count.runs);
  const double p = static_cast<double>(count.failed) / n;
  const double z2 = 1.96 * 1.96;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double reach = std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) * 1.96 / (1 + z2 / n);
  return {ppm_of(p), ppm_of(middle - reach), ppm_of(middle + reach)};
}

}  // namespace keelson::sim
