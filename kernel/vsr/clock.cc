#include "keelson/vsr/clock.h"

#include <algorithm>
#include <limits>

#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

// Offsets are kept within +-2^61 ns (73 years), so that no sum of one with a tolerance and half a round trip overflows.
constexpr std::int64_t offset_max = std::int64_t{1} << 61;
constexpr Duration tolerance_first = milliseconds(1);

std::int64_t difference(u64 a, u64 b) {
  const u64 distance = a > b ? a - b : b - a;
  const auto bounded = static_cast<std::int64_t>(std::min(distance, static_cast<u64>(offset_max)));
  return a > b ? bounded : -bounded;
}

u64 shifted(u64 ns, std::int64_t by) {
  if (by < 0) {
    const u64 back = static_cast<u64>(-by);
    return ns > back ? ns - back : 0;
  }
  return static_cast<u64>(by) < std::numeric_limits<u64>::max() - ns ? ns + static_cast<u64>(by)
                                                                     : std::numeric_limits<u64>::max();
}

}  // namespace

const char* name_of(ClockState state) {
  switch (state) {
    case ClockState::synchronized:
      return "synchronized";
    case ClockState::no_wall:
      return "no_wall";
    case ClockState::too_few_peers:
      return "too_few_peers";
    case ClockState::disagreement:
      return "disagreement";
  }
  return "";
}

ClusterClock::ClusterClock(const Tunables& tunables, NodeId self, std::span<const NodeId> voters)
    : window_min_(tunables.clock_window_min),
      window_max_(tunables.clock_window_max),
      tolerance_max_(tunables.clock_tolerance_max),
      valid_(tunables.clock_valid),
      self_(self) {
  for (const NodeId voter : voters) {
    if (voter == self_) continue;
    check(peer_count_ < voters_max);
    peers_[peer_count_++] = voter;
  }
  majority_ = (peer_count_ + 1) / 2 + 1;
}

u64 ClusterClock::extend(const Base& base, Instant now) { return (base.wall + now.since(base.at)).ns(); }

void ClusterClock::sample_wall(Instant now, WallTime wall) {
  const bool first = !latest_.has_value();
  const bool alone = peer_count_ == 0;
  // Alone there is nobody to agree with: the own wall is the time, and only made to never run back.
  if (alone && !first) wall = std::max(wall, WallTime(extend(*latest_, now)));
  latest_ = Base{now, wall};
  if (first) open_window(now);
  if (alone) agreement_ = Agreement{*latest_, {}, Instant::never()};
}

void ClusterClock::learn(NodeId peer, u64 echo_sent, u64 echo_held_ns, WallTime peer_wall, Instant now) {
  if (!latest_) return;
  u32 index = 0;
  while (index < peer_count_ && peers_[index] != peer) ++index;
  if (index == peer_count_) return;
  if (echo_sent < window_.at.ns() || echo_sent > now.ns()) return;
  const u64 elapsed = now.ns() - echo_sent;
  if (echo_held_ns > elapsed) return;
  const Duration round_trip(elapsed - echo_held_ns);
  if (round_trip > window_max_) return;

  Sample& sample = samples_[index];
  if (sample.heard && sample.round_trip <= round_trip) return;
  const std::int64_t offset = difference((peer_wall + round_trip / 2).ns(), extend(window_, now));
  sample = {true, round_trip, std::clamp(offset, -offset_max, offset_max)};
  // Nobody waits for a whole window while there is no time at all.
  if (!synchronized(now) || now >= window_.at + window_min_) try_install(now);
}

void ClusterClock::on_deadline(Instant now) {
  if (!latest_ || peer_count_ == 0) return;
  if (now >= window_.at + window_min_) {
    attempted_ = true;
    if (try_install(now)) return;
  }
  if (now >= window_.at + window_max_) open_window(now);
}

Instant ClusterClock::deadline() const {
  if (!latest_ || peer_count_ == 0) return Instant::never();
  return window_.at + (attempted_ ? window_max_ : window_min_);
}

void ClusterClock::open_window(Instant now) {
  window_ = Base{now, WallTime(extend(*latest_, now))};
  attempted_ = false;
  samples_ = {};
}

bool ClusterClock::try_install(Instant now) {
  if (!rules::is_clock_majority(sources_heard(), majority_)) return false;
  for (Duration tolerance;;) {
    const ClockAgreement agreed = agree(tolerance);
    if (rules::is_clock_majority(agreed.sources, majority_)) {
      agreement_ = Agreement{window_, agreed.interval, window_.at + valid_};
      open_window(now);
      return true;
    }
    if (tolerance >= tolerance_max_) return false;
    tolerance = std::min(std::max(tolerance * 2, tolerance_first), tolerance_max_);
  }
}

ClockAgreement ClusterClock::agree(Duration tolerance) const {
  const auto around = [&](std::int64_t offset, Duration round_trip) {
    const auto reach = static_cast<std::int64_t>((round_trip / 2 + tolerance).ns());
    return ClockInterval{offset - reach, offset + reach};
  };
  std::array<ClockInterval, voters_max + 1> sources;
  std::size_t count = 0;
  sources[count++] = around(0, Duration());
  for (u32 i = 0; i < peer_count_; ++i)
    if (samples_[i].heard) sources[count++] = around(samples_[i].offset, samples_[i].round_trip);
  return marzullo(std::span(sources).first(count));
}

std::optional<WallTime> ClusterClock::wall(Instant now) const {
  if (!latest_) return std::nullopt;
  return WallTime(extend(*latest_, now));
}

std::optional<Timestamp> ClusterClock::now(Instant now) const {
  if (!synchronized(now)) return std::nullopt;
  const std::int64_t shift = std::clamp(std::int64_t{0}, agreement_->offset.min, agreement_->offset.max);
  return Timestamp(shifted(extend(agreement_->base, now), shift));
}

ClockState ClusterClock::state(Instant now) const {
  if (!latest_) return ClockState::no_wall;
  if (agreement_ && now < agreement_->valid_until) return ClockState::synchronized;
  return sources_heard() < majority_ ? ClockState::too_few_peers : ClockState::disagreement;
}

u32 ClusterClock::sources_heard() const {
  u32 heard = latest_ ? 1 : 0;
  for (u32 i = 0; i < peer_count_; ++i) heard += samples_[i].heard ? 1 : 0;
  return heard;
}

}  // namespace keelson
