#include "keelson/sim/scenario.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "keelson/sim/trace.h"
#include "keelson/wire/commands.h"

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

pb::Scenario parsed(const std::string& text, const std::string& base = {}) {
  const auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", [&](std::string_view) {
    return BaseText{"lossy.textproto", base};
  });
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  return scenario.value_or(pb::Scenario());
}

pb::Scenario resolved(const std::string& text, u64 seed = 1) {
  Tape tape(SeededTape{seed});
  return resolve(parsed(text), {}, tape);
}

TEST(Scenario, OfTheDesignPagesLoads) {
  const auto scenario = parse_scenario(R"(
    # The primary can send but not hear: beats flow, prepare_oks don't.
    name: "asymmetric_primary"
    cluster { replicas: 3 clients: 4 limits: TINY }
    workload { kv { put: 60 get: 30 cas: 10 keys: 16 } requests: 2000 }
    network { delay_us { min: 100 max: 3000 } loss_ppm: 5000 }
    phase { name: "warm up" duration_ms: 500 }
    phase { name: "deaf primary" duration_ms: 5000 partition { kind: INBOUND of: PRIMARY } }
    phase { name: "heal" expect_progress_within_ms: 3000 }
    step { when { view_at_least: 2 } do { crash { node: OLD_PRIMARY kind: POWER } } for_ms: 800 }
    step { at_ms: 1 do { drop { command: PREPARE from: PRIMARY to: [1, N2] count: 3 } } do { heal {} } }
    expect { commits_min: 500 injected { partition: 1 crash: 1 } view_changes_min: 1 view_changes_max: 3 }
    background: NONE   tag: "smoke", tag: "nightly";
  )",
                                       "scenarios/network/asymmetric_primary.textproto", {});
  ASSERT_TRUE(scenario) << scenario.error()[0].describe();
  EXPECT_EQ(scenario->phase(1).partition().of(), pb::Partition::PRIMARY);
  EXPECT_EQ(scenario->step(0).do_(0).crash().node(0), pb::OLD_PRIMARY);
  EXPECT_EQ(scenario->step(1).do_(0).drop().to(1), pb::N2);
}

TEST(Resolve, WritesEveryDefault) {
  const auto scenario = resolved("");
  EXPECT_EQ(scenario.cluster().nodes(), 3u);
  EXPECT_EQ(scenario.cluster().limits(), pb::LimitsProfile::TINY);
  ASSERT_EQ(scenario.workload_size(), 1);
  EXPECT_TRUE(scenario.workload(0).has_kv());
  EXPECT_EQ(scenario.workload(0).clients(), 4u);
  ASSERT_EQ(scenario.phase_size(), 1);
  EXPECT_EQ(scenario.phase(0).duration_ms(), 60'000u);
  const auto text = print(scenario);
  for (const auto* line : {"put: 50", "tail: FULL", "background: MILD", "virtual_ms: 600000", "mean: 500",
                           "atomic_bytes: 512", "verdict: OK", "torn_ppm: 1000000", "timeout_ms: 2000"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST(Resolve, IsIdempotentAndItsPrintLoads) {
  const auto once = resolved(R"(
    swarm { on: true keep_ppm: 700000 } phase { name: "a" duration_ms: 50 network { loss_ppm: 5 } crash { every_ms: 9 } })");
  const auto again = parse_scenario(print(once), "x.textproto", {});
  ASSERT_TRUE(again) << again.error()[0].describe();
  Tape tape(SeededTape{2});
  EXPECT_EQ(print(resolve(*again, {}, tape)), print(once));
  EXPECT_EQ(scenario_hash(*again), scenario_hash(once));
}

TEST(Resolve, DoesNotTurnWhatAPhaseLeavesOpenIntoItsDefault) {
  const auto scenario =
      resolved("network { corrupt_bits: 3 } phase { name: \"a\" duration_ms: 5 network { loss_ppm: 7 } }");
  EXPECT_FALSE(scenario.phase(0).network().has_corrupt_bits());
  EXPECT_EQ(faults_of(scenario, &scenario.phase(0)).network.corrupt_bits(), 3u);
}

TEST(Resolve, CutsClientsToTheSessionsOfTheProfile) {
  const auto scenario = parsed("cluster { clients: 8 } workload { kv {} clients: 6 }");
  Tape tape(SeededTape{1});
  const auto tiny = resolve(scenario, {}, tape);
  EXPECT_EQ(tiny.cluster().clients(), 4u);
  EXPECT_EQ(tiny.workload(0).clients(), 4u);
  const auto standard = resolve(scenario, {.limits = pb::LimitsProfile::STANDARD}, tape);
  EXPECT_EQ(standard.cluster().clients(), 8u);
  EXPECT_EQ(standard.workload(0).clients(), 6u);
}

TEST(Base, IsMergedUnderFieldByFieldAndListsAreReplaced) {
  const auto scenario =
      parsed("base: \"net/lossy\" network { loss_ppm: 7 } tag: \"long\" phase { name: \"b\" duration_ms: 5 }",
             "name: \"lossy\" network { loss_ppm: 5 corrupt_ppm: 3 } tag: [\"smoke\", \"nightly\"] "
             "phase { name: \"a\" duration_ms: 9 } crash { every_ms: 500 node: [N0, N1] }");
  EXPECT_EQ(scenario.name(), "x");
  EXPECT_FALSE(scenario.has_base());
  EXPECT_EQ(scenario.network().loss_ppm(), 7u);
  EXPECT_EQ(scenario.network().corrupt_ppm(), 3u);
  EXPECT_THAT(scenario.tag(), ElementsAre("long"));
  ASSERT_EQ(scenario.phase_size(), 1);
  EXPECT_EQ(scenario.phase(0).name(), "b");
  EXPECT_EQ(scenario.crash().node_size(), 2);
}

TEST(Base, AListInsideOfAMessageIsReplacedToo) {
  const auto scenario =
      parsed("base: \"lossy\" crash { node: N2 }", "name: \"lossy\" crash { every_ms: 500 node: [N0, N1] }");
  EXPECT_EQ(scenario.crash().every_ms(), 500u);
  EXPECT_THAT(scenario.crash().node(), ElementsAre(pb::N2));
}

TEST(Base, IsFoundBesideTheFilesFolder) {
  const auto root = std::filesystem::path(testing::TempDir()) / "keelson_scenario_test";
  std::filesystem::create_directories(root / "recovery");
  std::filesystem::create_directories(root / "network");
  std::ofstream(root / "network/lossy.textproto") << "name: \"lossy\" network { loss_ppm: 11 }";
  std::ofstream(root / "recovery/crash.textproto") << "name: \"crash\" base: \"network/lossy\"";
  std::ofstream(root / "recovery/bad.textproto") << "name: \"bad\" base: \"network/none\"";
  const auto scenario = load_scenario(root / "recovery/crash.textproto");
  const auto bad = load_scenario(root / "recovery/bad.textproto");
  std::filesystem::remove_all(root);
  ASSERT_TRUE(scenario) << scenario.error()[0].describe();
  EXPECT_EQ(scenario->network().loss_ppm(), 11u);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error()[0].code, "SCN_BASE");
}

TEST(Faults, SettingsOfAPhaseLieOverThoseOfTheScenarioOverTheBackground) {
  const auto scenario = resolved(R"(
    network { loss_ppm: 5 delay_us { min: 7 } }
    phase { name: "a" duration_ms: 5 network { corrupt_ppm: 3 delay_us { mean: 9 } } }
    phase { name: "calm" duration_ms: 5 background: NONE })");
  const auto a = faults_of(scenario, &scenario.phase(0)).network;
  EXPECT_EQ(a.loss_ppm(), 5u) << "the file's, not the background's";
  EXPECT_EQ(a.duplicate_ppm(), 1'000u) << "of the background";
  EXPECT_EQ(a.corrupt_ppm(), 3u);
  EXPECT_EQ(a.delay_us().min(), 7u);
  EXPECT_EQ(a.delay_us().mean(), 9u);
  const auto calm = faults_of(scenario, &scenario.phase(1));
  EXPECT_EQ(calm.network.duplicate_ppm(), 0u);
  EXPECT_FALSE(calm.partition);
}

TEST(Faults, AFaultOfAPhaseReplacesTheScenariosAndThatTheBackgrounds) {
  const auto scenario = resolved(R"(
    crash { every_ms: 700 kind: POWER }
    phase { name: "a" duration_ms: 5 partition { of: PRIMARY kind: INBOUND } }
    phase { name: "b" duration_ms: 5 crash { every_ms: 900 } })");
  const auto a = faults_of(scenario, &scenario.phase(0));
  ASSERT_TRUE(a.partition);
  EXPECT_FALSE(a.partition->has_every_ms()) << "the whole phase, not now and then as in the background";
  ASSERT_TRUE(a.crash);
  EXPECT_EQ(a.crash->every_ms(), 700u);
  const auto b = faults_of(scenario, &scenario.phase(1));
  EXPECT_EQ(b.crash->kind(), pb::Crash::EITHER);
  EXPECT_EQ(b.partition->every_ms(), 20'000u);
  EXPECT_FALSE(faults_of(scenario, nullptr).pause);
}

TEST(ScenarioHash, IsOfTheContentAndTheSameOnEveryCompiler) {
  const auto scenario = resolved("background: NONE # comment\n");
  EXPECT_EQ(scenario_hash(scenario), scenario_hash(resolved("  background : NONE")));
  EXPECT_NE(scenario_hash(scenario), scenario_hash(resolved("background: MILD")));
  EXPECT_EQ(hex(scenario_hash(parsed("cluster { replicas: 5 } network { loss_ppm: 300 }"))),
            "1d0f66521047627eb80795758e3de00e");
}

// Injected names faults as faults.def does: a scenario must not demand what nobody counts.
TEST(Scenario, CanDemandOnlyFaultsThatExist) {
  std::set<std::string> faults;
#define KEELSON_SIM_FAULT(enumerator, name) faults.insert(#enumerator);
#include "keelson/sim/faults.def"
#undef KEELSON_SIM_FAULT
  const auto& injected = *pb::Injected::descriptor();
  for (int i = 0; i < injected.field_count(); ++i)
    EXPECT_TRUE(faults.contains(injected.field(i)->name())) << injected.field(i)->name();
}

// Tapes hold what resolve() gives, and replaying one reads it like a file.
TEST(Scenario, ResolvedWithoutATailIsSoundAgain) {
  const auto again = parse_scenario(print(resolved("tail: NONE")), "x.textproto", {});
  EXPECT_TRUE(again) << again.error().front().describe();
}

// A dropped command is given as its number on the wire.
TEST(Scenario, CommandsAreThoseOfTheWire) {
  const auto& commands = *pb::Command_descriptor();
  for (int i = 0; i < commands.value_count(); ++i) {
    std::string name = name_of(static_cast<Command>(commands.value(i)->number()));
    for (auto& c : name) c = static_cast<char>(c - (c >= 'a' && c <= 'z' ? 'a' - 'A' : 0));
    EXPECT_EQ(name, commands.value(i)->name());
  }
}

}  // namespace
}  // namespace keelson::sim
