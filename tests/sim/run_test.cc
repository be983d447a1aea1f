// Whole runs of scenarios: what check_off leaves out, what a failure says, in which order clients go.
#include "keelson/sim/run/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/sim/check_off.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/settings_of.h"

namespace keelson::sim {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

pb::Scenario resolved(const std::string& text) {
  const auto scenario = parse_scenario("name: \"x\" background: NONE " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{1});
  return resolve(scenario.value_or(pb::Scenario()), {}, tape);
}

RunReport run(const std::string& text) {
  Tape tape(SeededTape{1});
  return run_scenario(resolved(text), tape, {"./keelson sim x.textproto --seed 1", 1, nullptr, {}});
}

// A state that the checkpoint zone of tiny limits has no room for: the log fills up, and the reads are refused as well.
const std::string too_many_keys =
    "cluster { replicas: 1 clients: 4 } workload { kv { keys: 200000 } requests: 100 think_us: 10 } ";

TEST(Run, ADrainThatTakesTooLongSaysHowFarItIs) {
  const RunReport report = run(too_many_keys);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.verdict, Verdict::liveness);
  EXPECT_EQ(report.failure->kind, "liveness.drain");
  EXPECT_THAT(report.failure->detail,
              AllOf(StartsWith("the final reads were not answered: 1 calls are open; group 1: node 0: normal, view 0"),
                    HasSubstr("metadata group: node 0: normal, view 0, head 0, applied 0 of 0, log above 0")));
  EXPECT_EQ(report.failure->reproduce, "./keelson sim x.textproto --seed 1");
}

TEST(CheckOff, WithoutLivenessNothingHasToHappenInTime) {
  const RunReport report = run(too_many_keys + "check_off: 'liveness'");
  EXPECT_EQ(report.verdict, Verdict::ok) << report.failure->detail;
  EXPECT_THAT(report.checks,
              ElementsAre("commits", "promises", "evidence", "replay", "linearizable", "sleepers", "invariants"));
}

struct Switches {
  bool commits, promises, evidence, replay, linearizable, sleepers, invariants;
  bool operator==(const Switches&) const = default;
};
Switches switches_with(const std::string& check_off) {
  Tape tape(SeededTape{1});
  const RunCluster cluster(resolved(check_off), tape, 1, nullptr);
  return {cluster.commits.on(),      cluster.promises.on(), cluster.evidence.on(), cluster.replay.on(),
          cluster.linearizable.on(), cluster.sleepers.on(), cluster.shards.on()};
}

TEST(CheckOff, EachNameSwitchesItsCheckerOffAndNoOther) {
  EXPECT_EQ(switches_with(""), (Switches{true, true, true, true, true, true, true}));
  EXPECT_EQ(switches_with("check_off: 'commits'"), (Switches{false, true, true, true, true, true, true}));
  EXPECT_EQ(switches_with("check_off: 'promises'"), (Switches{true, false, true, true, true, true, true}));
  EXPECT_EQ(switches_with("check_off: 'evidence'"), (Switches{true, true, false, true, true, true, true}));
  EXPECT_EQ(switches_with("check_off: 'replay'"), (Switches{true, true, true, false, true, true, true}));
  EXPECT_EQ(switches_with("check_off: 'linearizable'"), (Switches{true, true, true, true, false, true, true}));
  EXPECT_EQ(switches_with("check_off: 'sleepers'"), (Switches{true, true, true, true, true, false, true}));
  EXPECT_EQ(switches_with("check_off: 'invariants'"), (Switches{true, true, true, true, true, true, false}));
  EXPECT_EQ(switches_with("check_off: 'liveness'"), (Switches{true, true, true, true, true, true, true}));
  EXPECT_EQ(checker_names().size(), 8u) << "a new one needs a line above";
}

// They start before the first phase does.
TEST(Clocks, AreAsWrongAsTheScenarioSaysFromTheStartOnOnlyWhereItSays) {
  Tape tape(SeededTape{2});
  RunCluster cluster(resolved("clock { offset_ms: 3600000 huge_base: true node: N1 }"), tape, 1, nullptr);
  cluster.world.start_all();
  const auto wrong = [&](u16 node) {
    const u64 shown = cluster.world.clock(HostId(node)).wall(Instant()).ns();
    const u64 truth = NodeClock::true_wall(Instant()).ns();
    return std::max(shown, truth) - std::min(shown, truth);
  };
  EXPECT_LE(wrong(0), milliseconds(50).ns());
  EXPECT_GT(wrong(1), milliseconds(50).ns());
  EXPECT_LT(cluster.world.clock(HostId(0)).local(Instant()).ns(), u64{1} << 62);
  EXPECT_GE(cluster.world.clock(HostId(1)).local(Instant()).ns(), u64{1} << 62);
}

// What clients were told, and nothing else: the cluster itself is without fault here.
TEST(Linearizable, FailsARunWhoseAnswersFitNoOrder) {
  for (const bool silent : {false, true}) {
    Tape tape(SeededTape{1});
    RunCluster cluster(resolved("check_off: 'replay'"), tape, 1, nullptr);
    if (silent) cluster.linearizable.silence();
    std::vector<std::byte> buffer(512);
    const auto put = cluster.history.invoke(0, GroupId(1), kv_put,
                                            encode_kv_put(buffer, bytes_of(u64{1}), bytes_of(u64{2})), Instant());
    cluster.history.end(put, CallEnd::ok, Status::not_found, MessageRef(), Instant());
    cluster.linearizable.at_end();
    ASSERT_EQ(cluster.world.violation().has_value(), !silent);
    if (silent) continue;
    EXPECT_EQ(cluster.world.violation()->checker, "linearizable");
    EXPECT_EQ(cluster.world.violation()->invariant, "order");
    EXPECT_EQ(cluster.world.violation()->detail,
              "group 1, key 0x0100000000000000: the answer to call 0 of client 0 (write 0x0200000000000000: strange: "
              "not_found, malformed) fits no order of the 0 answers before it, after which the key may hold none");
    EXPECT_THAT(cluster.world.violation()->explanation, testing::HasSubstr("> 0     0"));
  }
}

TEST(CheckOff, ASilencedCheckerFailsNothing) {
  struct Failing final : Checker {
    explicit Failing(World& world) : Checker(world, "failing") {}
    void on_turn(const TurnSeen&) override { fail("always", "it fails"); }
  };
  for (const bool silent : {false, true}) {
    Tape tape(SeededTape{1});
    RunCluster cluster(resolved(""), tape, 1, nullptr);
    Failing checker(cluster.world);
    if (silent) checker.silence();
    cluster.world.add_observer(checker);
    cluster.world.start_all();
    cluster.world.run_for(seconds(1));
    EXPECT_EQ(cluster.world.violation().has_value(), !silent);
  }
}

// Eight clients whose first calls are made at the same instant, in the order in which they come.
std::vector<u16> first_callers(bool shuffle) {
  Tape tape(SeededTape{3});
  RunCluster cluster(resolved("cluster { clients: 8 limits: STANDARD }"), tape, 1, nullptr);
  Settings settings = calm_settings();
  settings.turn.fiber_shuffle = shuffle;
  cluster.world.set_settings(settings);
  cluster.world.start_all();
  cluster.world.run_for(seconds(1));
  for (u16 c = 0; c < 8; ++c)
    cluster.clients.run(
        c, [&](ClientContext& context) { context.call(GroupId(1), Operation(0x201), {}, milliseconds(500)); });
  cluster.world.run_for(seconds(1));
  std::vector<u16> callers;
  for (const Call& call : cluster.history.calls()) callers.push_back(call.client);
  return callers;
}

TEST(FiberShuffle, DrawsWhichOfTheReadyClientsGoesFirst) {
  EXPECT_THAT(first_callers(false), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  const auto shuffled = first_callers(true);
  EXPECT_THAT(shuffled, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(shuffled, testing::Not(ElementsAre(0, 1, 2, 3, 4, 5, 6, 7)));
}

TEST(FiberShuffle, IsASettingOfAPhase) {
  const auto scenario = resolved("turn { fiber_shuffle: true }");
  EXPECT_TRUE(settings_of(faults_of(scenario, nullptr)).turn.fiber_shuffle);
}

}  // namespace
}  // namespace keelson::sim
