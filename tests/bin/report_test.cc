// `--report`: the file, what it says where it can't be written, and the page in a browser, where there is one.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/io/browser.h"
#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

namespace fs = std::filesystem;
using test::run;
using testing::HasSubstr;
using testing::StartsWith;

const std::string keelson = KEELSON_COMMAND;
const std::string report_folder = KEELSON_SOURCE_DIR "/sim/report";

class ReportTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_file(dir_ / "calm.textproto",
                     "name: \"calm\" cluster { replicas: 3 clients: 2 limits: TINY } workload { kv {} requests: 30 } "
                     "phase { name: 'p' duration_ms: 500 partition { every_ms: 100 for_ms: 20 } }\n");
  }
  test::Finished run_there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + command_line});
  }
  // What the command prints, or nothing where there is no such program.

  test::TempDir dir_;
};

std::string hash_of(const test::Finished& result) {
  const auto from = result.out.find("\"trace_hash\":");
  return from == std::string::npos ? "no hash: " + result.out + result.err : result.out.substr(from, 50);
}

TEST_F(ReportTest, IsWrittenAndChangesNothing) {
  const auto without = run_there(keelson + " sim calm.textproto --seed 4 --json --verify 1/0");
  const auto with = run_there(keelson + " sim calm.textproto --seed 4 --json --report out.html --trace t.jsonl");
  EXPECT_EQ(with.exit_code, 0) << with.err;
  EXPECT_EQ(hash_of(with), hash_of(without));
  EXPECT_GT(fs::file_size(dir_ / "out.html"), 50'000u);
  EXPECT_GT(fs::file_size(dir_ / "t.jsonl"), 50'000u);
}

TEST_F(ReportTest, OfAReplayToo) {
  run_there(keelson + " sim calm.textproto --seed 4 --tape run.ktape");
  const auto result = run_there(keelson + " replay run.ktape --report out.html");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("reproduced, strictly"));
  EXPECT_GT(fs::file_size(dir_ / "out.html"), 50'000u);
}

TEST_F(ReportTest, APathThatCanNotBeWrittenIsSaidBeforeTheRun) {
  run_there(keelson + " sim calm.textproto --seed 4 --tape run.ktape");
  for (const std::string what : {"sim calm.textproto --seed 4", "replay run.ktape"}) {
    const auto result = run_there(keelson + " " + what + " --report nowhere/out.html");
    EXPECT_EQ(result.exit_code, 73);
    EXPECT_THAT(result.err, HasSubstr("cannot write nowhere/out.html: No such file or directory"));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(ReportTest, ShowsOneRun) {
  const auto result = run_there(keelson + " sim calm.textproto --seeds 1..2 --report out.html");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--report writes a single run; got 1 scenario, seeds 1..2"));
  EXPECT_FALSE(fs::exists(dir_ / "out.html"));
}

TEST_F(ReportTest, ExportsAreWhatTheirViewersRead) {
  const auto shiviz = run_there(keelson + " sim calm.textproto --seed 4 --export shiviz out.log");
  EXPECT_EQ(shiviz.exit_code, 0) << shiviz.err;
  const std::string log = run_there("head -4 out.log").out;
  EXPECT_THAT(log, StartsWith("(?<event>.*)\\n(?<host>\\S*) (?<clock>{.*})\n\nspawn boot 1\nnode_0 {\"node_0\":1}\n"));
  const auto perfetto = run_there(keelson + " sim calm.textproto --seed 4 --export perfetto out.json");
  EXPECT_EQ(perfetto.exit_code, 0) << perfetto.err;
  EXPECT_THAT(run_there("head -1 out.json").out, StartsWith("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["));
  const auto wrong = run_there(keelson + " sim calm.textproto --seed 4 --export dot out.dot");
  EXPECT_EQ(wrong.exit_code, 64);
  EXPECT_THAT(wrong.err, HasSubstr("--export: got dot; expected shiviz or perfetto, and a file"));
}

TEST_F(ReportTest, ItsScriptParses) {
  KEELSON_PAGE_NEEDS("node");
  const auto result = run_there("cat " + report_folder + "/*.js > all.js && node --check all.js");
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ReportTest, ThePageChecksItselfInABrowser) {
  KEELSON_PAGE_NEEDS("chromium");
  ASSERT_EQ(run_there(keelson + " sim calm.textproto --seed 4 --report out.html").exit_code, 0);
  EXPECT_THAT(test::told_by_page(dir_.path(), "out.html"), StartsWith("PASSED"));
}

}  // namespace
}  // namespace keelson
