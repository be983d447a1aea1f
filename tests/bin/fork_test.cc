// `keelson fork`: what it counts, what can be done with one of its futures, and what it refuses.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "keelson/sim/histories/datum.h"
#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::run;
using testing::HasSubstr;

const std::string keelson = KEELSON_COMMAND;

// A partition keeps two replicas from committing: no future of the second phase is any better.
class ForkTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_file(dir_ / "no_quorum.textproto",
                     "name: \"no_quorum\" cluster { replicas: 2 clients: 2 } workload { kv {} requests: 500 } "
                     "network { loss_ppm: 1000 mode: MIXED } phase { name: 'calm' duration_ms: 2000 } "
                     "phase { name: 'cut' duration_ms: 5000 expect_progress_within_ms: 3000 partition { of: ONE } } "
                     "background: NONE\n");
  }
  test::Finished run_there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + keelson + " " + command_line});
  }
  static std::string found(const std::string& text, const std::string& pattern) {
    std::smatch match;
    return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : "nothing like " + pattern;
  }
  test::TempDir dir_;
};

TEST_F(ForkTest, CountsWhatBecomesOfARunFromEachPoint) {
  const auto result = run_there("fork no_quorum.textproto --seed 3 --forks 3 --points 2");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("no_quorum  seed 3: "));
  EXPECT_THAT(result.out, HasSubstr("liveness  liveness.progress"));
  EXPECT_THAT(result.out, testing::ContainsRegex("start +0 +0 +3 +3 +100 % .44 % to 100 %.  liveness.progress 3"));
  EXPECT_THAT(result.out, testing::ContainsRegex("2/2 +[0-9]+ +[0-9]+ +3 +3 +100 %"));
  EXPECT_THAT(result.out, HasSubstr("one of them: ./keelson sim no_quorum.textproto --seed 3 --fork 0:1\n"));
}

TEST_F(ForkTest, OneFutureIsARunLikeAnyOther) {
  const std::string one = "sim no_quorum.textproto --seed 3 --fork 2000:7 ";
  const auto first = run_there(one + "--json"), again = run_there(one + "--json"),
             whole = run_there("sim no_quorum.textproto --seed 3 --json");
  const std::string hash = "\"trace_hash\": ?\"([0-9a-f]+)\"";
  EXPECT_EQ(first.exit_code, 3);
  EXPECT_THAT(first.out, HasSubstr("--seed 3 --fork 2000:7"));
  EXPECT_EQ(found(first.out, hash), found(again.out, hash));
  EXPECT_NE(found(first.out, hash), found(whole.out, hash));
  const auto taped = run_there(one + "--tape fork.ktape");
  const auto replayed = run_there("replay fork.ktape --json");
  EXPECT_EQ(replayed.exit_code, 3) << taped.err << replayed.err;
  EXPECT_EQ(found(replayed.out, hash), found(first.out, hash)) << "the tape has all of it";
}

TEST_F(ForkTest, MarksAreWhereTheKernelGotThereFirst) {
  const auto result = run_there("fork no_quorum.textproto --seed 3 --forks 1 --marks --json");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"after\":\"vsr_became_primary\""));
  EXPECT_THAT(result.out, HasSubstr("\"verdict\":\"liveness\""));
}

TEST_F(ForkTest, SaysWhatIsWrong) {
  const auto no_seed = run_there("fork no_quorum.textproto");
  EXPECT_EQ(no_seed.exit_code, 64);
  EXPECT_EQ(no_seed.err, "keelson fork: which run? --seed N\ntry: keelson fork --help\n");
  EXPECT_EQ(run_there("fork no_quorum.textproto --seed 3 --forks 0").exit_code, 64);
  EXPECT_EQ(run_there("fork no_quorum.textproto --seed 3 --marks --at 5").exit_code, 64);
  EXPECT_EQ(run_there("fork nowhere.textproto --seed 3").exit_code, 65);
  const auto too_far = run_there("fork no_quorum.textproto --seed 3 --at 100 --at 99999999");
  EXPECT_EQ(too_far.exit_code, 64);
  EXPECT_THAT(too_far.err, testing::ContainsRegex("--at: got 99999999; the run has only [0-9]+ events"));
  EXPECT_THAT(run_there("sim no_quorum.textproto --seed 3 --fork 99999999:1").err,
              testing::ContainsRegex("not forked: the run ended at event [0-9]+, before 99999999\n$"));
  EXPECT_THAT(run_there("sim no_quorum.textproto --seed 3 --fork 5").err,
              HasSubstr("--fork: got 5; expected EVENT:SEED, such as 51200:3"));
  EXPECT_THAT(run_there("sim no_quorum.textproto --fork 5:1").err,
              HasSubstr("--fork goes on with a run that must be named"));
}

}  // namespace
}  // namespace keelson
