// `--history` of sim and replay, and `keelson check`: exit codes, what is said, and that both forms are judged alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::run;
using testing::HasSubstr;

const std::string keelson = KEELSON_COMMAND;

class HistoryTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_file(dir_ / "calm.textproto",
                     "name: \"calm\" cluster { replicas: 3 clients: 2 limits: TINY } workload { kv {} requests: 30 } "
                     "phase { name: 'p' duration_ms: 500 }\n");
  }
  test::Finished there(const std::string& command_line) const {
    return run({"/bin/sh", "-c", "cd " + dir_.path() + " && " + keelson + " " + command_line});
  }
  test::TempDir dir_;
};

TEST_F(HistoryTest, OfARunIsWrittenReplayedAndJudged) {
  ASSERT_EQ(there("sim calm.textproto --seed 4 --history run.edn --tape run.ktape").exit_code, 0);
  ASSERT_EQ(there("replay run.ktape --history again.edn").exit_code, 0);
  ASSERT_EQ(there("replay run.ktape --history again.jsonl").exit_code, 0);
  EXPECT_EQ(run({"/bin/sh", "-c", "cmp " + (dir_ / "run.edn") + " " + (dir_ / "again.edn")}).exit_code, 0);
  for (const char* file : {"run.edn", "again.jsonl"}) {
    const auto judged = there(std::string("check ") + file);
    EXPECT_EQ(judged.exit_code, 0) << judged.err;
    EXPECT_THAT(judged.out, HasSubstr("16 keys: an order exists for each"));
  }
}

TEST_F(HistoryTest, AViolationIsExitCode2AndShown) {
  test::write_file(dir_ / "stale.jsonl",
                   "{\"client\":0,\"call\":1,\"return\":2,\"op\":\"write\",\"key\":\"k\",\"input\":\"a\"}\n"
                   "{\"client\":1,\"call\":3,\"return\":4,\"op\":\"read\",\"key\":\"k\",\"output\":null}\n");
  const auto judged = there("check stale.jsonl");
  EXPECT_EQ(judged.exit_code, 2);
  EXPECT_THAT(judged.out, HasSubstr("key k: the answer to call 2 of client 1 (read: none) fits no order"));
  EXPECT_THAT(judged.out, HasSubstr("> 2 "));
  const auto json = there("check stale.jsonl --json");
  EXPECT_EQ(json.exit_code, 2);
  EXPECT_THAT(json.out, HasSubstr("\"verdict\":\"safety\""));
}

TEST_F(HistoryTest, WhatCanNotBeJudgedIsSaid) {
  test::write_file(dir_ / "bad.edn", "\n{:process 0 :type :invoke :f :push :key 1}\n");
  const auto bad = there("check bad.edn");
  EXPECT_EQ(bad.exit_code, 65);
  EXPECT_EQ(bad.err, "bad.edn:2: f: got :push; expected read, write, delete or cas\n");
  EXPECT_EQ(there("check none.edn").exit_code, 65);
  EXPECT_EQ(there("check calm.textproto").exit_code, 64);
  EXPECT_EQ(there("check bad.edn --model graph").exit_code, 64);
}

TEST_F(HistoryTest, AnotherExtensionAndAPathThatCanNotBeWritten) {
  const auto other = there("sim calm.textproto --seed 4 --history run.txt");
  EXPECT_EQ(other.exit_code, 64);
  EXPECT_THAT(other.err, HasSubstr("--history: got run.txt; expected a name that ends in .edn"));
  EXPECT_EQ(there("sim calm.textproto --seed 4 --history nowhere/run.edn").exit_code, 73);
  EXPECT_EQ(there("sim calm.textproto --seeds 1..2 --history run.edn").exit_code, 64);
  EXPECT_EQ(there("replay run.ktape --history run").exit_code, 64);
}

}  // namespace
}  // namespace keelson
