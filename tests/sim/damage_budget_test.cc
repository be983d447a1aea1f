#include "keelson/sim/damage_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/kernel_programs.h"
#include "keelson/sim/scenario.h"

namespace keelson::sim {
namespace {

struct Cluster {
  u16 replicas = 3;
  u16 nodes = 3;
  std::string more = "";
};

std::vector<NodeId> victims(const Cluster& cluster, u64 seed) {
  const auto scenario =
      parse_scenario("name: \"x\" cluster { replicas: " + std::to_string(cluster.replicas) +
                         " nodes: " + std::to_string(cluster.nodes) + " } disk { lse_ppm: 1 " + cluster.more + " }",
                     "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{seed});
  const auto groups = spread_groups(4, cluster.replicas, cluster.nodes, machine_kv, machine_kv);
  const DamageBudget budget(*scenario, groups, cluster.nodes, tape.stream("budget"));
  EXPECT_TRUE(budget.in_use());
  return budget.victims();
}

TEST(DamageBudget, GivesUpFewerReplicasOfAGroupThanCommitAnOp) {
  for (u64 seed = 0; seed < 16; ++seed) {
    EXPECT_EQ(victims({2, 2}, seed).size(), 1u);
    EXPECT_EQ(victims({3, 3}, seed).size(), 1u);
    EXPECT_EQ(victims({4, 4}, seed).size(), 1u);
    EXPECT_EQ(victims({5, 5}, seed).size(), 2u);
    EXPECT_EQ(victims({6, 6}, seed).size(), 2u);
  }
}

TEST(DamageBudget, ExchangesNoDiskWhoseReplicasAreNeededToVote) {
  const auto scenario =
      parse_scenario("name: \"x\" cluster { replicas: 2 } disk { wipe_every_ms: 1 }", "x.textproto", {});
  Tape tape(SeededTape{1});
  const DamageBudget two(*scenario, spread_groups(1, 2, 2, machine_kv, machine_kv), 2, tape.stream("budget"));
  EXPECT_EQ(two.victims().size(), 1u);
  EXPECT_FALSE(two.may_replace(NodeId(0)) || two.may_replace(NodeId(1)));
  const DamageBudget three(*scenario, spread_groups(1, 3, 3, machine_kv, machine_kv), 3, tape.stream("budget"));
  EXPECT_TRUE(three.may_replace(three.victims().at(0)));
}

TEST(DamageBudget, CountsPerGroupWhereGroupsAreSpread) {
  for (u64 seed = 0; seed < 16; ++seed)
    for (const auto& group : spread_groups(4, 3, 7, machine_kv, machine_kv)) {
      const auto hurt = victims({3, 7}, seed);
      EXPECT_LE(std::count_if(group.members.begin(), group.members.end(),
                              [&](NodeId n) { return std::find(hurt.begin(), hurt.end(), n) != hurt.end(); }),
                1);
    }
}

TEST(DamageBudget, TakesWhomTheScenarioNamesFirst) {
  for (u64 seed = 0; seed < 16; ++seed) EXPECT_THAT(victims({3, 3, "node: N2"}, seed), testing::ElementsAre(NodeId(2)));
}

TEST(DamageBudget, IsNotInUseWithoutDamage) {
  const auto scenario = parse_scenario("name: \"x\" disk { slow: 2 }", "x.textproto", {});
  Tape tape(SeededTape{1});
  const DamageBudget budget(*scenario, spread_groups(1, 3, 3, machine_kv, machine_kv), 3, tape.stream("budget"));
  EXPECT_FALSE(budget.in_use());
  EXPECT_TRUE(budget.victims().empty());
}

}  // namespace
}  // namespace keelson::sim
