// `keelson sim --out` and `sim merge`: what is kept, what a killed campaign goes on with, what is refused and why.
#include <algorithm>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <thread>

#include "tests/lib/io/browser.h"
#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

namespace fs = std::filesystem;
using test::run;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string keelson = KEELSON_COMMAND;

class CampaignTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_ / "scenarios/mine");
    write("calm", 20, "");
    // A run without the partition's view changes is as expected; the others are not.
    write("restless", 20, "expect { view_changes_max: 0 }");
  }
  void write(const std::string& name, int requests, const std::string& more) const {
    test::write_file(dir_ / ("scenarios/mine/" + name + ".textproto"),
                     "# Shows " + name + " nodes.\nname: \"" + name +
                         "\" cluster { replicas: 3 clients: 1 limits: TINY } workload { kv {} requests: " +
                         std::to_string(requests) +
                         " } phase { name: 'p' duration_ms: 600 partition { every_ms: 150 for_ms: 90 } } tail: NONE " +
                         more + "\n");
  }
  test::Finished run_there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + command_line});
  }
  test::Finished sim(const std::string& arguments) const { return run_there(keelson + " sim " + arguments); }
  std::string read(const std::string& name) const { return test::read_file(dir_ / name); }

  // The results of a folder in an order of their own, without what differs from run to run.
  std::vector<std::string> results(const std::string& folder) const {
    static const std::regex changing("\"wall_ns\":[0-9]*,|,\"sum\":\"[0-9a-f]*\"");
    std::vector<std::string> lines;
    std::istringstream in(read(folder + "/results.jsonl"));
    for (std::string line; std::getline(in, line);) lines.push_back(std::regex_replace(line, changing, ""));
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  void change(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = read(name);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << name;
    test::write_file(dir_ / name, text.replace(at, from.size(), to));
  }

  test::TempDir dir_;
};

TEST_F(CampaignTest, KeepsWhatWasAskedEveryRunAndWhatItComesTo) {
  const auto result = sim("scenarios --seeds 1..6 --limits tiny --out night");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("liveness liveness.view_changes"));
  EXPECT_THAT(result.out, HasSubstr("kept       night/index.html"));
  EXPECT_EQ(results("night").size(), 12u);
  const std::string plan = read("night/campaign.json");
  EXPECT_THAT(plan, HasSubstr("\"limits\":\"tiny\",\"verify\":8,\"seeds\":[[1,6]],"));
  EXPECT_THAT(plan, HasSubstr("\"command\":\"./keelson sim scenarios --seeds 1..6 --limits tiny --out night\""));
  EXPECT_THAT(plan, HasSubstr("{\"file\":\"scenarios/mine/calm.textproto\",\"digest\":\""));
  const std::string summary = read("night/summary.json");
  EXPECT_THAT(summary, HasSubstr("\"planned\":12,\"runs\":12,"));
  EXPECT_THAT(summary, HasSubstr("\"signature\":\"liveness liveness.view_changes\""));
  EXPECT_THAT(summary, HasSubstr("\"detail\":\"got #; expected at most #\""));
  EXPECT_THAT(summary, HasSubstr("\"not_run\":\"\""));
  EXPECT_THAT(summary, HasSubstr("\"reproduce\":\"./keelson sim scenarios/mine/restless.textproto --seed "));
  EXPECT_THAT(summary, HasSubstr("\"shrink\":\"./keelson shrink scenarios/mine/restless.textproto --seed "));
}

TEST_F(CampaignTest, WhatAKilledCampaignLeftIsGoneOnWith) {
  sim("scenarios --seeds 1..30 --out whole");
  {
    test::Process killed(
        {"/bin/sh", "-c",
         "cd " + dir_.path() + " && exec " + keelson + " sim scenarios --seeds 1..30 --out night --jobs 1"});
    for (int i = 0; i < 2000 && (!fs::exists(dir_ / "night/results.jsonl") || results("night").size() < 5); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    killed.kill(SIGKILL);
    killed.wait();
  }
  const auto before = results("night").size();
  ASSERT_GE(before, 5u);
  ASSERT_LT(before, 60u) << "it was over before it was killed";
  std::ofstream(dir_ / "night/results.jsonl", std::ios::app) << "{\"file\":\"scenarios/mi";
  const auto result = sim("scenarios --seeds 1..30 --out night --resume");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("a last line of 21 bytes was cut off; its run is run again"));
  EXPECT_THAT(result.out, HasSubstr("goes on: " + std::to_string(before) + " of 60 runs are there"));
  EXPECT_EQ(results("night"), results("whole"));
  const auto done = sim("scenarios --seeds 1..30 --out night --resume");
  EXPECT_EQ(done.exit_code, 3) << "the code is that of all runs, not of those that were left";
  EXPECT_EQ(results("night"), results("whole"));
}

TEST_F(CampaignTest, AnotherCampaignIsNotGoneOnWith) {
  sim("scenarios --seeds 1..2 --out night");
  const std::string kept = read("night/results.jsonl");
  const auto refused = [&](const std::string& arguments, const std::string& why) {
    const auto result = sim(arguments + " --out night --resume");
    EXPECT_EQ(result.exit_code, 65) << arguments;
    EXPECT_THAT(result.err, HasSubstr("keelson sim: night holds another campaign: " + why)) << arguments;
    EXPECT_EQ(read("night/results.jsonl"), kept);
  };
  refused("scenarios --seeds 1..2 --limits tiny", "limits: got tiny; there it is as each scenario says; name another");
  refused("scenarios --seeds 1..3", "seeds: got 1..3; there it is 1..2");
  refused("scenarios --seeds 1..2 --verify 1/1", "verify: got 1/1; there it is 1/8");
  refused("scenarios/mine/calm.textproto --seeds 1..2",
          "scenarios: scenarios/mine/restless.textproto is there, and was not asked for");
  write("calm", 21, "");
  refused("scenarios --seeds 1..2", "scenarios: scenarios/mine/calm.textproto has another text (digest ");
  write("calm", 20, "");
  change("night/campaign.json", "\"build\":\"keelson ", "\"build\":\"keelson 0.");
  refused("scenarios --seeds 1..2", "build: got keelson ");
}

TEST_F(CampaignTest, AFolderThatCanNotBeUsedIsSaidBeforeAnyRun) {
  test::write_file(dir_ / "file", "");
  fs::create_directories(dir_ / "full/of");
  sim("scenarios/mine/calm.textproto --seeds 1..1 --out night");
  const auto refused = [&](const std::string& arguments, int code, const std::string& why) {
    const auto result = sim("scenarios/mine/calm.textproto --seeds 1..1 " + arguments);
    EXPECT_EQ(result.exit_code, code) << arguments;
    EXPECT_THAT(result.err, HasSubstr(why)) << arguments;
    EXPECT_EQ(result.out, "") << arguments;
  };
  refused("--out file/night", 73, "keelson sim: cannot make the folder file/night: Not a directory");
  refused("--out /proc/nowhere", 73, "keelson sim: cannot make the folder /proc/nowhere: ");
  refused("--out full", 73, "full is not empty (of) and holds no campaign; name another folder");
  refused("--out night", 73, "night holds a campaign; --resume goes on with it, or name another folder");
  test::write_file(dir_ / "night/campaign.json", "{\"schema\":1,");
  refused("--out night --resume", 65, "night/campaign.json: at byte 13: ");
  refused("--resume", 64, "--resume goes on with the campaign in --out DIR; name the folder");
  refused("--shrink", 64, "--shrink writes into --out DIR; name the folder");
  refused("--out new --report r.html", 64, "--out keeps a campaign; --tape, --trace, --report");
}

TEST_F(CampaignTest, SeedsThatAreNoneAreRefused) {
  const auto refused = [&](const std::string& arguments, const std::string& why) {
    const auto result = sim("scenarios --out night " + arguments);
    EXPECT_EQ(result.exit_code, 64) << arguments;
    EXPECT_THAT(result.err, HasSubstr(why)) << arguments;
    EXPECT_FALSE(fs::exists(dir_ / "night"));
  };
  refused("--seeds 9..3", "--seeds: got 9..3, which is no seed at all: 9 is above 3; expected A..B with A <= B < 2^53");
  refused("--seeds ..", "--seeds: got ..; expected A..B");
  refused("--seeds 1-5", "--seeds: got 1-5; expected A..B");
  refused("", "--out keeps a campaign, whose seeds must be named: --seeds A..B");
  refused("--seeds 1..5 --shard 5/5", "--shard: got 5/5; expected I/N with I < N");
  refused("--seeds 1..5 --shard 0/6", "--shard: got 0/6; 5 seeds can't be cut into 6 parts");
  refused("--seed 1 --shard 0/1", "--shard cuts --seeds A..B into parts");
  refused("--seeds 1..5 --budget soon", "--budget: got soon; expected a duration such as 90s, 10m or 8h");
}

TEST_F(CampaignTest, DamageIsSaidWithItsLine) {
  sim("scenarios --seeds 1..3 --out night");
  std::istringstream in(read("night/results.jsonl"));
  std::string first, second, rest;
  std::getline(in, first);
  std::getline(in, second);
  std::getline(in, rest, '\0');
  const auto refused = [&](const std::string& text, const std::string& why) {
    test::write_file(dir_ / "night/results.jsonl", text);
    for (const std::string arguments : {"scenarios --seeds 1..3 --out night --resume", "merge night --out merged"}) {
      const auto result = sim(arguments);
      EXPECT_EQ(result.exit_code, 65) << arguments;
      EXPECT_THAT(result.err, HasSubstr("night/results.jsonl: line 2: " + why)) << arguments;
      EXPECT_EQ(read("night/results.jsonl"), text) << "it is left as it is";
      EXPECT_FALSE(fs::exists(dir_ / "merged"));
    }
  };
  std::string flipped = second;
  flipped[flipped.find("\"events\":") + 9] ^= 1;
  refused(first + "\n" + flipped + "\n" + rest, "its checksum is not that of its text");
  refused(first + "\n" + second.substr(0, 100) + "\n" + rest, "it does not end in a checksum");
  refused(first + "\n\n" + rest, "it does not end in a checksum");
}

TEST_F(CampaignTest, ABudgetEndsItAndSaysWhatWasNotRun) {
  const auto began = std::chrono::steady_clock::now();
  const auto result = sim("scenarios/mine/calm.textproto --seeds 1..9000000 --budget 1s --out night");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto runs = std::to_string(9'000'000 - results("night").size());
  EXPECT_THAT(result.out, HasSubstr("not run    " + runs + " of 9000000 runs: "));
  EXPECT_THAT(result.out, HasSubstr("..9000000\n"));
  EXPECT_THAT(read("night/summary.json"), HasSubstr("--seeds 1..9000000 --budget 1s --out night --resume\""));
}

TEST_F(CampaignTest, ADiskThatIsFullEndsItAndWhatWasWrittenStays) {
  const auto result =
      run_there("trap '' XFSZ; ulimit -f 100; " + keelson + " sim scenarios --seeds 1..400 --out night --verify 1/0");
  EXPECT_EQ(result.exit_code, 74) << result.out;
  EXPECT_THAT(result.err, HasSubstr("keelson sim: cannot write into night: "));
  const auto kept = results("night").size();
  EXPECT_LT(kept, 200u);
  const auto again = sim("scenarios --seeds 1..400 --out night --verify 1/0 --resume --budget 1s");
  EXPECT_THAT(again.err, HasSubstr("a last line of "));
  EXPECT_THAT(again.out, HasSubstr("goes on: " + std::to_string(kept - 1) + " of 800 runs are there"));
}

TEST_F(CampaignTest, TwoProcessesDoNotShareAFolder) {
  test::Process first({"/bin/sh", "-c",
                       "cd " + dir_.path() + " && exec " + keelson +
                           " sim scenarios --seeds 1..100000 --out night --jobs 1 >/dev/null"});
  for (int i = 0; i < 2000 && !fs::exists(dir_ / "night/results.jsonl"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto second = sim("scenarios --seeds 1..100000 --out night --resume");
  EXPECT_EQ(second.exit_code, 75);
  EXPECT_THAT(second.err, HasSubstr("night is in use by another process"));
  first.kill(SIGTERM);
  EXPECT_NE(first.wait(), -SIGTERM) << "it ends its runs and its summary";
  EXPECT_THAT(read("night/summary.json"), HasSubstr("\"go_on\":\"./keelson sim scenarios"));
}

TEST_F(CampaignTest, PartsMakeTheWhole) {
  sim("scenarios --seeds 11..20 --out whole");
  for (const std::string part : {"0", "1", "2"})
    sim("scenarios --seeds 11..20 --shard " + part + "/3 --out part" + part);
  EXPECT_THAT(read("part0/campaign.json"), HasSubstr("\"seeds\":[[11,13]]"));
  EXPECT_THAT(read("part2/campaign.json"), HasSubstr("\"seeds\":[[17,20]]"));
  const auto some = sim("merge part2 part0 --out some");
  EXPECT_THAT(some.out, HasSubstr("runs as expected"));
  EXPECT_THAT(read("some/campaign.json"), HasSubstr("\"seeds\":[[11,13],[17,20]]"));
  const auto result = sim("merge some part1 part0 --out merged");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.out, HasSubstr("twice      6 runs were in more than one folder, with the same trace"));
  EXPECT_EQ(results("merged"), results("whole"));
  EXPECT_THAT(read("merged/campaign.json"), HasSubstr("\"seeds\":[[11,20]]"));
  EXPECT_EQ(sim("merge part0 part0 --out merged").exit_code, 73);
}

// The command of each platform's file, once per index: three processes, and what they come to is what one comes to.
TEST_F(CampaignTest, TheFilesForFleetsMapAnIndexToSeeds) {
  for (const std::string file : {"kubernetes.yaml", "slurm.sh", "github.yml"}) {
    const auto result = run_there("KEELSON=" + keelson + " " KEELSON_SOURCE_DIR "/docs/fleet/local.sh " + file +
                                  " 3 1..7 fleet-" + file);
    EXPECT_EQ(result.exit_code, 0) << file << result.out << result.err;
    EXPECT_THAT(result.out, HasSubstr("same: 14 runs in 3 parts and in one, exit code 3"));
  }
}

TEST_F(CampaignTest, OnlyPartsOfOneCampaignAreMerged) {
  sim("scenarios --seeds 1..1 --out a");
  sim("scenarios --seeds 2..2 --limits tiny --out b");
  sim("scenarios/mine/calm.textproto --seeds 2..2 --out c");
  auto result = sim("merge a b --out merged");
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err,
              HasSubstr("b is another campaign than a: limits: got tiny; there it is as each scenario says"));
  result = sim("merge a c --out merged");
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("c is another campaign than a: scenarios: scenarios/mine/restless.textproto is"));
  result = sim("merge a nothing --out merged");
  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("nothing holds no campaign: nothing/campaign.json: No such file or directory"));
  result = sim("merge --out merged");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_FALSE(fs::exists(dir_ / "merged"));
}

// Two builds that call themselves the same and are not: the scenario differs, and both plans say it doesn't.
TEST_F(CampaignTest, AnotherTraceOfTheSameRunIsNondeterminism) {
  sim("scenarios/mine/calm.textproto --seeds 1..2 --out a");
  write("calm", 25, "");
  sim("scenarios/mine/calm.textproto --seeds 2..3 --out b");
  fs::copy_file(dir_ / "a/campaign.json", dir_ / "b/campaign.json", fs::copy_options::overwrite_existing);
  change("b/campaign.json", "\"seeds\":[[1,2]]", "\"seeds\":[[2,3]]");
  const auto result = sim("merge a b --out merged");
  EXPECT_EQ(result.exit_code, 4) << result.err;
  EXPECT_THAT(result.out, HasSubstr("nondeterministic determinism.two_hashes"));
  EXPECT_THAT(result.out, HasSubstr("twice      1 run was in more than one folder, 1 with another trace"));
  EXPECT_THAT(read("merged/results.jsonl"), HasSubstr("\"detail\":\"a has trace hash "));
}

TEST_F(CampaignTest, TheFirstOfEachSignatureIsShrunkOnRequest) {
  const auto result = sim("scenarios --seeds 1..6 --out night --shrink");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(read("night/summary.json"), HasSubstr("\"shrunk\":\"shrunk/liveness_view_changes_"));
  const auto again = run_there("cd night && " + keelson + " sim shrunk");
  EXPECT_THAT(again.out, HasSubstr("liveness.view_changes"));
  // What is there already is not shrunk again.
  EXPECT_THAT(sim("scenarios --seeds 1..6 --out night --shrink --resume").err, Not(HasSubstr("shrinks")));
}

TEST_F(CampaignTest, ItsPageChecksItselfInABrowser) {
  KEELSON_PAGE_NEEDS("chromium");
  sim("scenarios --seeds 1..6 --out failing");
  sim("scenarios/mine/calm.textproto --seeds 1..3 --out clean");
  for (const std::string folder : {"failing", "clean"})
    EXPECT_THAT(test::told_by_page(dir_.path(), folder + "/index.html"), StartsWith("PASSED")) << folder;
}

}  // namespace
}  // namespace keelson
