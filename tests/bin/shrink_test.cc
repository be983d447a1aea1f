// `keelson shrink` and `keelson replay`: what they leave, what they say, and what they refuse.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

namespace fs = std::filesystem;
using test::run;
using testing::HasSubstr;
using testing::Not;

const std::string keelson = KEELSON_COMMAND;

// Two replicas that a partition keeps from committing.
const std::string no_quorum =
    "cluster { replicas: 2 clients: 2 } workload { kv {} requests: 500 } network { loss_ppm: 1000 mode: MIXED } "
    "phase { name: 'calm' duration_ms: 2000 } "
    "phase { name: 'cut' duration_ms: 5000 expect_progress_within_ms: 3000 partition { of: ONE } } background: NONE";

class ShrinkTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_file(dir_ / "no_quorum.textproto", "name: \"no_quorum\" " + no_quorum + "\n");
    test::write_file(dir_ / "fine.textproto",
                     "name: \"fine\" workload { kv {} requests: 5 } phase { name: 'p' duration_ms: 100 }\n");
  }
  test::Finished run_there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + keelson + " " + command_line});
  }
  std::string record(const std::string& scenario, const std::string& tape) const {
    run_there("sim " + scenario + " --seed 3 --tape " + tape);
    std::ifstream in(dir_ / tape, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    return bytes.str();
  }
  std::string only_file(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_ / folder)) names.push_back(entry.path().filename());
    EXPECT_EQ(names.size(), 1u);
    return names.empty() ? "" : names[0];
  }
  test::TempDir dir_;
};

TEST_F(ShrinkTest, LeavesAScenarioThatFailsTheSameWayWithoutASeed) {
  const auto result = run_there("shrink no_quorum.textproto --seed 3 --runs 150 --out shrunk");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("failure    liveness liveness.progress"));
  EXPECT_THAT(result.out, HasSubstr("again      ./keelson sim shrunk/liveness_progress_"));
  const std::string file = "shrunk/" + only_file("shrunk");
  for (const std::string how : {"--seed 1", "--seed 77", "--seed 5 --verify 1/1"}) {
    const auto again = run_there("sim " + file + " " + how);
    EXPECT_EQ(again.exit_code, 3);
    EXPECT_THAT(again.out, HasSubstr("liveness.progress"));
    EXPECT_THAT(again.out, HasSubstr("again      ./keelson sim " + file + "\n"));
  }
  EXPECT_THAT(run_there("sim --list shrunk").out,
              HasSubstr("Was liveness liveness.progress. Found by no_quorum, seed 3"));
}

TEST_F(ShrinkTest, ATapeShrinksToTheSameAsItsSeed) {
  record("no_quorum.textproto", "run.ktape");
  const auto result = run_there("shrink run.ktape --runs 60 --json --out tape");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"signature\":\"liveness liveness.progress\""));
  EXPECT_THAT(result.out, HasSubstr("\"reproduced\":true"));
  run_there("shrink no_quorum.textproto --seed 3 --runs 60 --out seed");
  const auto below_comment = [&](const std::string& folder) {
    std::ifstream in(dir_ / (folder + "/" + only_file(folder)));
    std::string text, line;
    while (std::getline(in, line))
      if (line.empty() || line[0] != '#') text += line + "\n";
    return text;
  };
  EXPECT_EQ(below_comment("tape"), below_comment("seed"));
}

TEST_F(ShrinkTest, SaysWhatIsMissingOrWrong) {
  struct Case {
    const char* line;
    int exit_code;
    const char* says;
  };
  for (const Case& c :
       {Case{"no_quorum.textproto", 64, "which run? --seed N"},
        Case{"no_quorum.textproto --seed 3 --limits huge", 64, "expected standard or tiny"},
        Case{"no_quorum.textproto --seed 3 --budget soon", 64, "not a duration: soon"},
        Case{". --seed 3", 64, "a folder of several scenarios"}, Case{"nowhere.textproto --seed 3", 65, "no such file"},
        Case{"nowhere.ktape", 65, "cannot read nowhere.ktape"},
        Case{"fine.textproto --seed 3 --out out", 5, "nothing to shrink: this run ends with ok"},
        Case{"no_quorum.textproto --seed 3 --out /proc/nothing", 73, "cannot write into /proc/nothing"}}) {
    const auto result = run_there(std::string("shrink ") + c.line);
    EXPECT_EQ(result.exit_code, c.exit_code) << c.line;
    EXPECT_THAT(result.err, HasSubstr(c.says)) << c.line;
  }
}

TEST_F(ShrinkTest, DamagedTapesAreRefusedWithTheReason) {
  const std::string good = record("fine.textproto", "good.ktape");
  ASSERT_GT(good.size(), 1000u);
  const auto refused = [&](const std::string& bytes, const std::string& why) {
    test::write_file(dir_ / "bad.ktape", bytes);
    for (const std::string command : {"replay bad.ktape", "replay bad.ktape --print", "shrink bad.ktape"}) {
      const auto result = run_there(command);
      EXPECT_EQ(result.exit_code, 65) << command;
      EXPECT_THAT(result.err, HasSubstr(why)) << command;
    }
  };
  refused(good.substr(0, good.size() / 2), "the file is damaged or cut");
  refused(good.substr(0, 40), "the file ends before the header does");
  refused("", "not a tape");
  std::string changed = good;
  changed[good.size() / 2] = static_cast<char>(changed[good.size() / 2] ^ 1);
  refused(changed, "the file is damaged or cut");
  changed = good;
  changed[4] = 9;
  refused(changed, "format 9; this build reads format 1");
}

TEST_F(ShrinkTest, AReplaySaysWhatCameOfIt) {
  record("no_quorum.textproto", "run.ktape");
  const auto again = run_there("replay run.ktape");
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_THAT(again.out, HasSubstr("replay     reproduced, strictly"));
  const auto until = run_there("replay run.ktape --until 3000");
  EXPECT_EQ(until.exit_code, 0);
  EXPECT_THAT(until.out, HasSubstr("node 1\n  group 1: normal, view 0, log view 0, head op "));
  EXPECT_THAT(until.out, HasSubstr("(3000 events)"));
  EXPECT_THAT(until.out, Not(HasSubstr("reproduced")));
  const auto printed = run_there("replay run.ktape --print --stream work/c0");
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.out, HasSubstr("scenario   no_quorum, seed 3"));
  EXPECT_THAT(printed.out, HasSubstr("  work.key "));
  EXPECT_THAT(printed.out, Not(HasSubstr("net.delay")));
  const auto unwritable = run_there("replay run.ktape --trace /proc/nothing");
  EXPECT_EQ(unwritable.exit_code, 73);
}

}  // namespace
}  // namespace keelson
