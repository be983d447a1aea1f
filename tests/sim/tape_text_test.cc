// Tapes that are not what was recorded: mutated, cut, named in a scenario, printed. All of them replay to a valid run.
#include "keelson/sim/tape_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "keelson/sim/prng.h"
#include "keelson/sim/run/recording.h"
#include "keelson/sim/run/run.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string lively =
    "background: NONE cluster { replicas: 3 clients: 2 } workload { kv {} requests: 20 } "
    "network { mode: MIXED loss_ppm: 20000 reorder_ppm: 20000 } turn { bag_split_ppm: 200000 effect_shuffle_ppm: "
    "200000 } "
    "phase { name: 'p' duration_ms: 800 crash { every_ms: 400 restart_after_ms: 50 } partition { every_ms: 300 "
    "for_ms: 50 } }";

tl::expected<pb::Scenario, Problems> parse(const std::string& text) {
  return parse_scenario("name: \"x\" " + text, "x.textproto", {});
}

struct Ran {
  RunReport report;
  TapeFile file;
  SparseUse use;
};
Ran run_with(const pb::Scenario& scenario, TapeSource source, u64 seed = 0) {
  Tape tape(std::move(source), Recording::on);
  const pb::Scenario resolved = resolve(scenario, {}, tape);
  RunOptions options;
  options.seed = seed;
  Ran ran{run_scenario(resolved, tape, options), {}, tape.sparse_use()};
  ran.file = recording_of(resolved, tape, ran.report);
  return ran;
}

TEST(LooseReplay, OfAnUntouchedTapeIsTheSameRun) {
  Ran ran = run_with(*parse(lively), SeededTape{4}, 4);
  EXPECT_EQ(replay_kind(ran.file), ReplayKind::strict);
  ran.file.complete = false;
  EXPECT_EQ(replay_kind(ran.file), ReplayKind::loose);
  const Ran again = run_with(*parse(lively), source_of(ran.file), 4);
  EXPECT_EQ(again.report.trace_hash, ran.report.trace_hash);
  EXPECT_EQ(again.use.unused, 0u);
  EXPECT_EQ(compare(ran.file, again.report), Reproduced::yes);
}

TEST(LooseReplay, OfAnotherBuildsTapeSaysSo) {
  Ran ran = run_with(*parse(lively), SeededTape{4}, 4);
  ran.file.sites = Digest{1, 2};
  EXPECT_EQ(replay_kind(ran.file), ReplayKind::loose);
}

// Values of any size, decisions left out, streams swapped: the run is another one, and a valid one.
TEST(LooseReplay, OfMutatedTapesEndsWithAVerdict) {
  const auto scenario = parse(lively);
  ASSERT_TRUE(scenario);
  const Ran ran = run_with(*scenario, SeededTape{4}, 4);
  const auto streams = by_address(std::get<std::vector<RecordedStream>>(ran.file.streams), QuietDecisions::keep);
  StreamPrng prng(7, "mutations");
  u64 clamped = 0, unused = 0;
  for (int round = 0; round < 40; ++round) {
    auto mutated = streams;
    const u64 one_in = 1 + scale(prng.next(), 200);
    for (auto& stream : mutated) {
      std::erase_if(stream.entries, [&](const Override&) { return scale(prng.next(), one_in) == 0; });
      for (auto& entry : stream.entries)
        if (scale(prng.next(), one_in) == 0) entry.value = prng.next() >> scale(prng.next(), 64);
    }
    if (round % 4 == 0) std::swap(mutated[0].entries, mutated[mutated.size() - 1].entries);
    if (round % 5 == 0) mutated.resize(mutated.size() / 2);
    const Ran other = run_with(*scenario, SparseTape{mutated, {}}, 4);
    EXPECT_TRUE(other.report.verdict == Verdict::ok || other.report.verdict == Verdict::inconclusive)
        << round << ": " << other.report.failure->kind << ": " << other.report.failure->detail;
    clamped += other.use.clamped;
    unused += other.use.unused;
  }
  EXPECT_GT(clamped, 100u);
  EXPECT_GT(unused, 100u);
}

TEST(Compare, TellsWhatAReplayCameTo) {
  Ran ran = run_with(*parse(lively + " expect { commits_min: 99999 }"), SeededTape{4}, 4);
  EXPECT_EQ(signature_of(ran.report), "inconclusive expect.unmet");
  EXPECT_EQ(compare(ran.file, ran.report), Reproduced::yes);
  RunReport other = ran.report;
  other.failure->kind = "commits.agreement";
  EXPECT_EQ(compare(ran.file, other), Reproduced::other_failure);
  other.failure.reset();
  other.verdict = Verdict::ok;
  EXPECT_EQ(compare(ran.file, other), Reproduced::no);
  ran.file.outcome.reset();
  EXPECT_EQ(compare(ran.file, other), Reproduced::not_known);
}

TEST(ScenarioTape, DecidesWhateverTheSeed) {
  const std::string tape =
      " tape { entry { stream: 'nemesis' site: 'nemesis.wait' n: 0 value: 400000000 } "
      "entry { stream: 'world' site: 'tie.order' n: 3 value: 1 } "
      "entry { stream: 'nemesis' site: 'nemesis.wait' n: 1 value: 7 } }";
  const auto scenario = parse(lively + tape);
  ASSERT_TRUE(scenario) << scenario.error()[0].describe();
  const auto one = run_with(*scenario, source_of(*scenario, 1), 1).report;
  const auto two = run_with(*scenario, source_of(*scenario, 2), 2).report;
  EXPECT_EQ(one.trace_hash, two.trace_hash);
  EXPECT_GT(one.faults.at("crash"), 0u);
  EXPECT_LT(one.faults.at("crash"), 3u) << "one by the tape, perhaps one more of the tail";
  const auto streams = tape_of(scenario->tape()).streams;
  ASSERT_EQ(streams.size(), 2u);
  EXPECT_EQ(streams[0].entries.size(), 2u);
  EXPECT_EQ(text_of(tape_of(scenario->tape())).entry_size(), 3);

  const auto seeded = parse(lively + " tape { seed: 4 }");
  ASSERT_TRUE(seeded);
  EXPECT_EQ(run_with(*seeded, source_of(*seeded, 1), 1).report.events,
            run_with(*parse(lively), SeededTape{4}, 4).report.events);
}

TEST(ScenarioTape, UnknownSitesAndMissingStreamsAreErrors) {
  const auto bad =
      parse("tape { entry { stream: 'nemesis' site: 'nemesis.wai' n: 0 value: 1 } entry { site: 'net.loss' } }");
  ASSERT_FALSE(bad);
  ASSERT_EQ(bad.error().size(), 2u);
  EXPECT_THAT(bad.error()[0].describe(),
              HasSubstr("SCN_TAPE: tape.entry[0].site: unknown; got nemesis.wai; expected nemesis.wait"));
  EXPECT_THAT(bad.error()[1].describe(), HasSubstr("tape.entry[1].stream: missing"));
}

TEST(PrintTape, ShowsWhatIsNotQuiet) {
  TapeFile file;
  file.seed = 9;
  file.scenario = serialise(*parse(lively));
  file.streams = std::vector<RecordedStream>{{"nemesis", {{Site::nemesis_wait, 5}, {Site::nemesis_wait, 0}}},
                                             {"net/0.0>1.0", {{Site::net_delay, 77}}}};
  file.outcome = TapeOutcome{{}, 1234, 5'000'000, Verdict::safety, 1};
  const auto printed = [&](const TapePrint& what) {
    std::ostringstream out;
    print_tape(out, file, what);
    return out.str();
  };
  const std::string all = printed({});
  EXPECT_THAT(all, HasSubstr("scenario   x, seed 9\n"));
  EXPECT_THAT(all, HasSubstr("part of a recording"));
  EXPECT_THAT(all, HasSubstr("3 in 2 streams, 2 of them not quiet"));
  EXPECT_THAT(all, HasSubstr("ended      safety after 1234 events and 5 ms of virtual time"));
  EXPECT_THAT(all, HasSubstr("nemesis: 2 decisions, 1 not quiet\n  nemesis.wait                  0  5\n\n"));
  EXPECT_THAT(all, HasSubstr("net.delay                     0  77"));
  EXPECT_THAT(printed({.stream = "nem"}), Not(HasSubstr("net.delay")));
  EXPECT_THAT(printed({.stream = "", .quiet = true}), HasSubstr("nemesis.wait                  1  0"));
  file.sites = Digest{1, 2};
  EXPECT_THAT(printed({}), HasSubstr("another one: replays loosely"));
}

TEST(Signature, IsTheCheckerAndInvariantNotTheText) {
  RunReport report;
  EXPECT_EQ(signature_of(report), "");
  EXPECT_EQ(signature_hash(""), 0u);
  report.verdict = Verdict::safety;
  report.failure = Failure{"commits.agreement", "node 2, op 7", "", 0, 0, "p"};
  EXPECT_EQ(signature_of(report), "safety commits.agreement");
  report.failure->kind = "kernel.check";
  report.failure->detail = "kernel/vsr/replica.cc:52: void keelson::Replica::f()";
  EXPECT_EQ(signature_of(report), "safety kernel.check replica.cc void keelson::Replica::f()");
}

TEST(UntilEvent, LeavesTheRunThereAndJudgesNothing) {
  const auto scenario = parse(lively + " expect { commits_min: 99999 }");
  for (const u64 until : {1u, 100u, 2500u}) {
    Tape tape(SeededTape{4});
    RunOptions options;
    options.until_event = until;
    const auto report = run_scenario(resolve(*scenario, {}, tape), tape, options);
    EXPECT_EQ(report.events, until);
    EXPECT_FALSE(report.failure);
  }
}

}  // namespace
}  // namespace keelson::sim
