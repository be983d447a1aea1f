// The shrinker on failures whose smallest form is known, because the checker that sees them is made for it.
#include "keelson/sim/shrink/shrinker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/check/checker.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/run/report_codec.h"
#include "keelson/sim/shrink/child.h"
#include "keelson/sim/shrink/regression_file.h"
#include "keelson/sim/shrink/story.h"
#include "keelson/sim/tape_text.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

pb::Scenario parsed(const std::string& text) {
  const auto scenario = parse_scenario("name: \"x\" " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  return scenario.value_or(pb::Scenario());
}

pb::Scenario resolved(const std::string& text) {
  Tape tape(SeededTape{1});
  return resolve(parsed(text), {}, tape);
}

// "Node 1 applies op 6 after a crash of node 0". Beside it one that is easier to reach and must not be taken for it:
// "node 1 applies an op after two crashes of node 0".
struct Planted final : Checker {
  static constexpr Op op{6};
  Planted(World& world, bool decoy) : Checker(world, "planted"), decoy_(decoy) {}
  void on_crash(HostId host, CrashKind) override { crashes_ += host == HostId(0); }
  void on_turn(const TurnSeen& turn) override {
    if (turn.node != NodeId(1) || turn.program.group_count() == 0 || failed()) return;
    const GroupView group = turn.program.group(0);
    if (decoy_ && crashes_ == 2 && group.commit_min > Op(0)) fail("decoy", "a crash too many");
    if (crashes_ > 0 && group.commit_min >= op && group.status == ReplicaStatus::normal)
      fail("crash_and_op", "node 1 applied " + text(op) + " after a crash of node 0");
  }
  bool decoy_;
  int crashes_ = 0;
};

const std::string busy =
    "cluster { replicas: 3 clients: 3 shards: 2 } workload { kv {} requests: 60 } network { loss_ppm: 5000 "
    "mode: MIXED } turn { bag_split_ppm: 100000 } clock { drift_ppm: 300 } "
    "phase { name: 'calm' duration_ms: 500 } phase { name: 'crashes' duration_ms: 3000 crash { every_ms: 500 "
    "restart_after_ms: 100 } partition { every_ms: 700 for_ms: 100 } } phase { name: 'more' duration_ms: 1000 } "
    "tag: 'smoke' expect { commits_min: 50 }";

ShrinkConfig planted(u64 seed, unsigned jobs, u64 runs, bool decoy) {
  ShrinkConfig config;
  config.start = {resolved(busy), {{}, TapeBase::seeded(seed)}};
  config.limits = {.jobs = jobs, .budget = std::chrono::minutes(4), .runs_max = runs};
  // In the process of each run, which ends with it.
  config.prepare = [decoy](RunCluster& cluster) {
    static std::vector<std::unique_ptr<Planted>> checkers;
    checkers.push_back(std::make_unique<Planted>(cluster.world, decoy));
    cluster.world.add_observer(*checkers.back());
  };
  return config;
}

TEST(Shrinker, FindsTheSmallestRunOfAKnownFailure) {
  const ShrinkResult result = shrink(planted(3, 2, 2500, false));
  ASSERT_EQ(result.signature, "safety planted.crash_and_op");
  EXPECT_TRUE(result.finished) << result.runs << " runs";
  const pb::Scenario& left = result.best.scenario;
  SCOPED_TRACE(print_short(with_tape(result.best)));
  EXPECT_LE(left.cluster().replicas(), 2u) << "node 1 is needed, node 2 is not";
  EXPECT_EQ(left.cluster().clients(), 1u);
  EXPECT_EQ(left.cluster().shards(), 1u);
  EXPECT_EQ(left.phase_size(), 1);
  ASSERT_EQ(left.workload_size(), 1);
  EXPECT_LE(left.workload(0).requests(), Planted::op.raw()) << "some ops register the client, or take it back";
  EXPECT_FALSE(left.has_network() || left.has_turn() || left.has_clock() || left.has_expect() || left.tag_size() > 0);
  EXPECT_EQ(left.tail(), pb::Tail::NONE);
  ASSERT_EQ(left.step_size(), 1) << "one crash";
  EXPECT_EQ(left.step(0).do_(0).crash().node(0), pb::N0);
  EXPECT_LE(result.best.entries(), 3u);
  EXPECT_LT(result.after.events, 600u);
  // What a file would say is what was found.
  const auto again = run(result.best, 0, {.prepare = planted(3, 1, 1, false).prepare});
  EXPECT_EQ(signature_of(again), result.signature);
  EXPECT_EQ(again.events, result.after.events);
}

TEST(Shrinker, NeverTakesAnotherFailureForTheSame) {
  // With the decoy most small runs with crashes fail in the other way.
  ShrinkConfig config = planted(3, 2, 400, true);
  const ShrinkResult result = shrink(config);
  ASSERT_THAT(result.signature, StartsWith("safety planted."));
  EXPECT_EQ(signature_of(run(result.best, 0, {.prepare = config.prepare})), result.signature);
}

TEST(Shrinker, TheResultDoesNotDependOnTheNumberOfJobs) {
  const ShrinkResult one = shrink(planted(5, 1, 250, false));
  const ShrinkResult four = shrink(planted(5, 4, 250, false));
  ASSERT_FALSE(one.signature.empty());
  EXPECT_EQ(print_short(with_tape(one.best)), print_short(with_tape(four.best)));
  EXPECT_EQ(one.after.events, four.after.events);
  EXPECT_EQ(one.runs, four.runs);
}

TEST(Shrinker, ARunThatDoesNotFailIsLeftAlone) {
  ShrinkConfig config = planted(3, 1, 10, false);
  config.prepare = {};
  config.start.scenario = resolved("workload { kv {} requests: 3 } phase { name: 'p' duration_ms: 200 }");
  const ShrinkResult result = shrink(config);
  EXPECT_TRUE(result.signature.empty());
  EXPECT_EQ(result.runs, 0u);
  EXPECT_EQ(result.before.verdict, Verdict::ok);
}

TEST(Shrinker, AProcessThatDiesIsAFailureLikeOthers) {
  ShrinkConfig config = planted(3, 2, 120, false);
  config.prepare = [](RunCluster& cluster) {
    struct Killer final : Observer {
      void on_crash(HostId, CrashKind) override { std::abort(); }
    };
    static Killer killer;
    cluster.world.add_observer(killer);
  };
  const ShrinkResult result = shrink(config);
  EXPECT_EQ(result.signature, "safety process.died signal Aborted");
  EXPECT_EQ(result.best.scenario.cluster().clients(), 1u);
  EXPECT_GT(result.runs, 10u);
  EXPECT_GT(result.before.events, 500u) << "how far it had come is known all the same";
  EXPECT_LE(result.after.events * 5, result.before.events);
  EXPECT_GT(result.nonquiet_before, 100u);
  EXPECT_GT(result.before.failure->at_ns, 0u);
  EXPECT_EQ(result.before.failure->phase, "crashes");
  EXPECT_GT(story_of(result.best, result.after, {.prepare = config.prepare}).size(), 1u);
}

TEST(Shrinker, ARunThatHangsIsAFailureOfItsOwn) {
  ShrinkConfig config = planted(3, 2, 4, false);
  config.prepare = [](RunCluster& cluster) {
    struct Hanger final : Observer {
      void on_crash(HostId, CrashKind) override {
        for (volatile bool on = true; on;) {
        }
      }
    };
    static Hanger hanger;
    cluster.world.add_observer(hanger);
  };
  const ShrinkResult result = shrink(config);
  EXPECT_EQ(result.signature, "safety process.hung");
  EXPECT_GT(result.runs, 1u) << "candidates that hang are ended, and count";
  EXPECT_GT(result.after.events, 0u);
  EXPECT_EQ(result.after.failure->phase, "crashes");
}

TEST(Shrinker, TakesOnlyWhatKeepsTheCondition) {
  ShrinkConfig config = planted(3, 2, 60, false);
  config.condition = [](const Candidate& candidate) { return candidate.scenario.cluster().clients() >= 2; };
  const ShrinkResult result = shrink(config);
  EXPECT_EQ(result.signature, "safety planted.crash_and_op");
  EXPECT_EQ(result.best.scenario.cluster().clients(), 2u);
}

TEST(Child, GivesBackWhatTheWorkReturnsOrHowItDied) {
  const std::string large(3'000'000, 'x');
  Child good([&] { return large; });
  good.wait();
  EXPECT_EQ(good.result(), large);
  Child empty([] { return std::string(); });
  empty.wait();
  EXPECT_EQ(empty.result(), "");
  Child bad([]() -> std::string { std::abort(); });
  bad.wait();
  EXPECT_FALSE(bad.result());
  EXPECT_THAT(bad.how_it_died(), StartsWith("signal"));
  Child left([]() -> std::string { ::_exit(3); });
  left.wait();
  EXPECT_EQ(left.how_it_died(), "exit code 3");
  // Given up: its destructor ends it, or this test would never end.
  const Child hanging([]() -> std::string {
    for (;;) ::pause();
  });
}

TEST(Story, TellsWhatHappenedInTenLinesAtMost) {
  for (const u64 seed : {1u, 2u, 3u}) {
    Story story;
    const Candidate candidate{resolved(busy), {{}, TapeBase::seeded(seed)}};
    const RunReport report =
        run(candidate, 0, {.trace = &story, .prepare = [&](RunCluster& cluster) { story.attach(cluster); }});
    const auto lines = story.tell(report);
    EXPECT_LE(lines.size(), Story::lines_max);
    EXPECT_GT(lines.size(), 3u);
    EXPECT_THAT(lines.front(), StartsWith("before that: "));
  }
}

TEST(Story, ShowsWhatClientsSawWhereItIsAboutThat) {
  Story story;
  const Candidate candidate{resolved(busy), {{}, TapeBase::seeded(1)}};
  RunReport report = run(candidate, 0, {.trace = &story, .prepare = [&](RunCluster& c) { story.attach(c); }});
  report.failure = Failure{"linearizable.order", "fits no order", "", 5'000'000'000, 9, "p"};
  report.failure->calls = {{1, 0, "write a", "done", 1, 2, 1, 2, true, false},
                           {2, 1, "read", "none", 3, 4, 3, 4, true, true}};
  const auto back = decode_report(encode_report(report));
  ASSERT_TRUE(back);
  const auto lines = story.tell(*back);
  EXPECT_LE(lines.size(), Story::lines_max);
  ASSERT_GT(lines.size(), 4u);
  EXPECT_EQ(lines[lines.size() - 4], "5.000 s  linearizable.order: fits no order");
  EXPECT_EQ(lines[lines.size() - 2], "client 0  [write a: done]");
  EXPECT_EQ(lines[lines.size() - 1], "client 1                 >read: none<");
}

TEST(RegressionFile, IsAScenarioThatSaysWhereItComesFrom) {
  ShrinkResult result;
  result.signature = "safety commits.agreement";
  result.best.scenario = without_defaults(resolved(busy));
  result.best.scenario.set_name(regression_name(result.signature));
  result.best.tape.streams = {{"nemesis", {{Site::nemesis_wait, 3, 7}}},
                              {"net/0.0>1.0", {{Site::net_loss, 0, 999'999}}}};
  const std::string text = regression_text(result, {"x, seed 3", "./keelson sim y", {"0.600 s  node 0 loses power"}});
  EXPECT_THAT(text, StartsWith("# Was safety commits.agreement. Found by x, seed 3."));
  EXPECT_THAT(text, HasSubstr("#   0.600 s  node 0 loses power\n# ./keelson sim y\nname: \"commits_agreement_"));
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    EXPECT_LE(text.find('\n', at) - at, 120u) << text.substr(at, 200);
  const auto read = parse_scenario(text, result.best.scenario.name() + ".textproto", {});
  ASSERT_TRUE(read) << read.error()[0].describe();
  EXPECT_EQ(serialise(*read), serialise(with_tape(result.best)));
}

TEST(RegressionName, TellsSignaturesApart) {
  EXPECT_THAT(regression_name("safety commits.agreement"), testing::MatchesRegex("commits_agreement_[0-9a-f]{8}"));
  EXPECT_NE(regression_name("safety kernel.check a.cc f"), regression_name("safety kernel.check a.cc g"));
}

}  // namespace
}  // namespace keelson::sim
