// What the shrinker tries: edits of scenarios, parts of tapes, scripts instead of chance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/cut.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/shrink/candidate.h"
#include "keelson/sim/shrink/lift.h"
#include "keelson/sim/shrink/proto_paths.h"
#include "keelson/sim/shrink/scenario_edits.h"
#include "keelson/sim/shrink/tape_edits.h"

namespace keelson::sim {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

pb::Scenario parsed(const std::string& text) {
  const auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  return scenario.value_or(pb::Scenario());
}

pb::Scenario resolved(const std::string& text) {
  const auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{1});
  return resolve(scenario.value_or(pb::Scenario()), {}, tape);
}

const std::string rich =
    "cluster { replicas: 5 nodes: 6 clients: 3 shards: 2 groups: 3 limits: STANDARD tunables { beat_ms: 20 } } "
    "workload { kv { put: 70 } clients: 2 requests: 40 } workload { idle {} } network { loss_ppm: 100 } "
    "phase { name: 'a' duration_ms: 900 disk { slow: 3 node: N1 } } phase { name: 'b' until_requests: true } "
    "step { at_ms: 100 do { crash { node: N0 } } for_ms: 50 } expect { commits_min: 3 } tag: 'smoke'";

TEST(Candidate, IsSoundWhateverItsName) {
  pb::Scenario scenario;
  scenario.set_name("bank.v2");  // of the file bank.v2.textproto
  EXPECT_TRUE(is_sound(scenario));
}

TEST(WithoutDefaults, MeansTheSame) {
  for (const std::string& text : {std::string(), rich, std::string("background: NONE tail: NONE")}) {
    const auto full = resolved(text);
    const auto plain = without_defaults(full);
    Tape none(SparseTape{});
    EXPECT_EQ(serialise(resolve(plain, {}, none)), serialise(full));
    EXPECT_LE(paths_of(plain).size(), paths_of(full).size());
    EXPECT_TRUE(is_sound(plain)) << print(plain);
  }
  EXPECT_LT(print(without_defaults(resolved(""))).size(), 80u);
}

u64 total_of(const pb::Scenario& s) {
  u64 total = s.cluster().replicas() + s.cluster().clients() + s.cluster().groups() + s.cluster().shards();
  for (const auto& w : s.workload())
    total += w.requests() + w.kv().keys() + w.kv().value_bytes_max() + w.kv().put() + w.kv().get() + w.kv().cas();
  for (const auto& p : s.phase()) total += p.duration_ms();
  for (const auto& step : s.step()) total += step.at_ms() + step.for_ms();
  return total;
}

// Each edit takes something away or lowers a number, so that trying them ends.
TEST(ScenarioEdits, EachOneIsSimpler) {
  const auto plain = without_defaults(resolved(rich));
  const auto edits = edits_of(plain);
  EXPECT_GT(edits.size(), 50u);
  std::vector<std::string> what;
  for (const auto& edit : edits) {
    what.push_back(edit.what);
    EXPECT_NE(serialise(edit.scenario), serialise(plain)) << edit.what;
    const bool less =
        paths_of(edit.scenario).size() < paths_of(plain).size() || total_of(edit.scenario) < total_of(plain);
    EXPECT_TRUE(less || edit.what == "tail" || edit.what == "core" || edit.what == "background" ||
                edit.what == "cluster.limits" || edit.what == "workload.kv.del" || edit.what == "workload.think_us" ||
                edit.what.starts_with("warm_up_ms"))
        << edit.what;
  }
  for (const char* one :
       {"phase[0]", "phase[1]", "step[0]", "workload[1]", "network", "phase[0].disk", "cluster.replicas 1",
        "cluster.clients 1", "workload.requests 20", "tail", "cluster.tunables", "a.duration_ms 450"})
    EXPECT_THAT(what, Contains(one));
  for (const char* none : {"name", "cluster", "phase[0].name", "step[0].at_ms", "cluster.replicas"})
    EXPECT_THAT(what, Not(Contains(none)));
}

TEST(ScenarioEdits, CountsThatNeedEachOtherGoDownTogether) {
  auto plain = parsed(
      "cluster { checkpoint_ops: 200 } workload { kv {} requests: 1500 } "
      "step { when { commit_at_least: 450 } do { crash { node: N2 } } }");
  const auto edits = edits_of(plain);
  const auto half =
      std::find_if(edits.begin(), edits.end(), [](const Edit& edit) { return edit.what == "counts / 2"; });
  ASSERT_NE(half, edits.end());
  EXPECT_EQ(half->scenario.step(0).when().commit_at_least(), 225u);
  EXPECT_EQ(half->scenario.workload(0).requests(), 750u);
  EXPECT_EQ(half->scenario.cluster().checkpoint_ops(), 100u);
  plain.mutable_step(0)->mutable_when()->set_commit_at_least(1);
  for (const auto& edit : edits_of(plain)) EXPECT_NE(serialise(edit.scenario), serialise(plain)) << edit.what;
}

TEST(LouderEdits, RaiseRatesAndNothingElse) {
  const auto plain = parsed(
      "network { loss_ppm: 20000 reorder_ppm: 1000000 } disk { rot_every_ms: 8 } "
      "phase { name: 'a' duration_ms: 9 crash { every_ms: 400 restart_after_ms: 100 } }");
  std::vector<std::string> what;
  for (const auto& edit : louder_edits_of(plain)) what.push_back(edit.what);
  EXPECT_THAT(what, testing::UnorderedElementsAre("network.loss_ppm 200000", "phase[0].crash.every_ms 100"));
  EXPECT_EQ(louder_edits_of(plain)[0].scenario.phase(0).crash().every_ms(), 100u);
}

TEST(ScenarioEdits, ComeToAnEnd) {
  auto plain = without_defaults(resolved(rich));
  std::size_t steps = 0;
  for (bool found = true; found && steps < 500; ++steps) {
    found = false;
    for (auto& edit : edits_of(plain)) {
      if (!is_sound(edit.scenario)) continue;
      plain = std::move(edit.scenario);
      found = true;
      break;
    }
  }
  EXPECT_LT(steps, 120u);
  EXPECT_EQ(plain.cluster().replicas(), 1u);
  EXPECT_EQ(plain.step_size(), 0);
}

TEST(CutAfter, LeavesNothingBehindTheFailure) {
  const auto plain = without_defaults(resolved(rich));
  Failure failure;
  failure.kind = "commits.agreement";
  failure.phase = "a";
  auto cut = cut_after(plain, failure);
  EXPECT_EQ(cut.phase_size(), 1);
  EXPECT_EQ(cut.tail(), pb::Tail::NONE);
  EXPECT_FALSE(cut.has_expect() || cut.tag_size() > 0);
  failure.phase = "liveness";
  cut = cut_after(plain, failure);
  EXPECT_EQ(cut.phase_size(), 2);
  EXPECT_EQ(cut.tail(), pb::Tail::FULL);
  failure.kind = "expect.unmet";
  EXPECT_TRUE(cut_after(plain, failure).has_expect());
}

SparseTape some_tape() {
  return {{{"nemesis", {{Site::nemesis_wait, 0, 5}, {Site::nemesis_wait, 1, 6}, {Site::nemesis_target, 0, 1}}},
           {"net/0.0>1.0", {{Site::net_delay, 4, 9}}},
           {"net/1.0>0.0", {{Site::net_delay, 2, 8}, {Site::net_loss, 0, 7}}}},
          {}};
}

TEST(TapeList, GoesThereAndBack) {
  const auto list = TapeList::of(some_tape());
  EXPECT_EQ(list.entries.size(), 6u);
  EXPECT_EQ(list.tape().streams, some_tape().streams);
  EXPECT_EQ(list.without(0, 3).tape().streams.size(), 2u);
  EXPECT_EQ(list.without({0, 3, 5}).entries.size(), 3u);
}

TEST(TapeList, ADecisionMovesToAFreeChance) {
  const auto list = TapeList::of(some_tape());
  EXPECT_FALSE(list.moved(1, 0)) << "taken";
  EXPECT_FALSE(list.moved(3, 4)) << "its own";
  const auto moved = list.moved(3, 1);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->tape().streams[1], (SparseStream{"net/0.0>1.0", {{Site::net_delay, 1, 9}}}));
  EXPECT_EQ(moved->entries.size(), list.entries.size());
}

TEST(TapeList, PartsAreWhatBelongsTogetherLargestFirst) {
  const auto parts = TapeList::of(some_tape()).parts();
  EXPECT_EQ(parts[0].size(), 3u);  // all of nemesis, all of net
  EXPECT_EQ(parts[1].size(), 3u);
  EXPECT_THAT(parts, Contains(ElementsAre(3u, 4u)));  // net.delay everywhere
  EXPECT_THAT(parts, Contains(ElementsAre(0u, 1u)));  // nemesis.wait
  EXPECT_THAT(parts, Contains(ElementsAre(4u, 5u)));  // net/1.0>0.0
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(parts[i], parts[k]);
}

TEST(Lift, CrashesPausesAndPartitionsBecomeSteps) {
  const std::string faults =
      "background: NONE cluster { replicas: 3 clients: 1 } phase { name: 'p' duration_ms: 4000 "
      "crash { every_ms: 4000 kind: POWER mid_bag_ppm: 0 in_write_ppm: 0 in_boot_ppm: 0 restart_after_ms: 100 } "
      "pause { every_ms: 2000 for_ms: 200 } partition { of: ONE kind: INBOUND every_ms: 1500 for_ms: 200 } } tail: "
      "NONE";
  const Candidate candidate{without_defaults(resolved(faults)), {{}, TapeBase::seeded(2)}};
  FaultLog log;
  const RunReport report = run(candidate, 0, {.trace = &log});
  const auto script = lifted(candidate.scenario, log);
  ASSERT_TRUE(script);
  EXPECT_TRUE(is_sound(*script)) << print(*script);
  EXPECT_FALSE(script->phase(0).has_crash() || script->phase(0).has_pause() || script->phase(0).has_partition());
  const RunReport again = run({*script, candidate.tape}, 0, {});
  for (const char* fault : {"crash", "crash.power", "pause", "partition"}) {
    EXPECT_GT(report.faults.at(fault), 0u) << fault;
    EXPECT_EQ(again.faults.at(fault), report.faults.at(fault)) << fault;
  }
  const auto moved = begun_at(*script, 7);
  EXPECT_EQ(moved.step(0).at_ms(), 7u);
  EXPECT_EQ(moved.step(1).at_ms() - 7, script->step(1).at_ms() - script->step(0).at_ms());
  EXPECT_FALSE(lifted(*script, log)) << "nothing is random any more";
}

TEST(Cut, TheSideIsFoundAgainFromItsTrace) {
  for (const auto kind : {pb::Partition::BOTH, pb::Partition::INBOUND, pb::Partition::OUTBOUND}) {
    const auto scenario = resolved(
        "background: NONE cluster { replicas: 5 } tail: NONE phase { name: 'p' duration_ms: 100 partition "
        "{ node: N1 node: N3 kind: " +
        pb::Partition::Kind_Name(kind) + " } }");
    FaultLog log;
    run({scenario, {}}, 0, {.trace = &log});
    ASSERT_FALSE(log.entries().empty());
    const auto side = cut_off_by(log.entries().back().links, kind, 5);
    ASSERT_TRUE(side);
    if (kind == pb::Partition::BOTH)
      EXPECT_EQ(side->size() == 2 ? *side : std::vector<NodeId>(), (std::vector<NodeId>{NodeId(1), NodeId(3)}));
    else
      EXPECT_THAT(*side, ElementsAre(NodeId(1), NodeId(3)));
  }
  EXPECT_FALSE(cut_off_by(Digest{1, 2}, pb::Partition::BOTH, 5));
}

}  // namespace
}  // namespace keelson::sim
