// Campaigns: ranges of seeds, plans and result lines that are read back, and what runs come to.
#include "keelson/sim/run/campaign.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "keelson/sim/campaign/summary.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Ranges = std::vector<SeedRange>;

TEST(SeedRanges, AreUnitedAndTakenApart) {
  EXPECT_EQ(united({{5, 9}, {1, 3}, {4, 4}, {8, 12}}), (Ranges{{1, 12}}));
  EXPECT_EQ(united({{5, 9}, {1, 3}}), (Ranges{{1, 3}, {5, 9}}));
  EXPECT_EQ(without({{1, 10}}, {}), (Ranges{{1, 10}}));
  EXPECT_EQ(without({{1, 10}}, {{1, 10}}), Ranges{});
  EXPECT_EQ(without({{1, 10}}, {{0, 2}, {5, 5}, {9, 20}}), (Ranges{{3, 4}, {6, 8}}));
  EXPECT_EQ(without({{1, 3}, {5, 9}}, {{3, 6}}), (Ranges{{1, 2}, {7, 9}}));
  EXPECT_EQ(place_of(7, {{1, 3}, {5, 9}}), 5u);
  EXPECT_EQ(place_of(4, {{1, 3}, {5, 9}}), std::nullopt);
  EXPECT_EQ(text_of({{1, 3}, {5, 5}}), "1..3, 5");
}

TEST(SeedRanges, PartsCoverTheWholeOnce) {
  for (const u64 size : {1u, 7u, 64u, 1000u})
    for (const u64 parts : {1u, 3u, 7u})
      if (parts <= size) {
        u64 next = 100;
        for (u64 part = 0; part < parts; ++part) {
          const SeedRange range = part_of({100, 99 + size}, part, parts);
          EXPECT_EQ(range.from, next);
          EXPECT_GE(range.to, range.from);
          next = range.to + 1;
        }
        EXPECT_EQ(next, 100 + size);
      }
  EXPECT_EQ(part_of({0, (u64{1} << 53) - 1}, 63, 64).to, (u64{1} << 53) - 1);
}

CampaignPlan plan() {
  return {"keelson 1", "tiny", 8, {{1, 10}}, {{"a", "aa", "Shows \"a\"."}, {"b", "bb", ""}}, "./keelson", "sim a b"};
}

TEST(CampaignPlan, IsReadBack) {
  const auto again = parse_plan(to_json(plan()));
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(to_json(*again), to_json(plan()));
  EXPECT_EQ(difference(plan(), *again, CompareSeeds::yes), std::nullopt);
}

TEST(CampaignPlan, WhatIsWrongWithItIsSaid) {
  const auto wrong = [](std::string text, const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
    const auto read = parse_plan(text);
    return read ? "nothing" : read.error();
  };
  const std::string text = to_json(plan());
  EXPECT_EQ(wrong(text, "\"schema\":1", "\"schema\":2"), "schema: got 2; expected 1");
  EXPECT_EQ(wrong(text, "\"limits\":\"tiny\"", "\"limits\":3"), "limits: expected a text");
  EXPECT_EQ(wrong(text, "[[1,10]]", "[[10,1]]"), "seeds: expected pairs [first,last]");
  EXPECT_EQ(wrong(text, "[[1,10]]", "[[5,10],[1,2]]"), "seeds: expected ranges in order, and one or more");
  EXPECT_EQ(wrong(text, "\"digest\":\"aa\",", ""), "scenarios: expected digest: expected a text");
  EXPECT_EQ(wrong(text, "}", ""), "at byte 220: expected \"name\":");
  EXPECT_EQ(wrong(text, text, "[]"), "expected an object: {..}");
}

Result result(const std::string& file, u64 seed, Verdict verdict = Verdict::ok, const std::string& detail = "") {
  Result made{file, {}};
  RunReport& r = made.report;
  r.scenario = "name of " + file;
  r.seed = seed;
  r.verdict = verdict;
  r.expected = verdict == Verdict::ok;
  r.trace_hash = "00ff" + std::to_string(seed);
  r.events = 1000 + seed;
  r.commits = 10;
  r.virtual_ns = 1'000'000'000;
  r.wall_ns = 1'000'000 * seed;
  r.faults = {{"crash", 2}};
  r.marks = {{"log_pruned", seed}};
  r.checks = {"commits", "replay"};
  if (verdict != Verdict::ok)
    r.failure = Failure{"checker.invariant", detail, "./keelson sim " + file, 7, 8, "p", "more\n"};
  return made;
}

TEST(Results, AreReadBackLineByLine) {
  for (const Result& made : {result("a", 1), result("b", 2, Verdict::safety, "node 1 says \"7\"\n\x01 é")}) {
    const std::string line = line_of(made);
    ASSERT_EQ(line.back(), '\n');
    const auto again = parse_result(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(again->file, made.file);
    EXPECT_EQ(line_of(*again), line);
  }
}

TEST(Results, AnyChangeOfALineIsFound) {
  const std::string line = line_of(result("a", 1, Verdict::liveness, "got 2"));
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    std::string changed = line.substr(0, line.size() - 1);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_result(changed)) << i;
    EXPECT_FALSE(parse_result(line.substr(0, i))) << i;
  }
}

TEST(Results, ALastLineThatWasCutOffIsNoneAndADamagedOneIsNamed) {
  const test::TempDir dir;
  const std::string one = line_of(result("a", 1)), two = line_of(result("b", 2));
  const auto read = [&](const std::string& text) {
    test::write_file(dir / "results.jsonl", text);
    std::vector<u64> seeds;
    const auto told =
        read_results(dir / "results.jsonl", plan(), [&](Result&& each) { seeds.push_back(each.report.seed); });
    return told ? std::to_string(seeds.size()) + " runs, " + std::to_string(told->bytes) + " bytes, " +
                      std::to_string(told->torn) + " torn"
                : std::to_string(told.error().line) + ": " + told.error().what;
  };
  const std::string whole = std::to_string(one.size()), both = std::to_string(one.size() + two.size());
  EXPECT_EQ(read(""), "0 runs, 0 bytes, 0 torn");
  EXPECT_EQ(read(one + two), "2 runs, " + both + " bytes, 0 torn");
  for (std::size_t cut = 1; cut < two.size(); ++cut)
    ASSERT_EQ(read(one + two.substr(0, two.size() - cut)),
              "1 runs, " + whole + " bytes, " + std::to_string(two.size() - cut) + " torn");
  EXPECT_EQ(read(one + std::string(4096, '\0')), "1 runs, " + whole + " bytes, 4096 torn");
  EXPECT_EQ(read(one + "\n" + two), "2: it does not end in a checksum");
  EXPECT_EQ(read(one + line_of(result("c", 2))), "2: file: c is not of this campaign");
  EXPECT_EQ(read(line_of(result("a", 11))), "1: seed: got 11; the campaign has 1..10");
}

TEST(ResultSet, SaysWhatIsMissing) {
  ResultSet set;
  EXPECT_EQ(set.missing(plan()), "seeds 1..10");
  for (const u64 seed : {1u, 2u, 3u, 5u}) set.add(result("a", seed), "x");
  for (const u64 seed : {1u, 2u, 3u, 4u, 6u, 7u, 8u, 9u}) set.add(result("b", seed), "x");
  EXPECT_EQ(set.missing(plan()),
            "seed 4 in 1 of 2 scenarios, seed 5 in 1 of 2 scenarios, seed 6 in 1 of 2 scenarios, 3 more seeds in some "
            "scenarios, seed 10");
}

TEST(ResultSet, OfARunThatIsThereTwiceTheTracesMustBeTheSame) {
  ResultSet set;
  EXPECT_TRUE(set.add(result("a", 1), "x"));
  EXPECT_FALSE(set.add(result("a", 1), "y"));
  EXPECT_EQ(set.contradictions(), 0u);
  EXPECT_EQ(set.amended("a", 1), nullptr);
  Result other = result("a", 1);
  other.report.trace_hash = "11";
  EXPECT_FALSE(set.add(other, "z"));
  EXPECT_EQ(set.twice(), 2u);
  EXPECT_EQ(set.contradictions(), 1u);
  ASSERT_NE(set.amended("a", 1), nullptr);
  EXPECT_EQ(set.amended("a", 1)->verdict, Verdict::nondeterministic);
  EXPECT_EQ(set.amended("a", 1)->failure->detail, "x has trace hash 00ff1 (ok), z has trace hash 11 (ok)");
  // One machine ended the process of a run: that is no other trace, but a failure.
  set.add(result("b", 1), "x");
  Result died = result("b", 1, Verdict::safety, "killed");
  died.report.trace_hash = "";
  set.add(died, "y");
  EXPECT_EQ(set.contradictions(), 1u);
  EXPECT_EQ(set.amended("b", 1)->verdict, Verdict::safety);
}

// A campaign of tasks that are nothing but their seed.
struct Trial {
  Campaign campaign;
  std::vector<u64> finished, reported;
  std::string died;

  explicit Trial(u64 seeds) {
    campaign.next = [next = u64{0}, seeds]() mutable -> std::optional<CampaignTask> {
      if (next == seeds) return std::nullopt;
      return CampaignTask{0, next++};
    };
    campaign.verify_every = 0;
    campaign.run = [](const CampaignTask& task) { return result("a", task.seed).report; };
    campaign.died = [this](const CampaignTask& task, const std::string& how) {
      died += std::to_string(task.seed) + ": " + how + "\n";
      return result("a", task.seed, Verdict::safety).report;
    };
    campaign.on_finished = [this](const CampaignTask& task, const RunReport&) { finished.push_back(task.seed); };
    campaign.on_report = [this](const RunReport& report) { reported.push_back(report.seed); };
    campaign.on_progress = [](std::size_t, std::size_t) {};
    campaign.interrupted = [] { return false; };
  }
};

TEST(Campaign, ReportsInOrderAndTellsOfEachRunAsSoonAsItIsOver) {
  Trial trial(6);
  trial.campaign.jobs = 2;
  trial.campaign.run = [](const CampaignTask& task) {
    if (task.seed == 0) ::usleep(300'000);
    return result("a", task.seed).report;
  };
  EXPECT_EQ(run_campaign(trial.campaign).seeds, 6u);
  EXPECT_THAT(trial.reported, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(trial.finished.back(), 0u);
  EXPECT_EQ(trial.finished.size(), 6u);
}

TEST(Campaign, ARunThatDoesNotEndIsKilledAndTheOthersGoOn) {
  Trial trial(4);
  trial.campaign.patience = std::chrono::milliseconds(400);
  trial.campaign.run = [](const CampaignTask& task) {
    if (task.seed == 1) ::pause();
    if (task.seed == 2) std::abort();
    return result("a", task.seed).report;
  };
  EXPECT_EQ(run_campaign(trial.campaign).seeds, 4u);
  EXPECT_THAT(trial.reported, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(trial.died, "1: signal Killed, since there was no end of it\n2: signal Aborted\n");
}

TEST(Campaign, WhichRunsAreVerifiedDependsOnNothingButTheTask) {
  EXPECT_TRUE(is_verified({0, 16}, 8));
  EXPECT_TRUE(is_verified({3, 13}, 8));
  EXPECT_FALSE(is_verified({3, 16}, 8));
  EXPECT_TRUE(is_verified({3, 16}, 1));
  EXPECT_FALSE(is_verified({0, 0}, 0));
}

TEST(Tally, IsTheSameInAnyOrder) {
  std::vector<Result> runs;
  for (u64 seed = 1; seed <= 10; ++seed) {
    runs.push_back(result("a", seed));
    runs.push_back(result("b", seed, seed % 3 == 0 ? Verdict::safety : Verdict::ok,
                          "node " + std::to_string(seed) + (seed < 6 ? " lost" : " kept") + " 0123456789abcdef"));
  }
  Tally forth(plan()), back(plan());
  for (auto run = runs.begin(); run != runs.end(); ++run) forth.add(run->file, run->report);
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) back.add(run->file, run->report);
  const std::string summary = summary_json(forth, {});
  EXPECT_EQ(summary, summary_json(back, {}));
  ASSERT_EQ(forth.signatures().size(), 1u);
  const SignatureTally& failed = forth.signatures().at("safety checker.invariant");
  EXPECT_EQ(failed.runs, 3u);
  EXPECT_EQ(failed.first.begin()->seed, 3u);
  EXPECT_EQ(failed.variants.at("node # lost #").runs, 1u);
  EXPECT_EQ(failed.variants.at("node # kept #").runs, 2u);
  EXPECT_EQ(failed.variants.at("node # kept #").first.seed, 6u);
  EXPECT_EQ(forth.worst(), Verdict::safety);
  EXPECT_EQ(forth.marks().at("log_pruned").runs, 20u);
  EXPECT_EQ(forth.faults().at("crash").times, 40u);
  EXPECT_EQ(forth.scenarios().at("b").failed, 3u);
  EXPECT_EQ(forth.scenarios().at("b").strip.at(2), (std::pair<u64, u64>{1, 1}));
  EXPECT_EQ(forth.slowest().rbegin()->second.seed, 10u);
  EXPECT_THAT(summary, HasSubstr("\"planned\":20,\"runs\":20,\"as_expected\":17,\"failed\":3,"));
}

TEST(Tally, ARunThatDoesNotFailAsItsScenarioExpectsIsAFailure) {
  Result run = result("a", 1);
  run.report.expected = false;
  Tally tally(plan());
  tally.add(run.file, run.report);
  EXPECT_EQ(tally.worst(), Verdict::inconclusive);
  EXPECT_EQ(tally.signatures().begin()->first, "ok unexpected");
  EXPECT_EQ(tally.signatures().begin()->second.first.begin()->reproduce, "./keelson sim a --seed 1 --limits tiny");
}

TEST(Summary, NothingOfItIsMarkupInThePage) {
  CampaignPlan hostile = plan();
  hostile.scenarios[0].about = "</script><script>alert(1)</script>";
  const std::string page = summary_page(summary_json(Tally(hostile), {}));
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  EXPECT_THAT(page, HasSubstr("\\u003c/script>\\u003cscript>alert(1)"));
}

}  // namespace
}  // namespace keelson::sim
