#include "keelson/sim/clock.h"

#include <gtest/gtest.h>
#include <set>

namespace keelson::sim {
namespace {

constexpr std::int64_t second = 1'000'000'000;

struct Bench {
  explicit Bench(TapeSource source = SparseTape{}) : tape(std::move(source)), clock(tape.stream("clock/0")) {}
  Tape tape;
  NodeClock clock;
};

TEST(NodeClock, QuietOnesShowTrueTime) {
  Bench bench;
  bench.clock.install(Instant(5), {});
  EXPECT_EQ(bench.clock.local(Instant(5)), Instant(0));
  EXPECT_EQ(bench.clock.local(Instant(1'005)), Instant(1'000));
  EXPECT_EQ(bench.clock.truth_of(Instant(1'000)), Instant(1'005));
  EXPECT_EQ(bench.clock.truth_of(Instant::never()), Instant::never());
  EXPECT_EQ(bench.clock.wall(Instant(1'005)).since(bench.clock.wall(Instant(5))), Duration(1'000));
}

TEST(NodeClock, DriftsAndItsInverseIsTheFirstMoment) {
  for (const std::int64_t ppm : {500, -500, 10'000, -10'000, 1, -1}) {
    Bench bench;
    bench.clock.install(Instant(), {});
    bench.clock.set_drift(Instant(), ppm);
    const u64 expected = static_cast<u64>(second + second / 1'000'000 * ppm);
    EXPECT_EQ(bench.clock.local(Instant(static_cast<u64>(second))), Instant(expected));
    for (u64 local = 1; local < 3'000'000'000; local = local * 3 + 7) {
      const Instant truth = bench.clock.truth_of(Instant(local));
      ASSERT_GE(bench.clock.local(truth), Instant(local));
      ASSERT_LT(bench.clock.local(truth - Duration(1)), Instant(local));
    }
  }
}

TEST(NodeClock, NeverRunsBackwardsWhenItsRateChanges) {
  Bench bench;
  bench.clock.install(Instant(), {});
  Instant last;
  for (u64 i = 1; i < 100; ++i) {
    bench.clock.set_drift(Instant(i * 1'000), i % 2 == 0 ? 400'000 : -400'000);
    EXPECT_GE(bench.clock.local(Instant(i * 1'000)), last);
    last = bench.clock.local(Instant(i * 1'000));
  }
}

TEST(NodeClock, WallTimeJumpsAndTheMonotonicClockDoesNot) {
  Bench bench;
  bench.clock.install(Instant(), {});
  const WallTime before = bench.clock.wall(Instant(1'000));
  bench.clock.step_wall(-3'600 * second);
  EXPECT_EQ(before.since(bench.clock.wall(Instant(1'000))), seconds(3'600));
  EXPECT_EQ(bench.clock.local(Instant(1'000)), Instant(1'000));
}

TEST(NodeClock, EachBootHasItsOwnBaseAndKeepsTheWallTime) {
  Bench bench(SeededTape{4});
  bench.clock.install(Instant(), {.drift_ppm_max = 500});
  std::set<u64> bases;
  for (u64 i = 1; i <= 20; ++i) {
    const Instant truth(i * static_cast<u64>(second));
    const WallTime wall = bench.clock.wall(truth);
    bench.clock.boot(truth, {.drift_ppm_max = 500});
    EXPECT_EQ(bench.clock.wall(truth), wall);
    EXPECT_LE(std::abs(bench.clock.drift_ppm()), 500);
    bases.insert(bench.clock.local(truth).ns());
  }
  EXPECT_EQ(bases.size(), 20u);
  bench.clock.boot(Instant(100 * static_cast<u64>(second)), {.huge_base = true});
  EXPECT_GE(bench.clock.local(Instant(100 * static_cast<u64>(second))).ns(), u64{1} << 62);
}

TEST(DrawSigned, IsQuietAtZeroAndCoversBothSides) {
  Tape quiet{SparseTape{}};
  EXPECT_EQ(draw_signed(quiet.stream("s"), Site::clock_drift, 3), 0);
  Tape tape{SeededTape{1}};
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(draw_signed(tape.stream("s"), Site::clock_drift, 3));
  EXPECT_EQ(seen, (std::set<std::int64_t>{-3, -2, -1, 0, 1, 2, 3}));
}

}  // namespace
}  // namespace keelson::sim
