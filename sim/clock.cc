#include "keelson/sim/clock.h"

namespace keelson::sim {
namespace {

__extension__ using i128 = __int128;
using i64 = std::int64_t;

constexpr i64 million = 1'000'000;
constexpr i64 drift_ppm_limit = 500'000;
constexpr u64 wall_at_start_ns = u64{1'700'000'000} * 1'000'000'000;
constexpr u64 base_bound_ns = u64{1} << 40;
constexpr u64 huge_base_ns = u64{1} << 62;

}  // namespace

i64 draw_signed(const Stream& stream, Site site, u64 max) {
  const u64 drawn = stream.below(site, 2 * max + 1);
  const auto magnitude = static_cast<i64>((drawn + 1) / 2);
  return drawn % 2 == 1 ? magnitude : -magnitude;
}

void NodeClock::install(Instant truth, const ClockSettings& settings) {
  anchor_wall_ = true_wall(truth);
  step_wall(draw_signed(stream_, Site::clock_offset, settings.offset_max.ns()));
  anchor_truth_ = truth;
  boot(truth, settings);
}

void NodeClock::boot(Instant truth, const ClockSettings& settings) {
  anchor_wall_ = wall(truth);
  anchor_truth_ = truth;
  anchor_local_ = Instant(stream_.below(Site::clock_base, base_bound_ns) + (settings.huge_base ? huge_base_ns : 0));
  drift_ppm_ = draw_drift(settings);
}

i64 NodeClock::draw_drift(const ClockSettings& settings) const {
  return draw_signed(stream_, Site::clock_drift, settings.drift_ppm_max);
}

Instant NodeClock::local(Instant truth) const {
  check(truth >= anchor_truth_);
  const u64 passed = truth.ns() - anchor_truth_.ns();
  if (drift_ppm_ == 0) return Instant(anchor_local_.ns() + passed);
  const i128 scaled = static_cast<i128>(passed) * (million + drift_ppm_) / million;
  return Instant(anchor_local_.ns() + static_cast<u64>(scaled));
}

WallTime NodeClock::true_wall(Instant truth) { return WallTime(wall_at_start_ns + truth.ns()); }

WallTime NodeClock::wall(Instant truth) const { return anchor_wall_ + local(truth).since(anchor_local_); }

Instant NodeClock::truth_of(Instant local) const {
  if (local == Instant::never()) return Instant::never();
  if (local <= anchor_local_) return anchor_truth_;
  const u64 passed = local.ns() - anchor_local_.ns();
  if (drift_ppm_ == 0) return anchor_truth_ + Duration(passed);
  const i64 rate = million + drift_ppm_;
  const i128 scaled = (static_cast<i128>(passed) * million + rate - 1) / rate;
  const auto limit = static_cast<i128>(Instant::never().ns() - anchor_truth_.ns());
  return scaled >= limit ? Instant::never() : anchor_truth_ + Duration(static_cast<u64>(scaled));
}

void NodeClock::set_drift(Instant truth, i64 ppm) {
  check(ppm > -drift_ppm_limit && ppm < drift_ppm_limit);
  anchor_wall_ = wall(truth);
  anchor_local_ = local(truth);
  anchor_truth_ = truth;
  drift_ppm_ = ppm;
}

void NodeClock::step_wall(i64 delta_ns) {
  anchor_wall_ = WallTime(static_cast<u64>(static_cast<i64>(anchor_wall_.ns()) + delta_ns));
}

void NodeClock::mend_wall(Instant truth) {
  const i64 wrong = static_cast<i64>(wall(truth).ns()) - static_cast<i64>(true_wall(truth).ns());
  step_wall(-wrong);
}

}  // namespace keelson::sim
