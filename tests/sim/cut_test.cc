#include "keelson/sim/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "tests/lib/sim/stage.h"

namespace keelson::sim {
namespace {

using Shape = pb::Partition;

// Five nodes and two clients, booted; node 3 is the primary of the group that echo shards pretend to have.
struct Bench {
  explicit Bench(u64 seed = 1) : stage(options(), 2, SeededTape{seed}), roles(stage.world, {}) {
    stage.world.start_all();
    stage.world.run_for(milliseconds(200));
  }
  static test::EchoOptions options() {
    test::EchoOptions options;
    options.nodes = 5;
    options.primary = 3;
    return options;
  }
  std::set<HostPair> pairs(Shape::Shape of, Shape::Kind kind = Shape::BOTH) {
    const Cut cut = Cut::draw({.of = of, .kind = kind, .gray = false, .nodes = {}}, roles);
    return {cut.pairs().begin(), cut.pairs().end()};
  }
  test::Stage stage;
  Roles roles;
};

HostPair pair(u16 from, u16 to) { return {HostId(from), HostId(to)}; }

TEST(Cut, ThePrimaryAloneInEachDirection) {
  Bench bench;
  const auto both = bench.pairs(Shape::PRIMARY);
  EXPECT_EQ(both.size(), 8u);
  const auto inbound = bench.pairs(Shape::PRIMARY, Shape::INBOUND);
  EXPECT_EQ(inbound, (std::set{pair(0, 3), pair(1, 3), pair(2, 3), pair(4, 3)}));
  const auto outbound = bench.pairs(Shape::PRIMARY, Shape::OUTBOUND);
  EXPECT_EQ(outbound, (std::set{pair(3, 0), pair(3, 1), pair(3, 2), pair(3, 4)}));
}

TEST(Cut, ABackupIsNeverThePrimary) {
  for (u64 seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    const auto pairs = bench.pairs(Shape::BACKUP, Shape::OUTBOUND);
    EXPECT_EQ(pairs.size(), 4u);
    EXPECT_NE(pairs.begin()->from, HostId(3));
  }
}

TEST(Cut, SidesDoNotSeeEachOtherAndSeeThemselves) {
  for (u64 seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    EXPECT_EQ(bench.pairs(Shape::HALVES).size(), 2 * 2 * 3u);
    EXPECT_EQ(bench.pairs(Shape::ONE).size(), 2 * 4u);
    for (const auto shape : {Shape::UNIFORM_SIZE, Shape::UNIFORM_SIDE}) {
      const auto pairs = bench.pairs(shape);
      const std::set<std::size_t> sizes{0, 2 * 4, 2 * 6};
      EXPECT_TRUE(sizes.contains(pairs.size())) << pairs.size();
      for (const HostPair cut : pairs) EXPECT_TRUE(pairs.contains({cut.to, cut.from}));
    }
  }
}

TEST(Cut, ABridgeSeesBothHalvesAndARingItsNeighbours) {
  Bench bench;
  const auto bridge = bench.pairs(Shape::BRIDGE);
  EXPECT_EQ(bridge.size(), 2 * 2 * 2u);
  const auto ring = bench.pairs(Shape::RING);
  EXPECT_EQ(ring.size(), 2 * 5u) << "each of five misses two";
  for (u16 n = 0; n < 5; ++n) {
    const auto missed = std::count_if(ring.begin(), ring.end(), [n](HostPair cut) { return cut.from == HostId(n); });
    EXPECT_EQ(missed, 2);
  }
}

TEST(Cut, ClientsLoseThePrimaryOrAllButOneBackup) {
  std::set<std::size_t> sizes;
  for (u64 seed = 0; seed < 20; ++seed) {
    Bench bench(seed);
    const auto pairs = bench.pairs(Shape::CLIENTS);
    sizes.insert(pairs.size());
    for (const HostPair cut : pairs) EXPECT_TRUE(cut.from.raw() >= 5 || cut.to.raw() >= 5);
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{2 * 2 * 1, 2 * 2 * 4}));
}

TEST(Cut, GrayOnesStopSomeCommandsAndAreLiftedWhole) {
  Bench bench;
  Cut cut = Cut::draw({.of = Shape::PRIMARY, .kind = Shape::BOTH, .gray = true, .nodes = {}}, bench.roles);
  cut.raise(bench.stage.world);
  const Barriers& barriers = bench.stage.world.network().barriers();
  EXPECT_FALSE(barriers.blocked(pair(3, 0)));
  u32 stopped = 0;
  for (u32 command = 0; command < 256; ++command)
    stopped += barriers.blocked_for(pair(3, 0), static_cast<Command>(command)) ? 1 : 0;
  EXPECT_GT(stopped, 0u);
  EXPECT_LT(stopped, 13u);
  cut.lift(bench.stage.world);
  EXPECT_FALSE(barriers.any(pair(3, 0)));
}

TEST(Cut, ListedNodesStandOnOneSide) {
  Bench bench;
  const Cut cut = Cut::draw({.of = {}, .nodes = {NodeId(0), NodeId(1)}}, bench.roles);
  EXPECT_EQ(cut.pairs().size(), 2 * 2 * 3u);
}

TEST(Roles, NamesResolveToWhoeverPlaysThePart) {
  Bench bench;
  EXPECT_EQ(bench.roles.primary(), NodeId(3));
  EXPECT_EQ(bench.roles.resolve(pb::PRIMARY), NodeId(3));
  EXPECT_EQ(bench.roles.resolve(pb::NEXT_PRIMARY), NodeId(4)) << "of view 4";
  EXPECT_EQ(bench.roles.resolve(pb::N2), NodeId(2));
  EXPECT_EQ(bench.roles.view(), View(3));
  bench.stage.world.crash(NodeId(3), CrashKind::process);
  EXPECT_FALSE(bench.roles.primary());
}

}  // namespace
}  // namespace keelson::sim
