// `keelson sim`: how runs are repeated, what is kept of them, and what it says where it can't run.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

namespace fs = std::filesystem;
using test::run;
using testing::HasSubstr;

const std::string keelson = KEELSON_COMMAND;

// Can't be met, so that the run ends with a command that repeats it.
const std::string unmet =
    "workload { kv {} requests: 20 } phase { name: 'p' duration_ms: 500 } expect { commits_min: 9999 }";

class SimTest : public testing::Test {
 protected:
  // In the temporary folder, which is in no checkout.
  test::Finished run_there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + command_line});
  }
  std::string write(const std::string& folder, const std::string& name, const std::string& text) const {
    fs::create_directories(dir_ / folder);
    test::write_file(dir_ / (folder + "/" + name + ".textproto"), "name: \"" + name + "\" " + text + "\n");
    return folder + "/" + name + ".textproto";
  }
  static std::string between(const std::string& text, const std::string& begin, const std::string& end) {
    const auto from = text.find(begin);
    if (from == std::string::npos) return "no " + begin + " in " + text;
    return text.substr(from + begin.size(), text.find(end, from + begin.size()) - from - begin.size());
  }
  static std::string hash_of(const test::Finished& result) { return between(result.out, "\"trace_hash\":\"", "\""); }
  static std::string reproduce_of(const test::Finished& result) {
    return between(result.out, "\"reproduce\":\"./keelson ", "\"");
  }

  test::TempDir dir_;
};

TEST_F(SimTest, TheCommandOfAFailureRepeatsItWithTheFlagsThatWereGiven) {
  const std::string file = write("mine", "swarm", "swarm { on: true } " + unmet);
  for (const std::string flags : {"", " --limits tiny"}) {
    const auto first = run_there(keelson + " sim --json --verify 1/0 " + file + " --seed 3" + flags);
    EXPECT_EQ(first.exit_code, 5) << first.err;
    EXPECT_EQ(reproduce_of(first), "sim " + file + " --seed 3" + flags);
    const auto again = run_there(keelson + " " + reproduce_of(first) + " --json --verify 1/0");
    EXPECT_EQ(hash_of(again), hash_of(first));
  }
}

TEST_F(SimTest, CommonMarksThatNoRunReachedAreSaidAndFailIt) {
  const std::string file =
      write("mine", "short", "workload { kv {} requests: 20 } phase { name: 'p' duration_ms: 500 }");
  const auto plain = run_there(keelson + " sim " + file + " --seeds 1..2");
  EXPECT_EQ(plain.exit_code, 0) << plain.out;
  const auto judged = run_there(keelson + " sim " + file + " --seeds 1..2 --common-marks");
  EXPECT_EQ(judged.exit_code, 5);
  EXPECT_THAT(judged.out, HasSubstr("\nmarks      no run has reached wal_wrapped\n"));
  EXPECT_THAT(judged.out, testing::Not(HasSubstr("reached vsr_became_primary")));
  const auto json = run_there(keelson + " sim " + file + " --seeds 1..2 --common-marks --json");
  EXPECT_THAT(json.out, HasSubstr("{\"common_marks_missed\":["));
}

TEST_F(SimTest, SeveralRunsLeaveNoTapeAndNoTrace) {
  const std::string one = write("mine", "one", unmet);
  write("mine", "two", unmet);
  auto result = run_there(keelson + " sim " + one + " --seeds 1..2 --tape t.ktape");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--tape writes a single run; got 1 scenario, seeds 1..2; expected one file, and "
                                    "--seed N instead of --seeds"));
  result = run_there(keelson + " sim mine --seed 1 --trace t.jsonl");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--trace writes a single run; got 2 scenarios, seeds 1..1"));
  EXPECT_FALSE(fs::exists(dir_ / "t.ktape"));
  EXPECT_FALSE(fs::exists(dir_ / "t.jsonl"));
}

TEST_F(SimTest, ReportsOfDifferentRunsAreDifferentFiles) {
  const std::string a = write("a", "same", unmet), b = write("b", "same", unmet);
  for (const std::string& what : {a + " --seed 1", a + " --seed 2", b + " --seed 1", a + " --seed 1 --limits tiny"})
    run_there(keelson + " sim --verify 1/0 " + what);
  for (const char* name : {"a-same-1", "a-same-2", "b-same-1", "a-same-1-tiny"})
    EXPECT_TRUE(fs::exists(dir_ / ("keelson-reports/" + std::string(name) + ".json"))) << name;
}

TEST_F(SimTest, InsideOfACheckoutReportsStayBesideTheBuild) {
  fs::create_directories(dir_ / "sim");
  test::write_file(dir_ / "sim/scenario.proto", "");
  write("scenarios", "mine", unmet);
  run_there("cd scenarios && " + keelson + " sim --verify 1/0 mine.textproto --seed 1");
  EXPECT_TRUE(fs::exists(dir_ / "build/reports/mine-1.json"));
}

TEST_F(SimTest, WithoutScenariosItSaysWhereItLooked) {
  fs::create_directories(dir_ / "install/bin");
  fs::copy(keelson, dir_ / "install/bin/keelson");
  for (const char* arguments : {"sim --list", "sim"}) {
    const auto result = run_there("install/bin/keelson " + std::string(arguments));
    EXPECT_EQ(result.exit_code, 65);
    EXPECT_THAT(result.err, HasSubstr("no scenarios: neither " + dir_.path() + "/scenarios nor /"));
    EXPECT_THAT(result.err, HasSubstr("name a file or a folder, or run it in a checkout of keelson"));
  }
}

}  // namespace
}  // namespace keelson
