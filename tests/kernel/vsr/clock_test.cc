#include "keelson/vsr/clock.h"

#include <gtest/gtest.h>
#include <vector>

namespace keelson {
namespace {

constexpr u64 ms = 1'000'000;
constexpr u64 epoch_2026 = 1'767'225'600'000'000'000;

// A few nodes with clocks that are wrong by an offset and run wrong by parts per million, beating at each other.
class Clocks {
 public:
  struct Node {
    std::int64_t offset_ns = 0;
    std::int64_t drift_ppm = 0;
    bool up = true;
  };

  Clocks(std::vector<Node> nodes, Tunables t = Tunables::standard()) : nodes_(std::move(nodes)), tunables_(t) {
    std::vector<NodeId> voters;
    for (u16 n = 0; n < nodes_.size(); ++n) voters.push_back(NodeId(n));
    for (u16 n = 0; n < nodes_.size(); ++n) clocks_.emplace_back(tunables_, NodeId(n), voters);
    for (u16 n = 0; n < nodes_.size(); ++n) clocks_[n].on_boot(now(n), wall(n));
  }

  // Every node's monotonic clock starts elsewhere and drifts like its wall clock.
  Instant now(std::size_t n) const { return Instant(mono_ns(n)); }
  WallTime wall(std::size_t n) const {
    return WallTime(epoch_2026 + static_cast<u64>(nodes_[n].offset_ns) + mono_ns(n) - start(n));
  }
  u64 true_ns() const { return epoch_2026 + true_ns_; }

  // One round of beats every 50 ms, each way 1 ms.
  void run(u64 duration_ms) {
    for (const u64 end = true_ns_ + duration_ms * ms; true_ns_ < end;) {
      true_ns_ += 50 * ms;
      for (u16 n = 0; n < nodes_.size(); ++n) {
        if (!nodes_[n].up) continue;
        clocks_[n].sample_wall(now(n), wall(n));
        if (clocks_[n].deadline() <= now(n)) clocks_[n].on_deadline(now(n));
        EXPECT_GT(clocks_[n].deadline(), now(n)) << "a deadline must move when it was met";
      }
      for (u16 from = 0; from < nodes_.size(); ++from)
        for (u16 to = 0; to < nodes_.size(); ++to)
          if (from != to && nodes_[from].up && nodes_[to].up) beat(from, to);
    }
  }

  ClusterClock& operator[](std::size_t n) { return clocks_[n]; }
  Node& node(std::size_t n) { return nodes_[n]; }

  // Nanoseconds that node n's cluster time is off the true time.
  std::int64_t error(std::size_t n) const {
    const auto time = clocks_[n].now(now(n));
    EXPECT_TRUE(time.has_value()) << n << " " << name_of(clocks_[n].state(now(n)));
    return time ? static_cast<std::int64_t>(time->ns() - true_ns()) : 0;
  }

 private:
  static u64 start(std::size_t n) { return 1'000'000'000'000 * (n + 1); }
  u64 mono_ns(std::size_t n) const {
    const auto elapsed = static_cast<std::int64_t>(true_ns_);
    return start(n) + static_cast<u64>(elapsed + elapsed / 1'000'000 * nodes_[n].drift_ppm);
  }
  // `to` hears `from`, whose beat echoes one that `to` sent 12 ms ago and `from` held for 10.
  void beat(u16 from, u16 to) {
    clocks_[to].learn(NodeId(from), (now(to) - milliseconds(12)).ns(), 10 * ms, WallTime(wall(from).ns() - 1 * ms),
                      now(to));
  }

  std::vector<Node> nodes_;
  Tunables tunables_;
  std::vector<ClusterClock> clocks_;
  u64 true_ns_ = 0;
};

TEST(ClusterClock, WithoutAWallTimeThereIsNone) {
  const NodeId voters[] = {NodeId(0)};
  const ClusterClock clock(Tunables::standard(), NodeId(0), voters);
  EXPECT_EQ(clock.state(Instant(5)), ClockState::no_wall);
  EXPECT_FALSE(clock.now(Instant(5)).has_value());
  EXPECT_FALSE(clock.wall(Instant(5)).has_value());
  EXPECT_EQ(clock.deadline(), Instant::never());
}

TEST(ClusterClock, AloneItIsTheWallClockThatNeverRunsBack) {
  const NodeId voters[] = {NodeId(0)};
  ClusterClock clock(Tunables::standard(), NodeId(0), voters);
  clock.on_boot(Instant(100), WallTime(5000));
  EXPECT_EQ(clock.now(Instant(110)), Timestamp(5010));
  clock.sample_wall(Instant(120), WallTime(9000));
  EXPECT_EQ(clock.now(Instant(120)), Timestamp(9000));
  clock.sample_wall(Instant(130), WallTime(10));
  EXPECT_EQ(clock.now(Instant(131)), Timestamp(9011));
  EXPECT_TRUE(clock.synchronized(Instant(~u64{0} - 1)));
}

TEST(ClusterClock, ThreeGoodClocksAgreeWithinTwoBeats) {
  Clocks clocks({{0}, {2 * ms}, {-3 * static_cast<std::int64_t>(ms)}});
  EXPECT_EQ(clocks[0].state(clocks.now(0)), ClockState::too_few_peers);
  clocks.run(100);
  for (u16 n = 0; n < 3; ++n) EXPECT_LT(std::abs(clocks.error(n)), static_cast<std::int64_t>(5 * ms)) << n;
}

// The node whose clock is wrong follows the majority, and drags nobody.
TEST(ClusterClock, OneBadClockIsOutvotedEverywhere) {
  const auto hour = std::int64_t{3'600'000'000'000};
  for (const auto wrong : {hour, -hour, std::int64_t{700'000'000}}) {
    Clocks clocks({{0}, {static_cast<std::int64_t>(1 * ms)}, {wrong}});
    clocks.run(10'000);
    for (u16 n = 0; n < 3; ++n) EXPECT_LT(std::abs(clocks.error(n)), static_cast<std::int64_t>(10 * ms)) << n;
  }
}

TEST(ClusterClock, DriftingClocksStayTogether) {
  Clocks clocks({{0, 200}, {0, -200}, {0, 0}, {0, 100}, {0, -100}});
  std::int64_t worst = 0;
  for (int i = 0; i < 600; ++i) {
    clocks.run(1000);
    std::int64_t low = clocks.error(0);
    std::int64_t high = low;
    for (u16 n = 1; n < 5; ++n) {
      low = std::min(low, clocks.error(n));
      high = std::max(high, clocks.error(n));
    }
    worst = std::max(worst, high - low);
  }
  // The wall clocks are 240 ms apart by then.
  EXPECT_LT(worst, static_cast<std::int64_t>(250 * ms));
}

TEST(ClusterClock, TwoNodesNeedBoth) {
  Clocks clocks({{0}, {0}});
  clocks.run(100);
  EXPECT_TRUE(clocks[0].synchronized(clocks.now(0)));
  clocks.node(1).up = false;
  clocks.run(61'000);
  EXPECT_EQ(clocks[0].state(clocks.now(0)), ClockState::too_few_peers);
  EXPECT_EQ(clocks[0].sources_needed(), 2u);
  clocks.node(1).up = true;
  clocks.run(200);
  EXPECT_TRUE(clocks[0].synchronized(clocks.now(0)));
}

TEST(ClusterClock, TwoNodesThatDisagreeSayWhy) {
  Clocks clocks({{0}, {static_cast<std::int64_t>(3000 * ms)}});
  clocks.run(1000);
  EXPECT_EQ(clocks[0].state(clocks.now(0)), ClockState::disagreement);
  EXPECT_FALSE(clocks[0].now(clocks.now(0)).has_value());
}

TEST(ClusterClock, ToleranceIsAtMostHalfASecondEachSide) {
  Clocks within({{0}, {static_cast<std::int64_t>(990 * ms)}});
  within.run(1000);
  EXPECT_TRUE(within[0].synchronized(within.now(0)));
  Clocks beyond({{0}, {static_cast<std::int64_t>(1010 * ms)}});
  beyond.run(1000);
  EXPECT_FALSE(beyond[0].synchronized(beyond.now(0)));
}

TEST(ClusterClock, HoldsOverForAMinuteWithoutAMajority) {
  Clocks clocks({{0}, {0}, {0}});
  clocks.run(5000);
  clocks.node(1).up = false;
  clocks.node(2).up = false;
  clocks.run(55'000);
  EXPECT_TRUE(clocks[0].synchronized(clocks.now(0)));
  clocks.run(6'000);
  EXPECT_FALSE(clocks[0].synchronized(clocks.now(0)));
  clocks.node(2).up = true;
  clocks.run(200);
  EXPECT_TRUE(clocks[0].synchronized(clocks.now(0))) << "two of three are a majority";
}

TEST(ClusterClock, AJumpOfOneWallClockChangesNothingForTheOthers) {
  Clocks clocks({{0}, {0}, {0}});
  clocks.run(5000);
  clocks.node(1).offset_ns = 1'000'000'000'000;
  clocks.run(60'000);
  for (u16 n = 0; n < 3; ++n) EXPECT_LT(std::abs(clocks.error(n)), static_cast<std::int64_t>(5 * ms)) << n;
}

class Learning : public ::testing::Test {
 protected:
  const NodeId voters[2] = {NodeId(0), NodeId(1)};
  ClusterClock clock{Tunables::standard(), NodeId(0), voters};
  Instant boot{1'000'000'000};
  void SetUp() override { clock.on_boot(boot, WallTime(epoch_2026)); }
  void learn(u64 sent, u64 held, u64 wall, u64 now, NodeId peer = NodeId(1)) {
    clock.learn(peer, sent, held, WallTime(wall), Instant(now));
  }
};

TEST_F(Learning, AbsurdEchoesAreIgnored) {
  const u64 b = boot.ns();
  learn(b - 1, 0, epoch_2026, b + 10);         // from before the window
  learn(b + 11, 0, epoch_2026, b + 10);        // from the future
  learn(b, 11, epoch_2026, b + 10);            // held longer than it was away
  learn(b, 0, epoch_2026, b + 10, NodeId(7));  // no voter
  learn(b, 0, epoch_2026, b + 10, NodeId(0));  // ourselves
  learn(0, ~u64{0}, ~u64{0}, b);
  EXPECT_EQ(clock.sources_heard(), 1u);
  learn(b, 0, ~u64{0}, b + 10);  // the end of time is a clock like others: outvoted, not overflowed
  EXPECT_EQ(clock.sources_heard(), 2u);
  EXPECT_EQ(clock.state(Instant(b + 10)), ClockState::disagreement);
}

TEST_F(Learning, TheShortestRoundTripIsBelieved) {
  const u64 b = boot.ns();
  learn(b, 0, epoch_2026 + 2'000'000'000, b + 800 * ms);  // too far away to agree
  EXPECT_FALSE(clock.synchronized(Instant(b + 800 * ms)));
  learn(b + 799 * ms, 0, epoch_2026 + 801 * ms, b + 801 * ms);
  EXPECT_TRUE(clock.synchronized(Instant(b + 801 * ms)));
  // Asymmetric delay: our clock is at one end of what the peer's round trip allows, so it stays as it is.
  EXPECT_EQ(clock.now(Instant(b + 801 * ms)), Timestamp(epoch_2026 + 801 * ms));
}

TEST_F(Learning, ALongerRoundTripDoesNotReplaceAShorterOne) {
  const u64 b = boot.ns();
  learn(b, 0, epoch_2026 + 1 * ms, b + 2 * ms);
  ASSERT_TRUE(clock.synchronized(Instant(b + 2 * ms)));
  // The next window: the peer is 100 ms ahead; a slow echo says only that it isn't far away.
  learn(b + 10 * ms, 0, epoch_2026 + 111 * ms, b + 12 * ms);
  learn(b + 100 * ms, 0, epoch_2026 + 500 * ms, b + 900 * ms);
  clock.on_deadline(boot + milliseconds(2002));
  const Instant then = boot + milliseconds(2010);
  // Half of the distance, rounded to the tolerance of 64 ms that makes both agree.
  EXPECT_EQ(clock.now(then), Timestamp(epoch_2026 + 2010 * ms + 35 * ms));
}

TEST_F(Learning, AfterAFailedAttemptTheNextSampleIsTriedAtOnce) {
  const u64 b = boot.ns();
  learn(b, 0, epoch_2026 + 1 * ms, b + 2 * ms);
  ASSERT_TRUE(clock.synchronized(Instant(b + 2 * ms)));
  clock.on_deadline(boot + milliseconds(2002));
  EXPECT_EQ(clock.deadline(), boot + milliseconds(20'002)) << "nobody was heard in this window";
  learn(b + 3000 * ms, 0, epoch_2026 + 3001 * ms, b + 3002 * ms);
  EXPECT_EQ(clock.deadline(), boot + milliseconds(5002)) << "a new window has begun";
}

TEST_F(Learning, AWindowLastsTwoSecondsWhenItSucceedsAndTwentyWhenNot) {
  EXPECT_EQ(clock.deadline(), boot + milliseconds(2000));
  clock.on_deadline(boot + milliseconds(2000));
  EXPECT_EQ(clock.deadline(), boot + milliseconds(20'000));
  clock.on_deadline(boot + milliseconds(20'000));
  EXPECT_EQ(clock.deadline(), boot + milliseconds(22'000));
}

}  // namespace
}  // namespace keelson
