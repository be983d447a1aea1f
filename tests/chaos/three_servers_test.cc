// Three real servers on loopback, killed for real: every acknowledged write is there afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/lib/io/real_cluster.h"

namespace keelson {
namespace {

using test::Process;
using test::RealCluster;
using testing::HasSubstr;

bool is_ok(const std::string& line) { return line.rfind("{\"ok\":true,", 0) == 0; }

class ThreeServers : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cluster_.written.exit_code, 0) << cluster_.written.err;
    ASSERT_TRUE(cluster_.start_all()) << cluster_.failure;
  }

  // One put through a shell that stays open; what was acknowledged is remembered.
  void put(Process& shell, const std::string& key, const std::string& value) {
    shell.write("put " + key + " " + value + "\n");
    const auto line = shell.read_line();
    ASSERT_TRUE(line) << "no answer to put " << key << "; " << shell.read_errors();
    if (is_ok(*line)) {
      acknowledged_[key] = value;
    } else {
      ++failed_;
      last_failure_ = *line;
    }
  }
  void put_some(Process& shell, int count) {
    for (int i = 0; i < count && !HasFatalFailure(); ++i) {
      const std::string number = std::to_string(next_++);
      put(shell, "key" + number, "value" + number);
    }
  }
  // A counter that only a compare-and-swap moves: executed twice, or not at all, it would stand elsewhere.
  void count_up(Process& shell, int times) {
    for (int i = 0; i < times; ++i, ++counter_) {
      const std::string from = counter_ ? std::to_string(counter_) : "null";
      shell.write("cas counter " + from + " " + std::to_string(counter_ + 1) + "\n");
      const auto line = shell.read_line();
      ASSERT_TRUE(line);
      ASSERT_THAT(*line, HasSubstr("\"swapped\":true")) << "at " << counter_;
    }
  }
  void expect_all_there() {
    Process shell = cluster_.shell();
    for (const auto& [key, value] : acknowledged_) {
      shell.write("get " + key + "\n");
      const auto line = shell.read_line();
      ASSERT_TRUE(line) << key;
      ASSERT_THAT(*line, HasSubstr("{\"ok\":true,\"value\":\"" + value + "\"")) << key;
    }
    shell.write("get counter\n");
    const auto line = shell.read_line();
    ASSERT_TRUE(line);
    ASSERT_THAT(*line, HasSubstr("\"value\":\"" + std::to_string(counter_) + "\""));
  }

  RealCluster cluster_{KEELSON_COMMAND, 3};
  std::map<std::string, std::string> acknowledged_;
  int next_ = 0;
  int counter_ = 0;
  int failed_ = 0;
  std::string last_failure_;
};

TEST_F(ThreeServers, EveryAcknowledgedWriteOutlivesKilledServers) {
  Process shell = cluster_.shell();
  put_some(shell, 200);
  count_up(shell, 20);
  const int primary = cluster_.primary();
  ASSERT_GE(primary, 0);

  cluster_.kill(primary, SIGKILL);
  put_some(shell, 200);
  count_up(shell, 20);
  EXPECT_EQ(failed_, 0) << "the shell outlives a failover: " << last_failure_;
  expect_all_there();

  ASSERT_TRUE(cluster_.start(primary)) << cluster_.failure;
  put_some(shell, 50);
  for (int node = 0; node < 3; ++node) cluster_.kill(node, SIGKILL);
  ASSERT_TRUE(cluster_.start_all()) << cluster_.failure;
  expect_all_there();
  put_some(shell, 50);
  count_up(shell, 5);
  expect_all_there();
  shell.close_input();
  EXPECT_EQ(shell.wait(), 0);
  for (int node = 0; node < 3; ++node) {
    cluster_.server(node)->kill(SIGTERM);
    EXPECT_EQ(cluster_.server(node)->wait(), 0);
  }
}

TEST_F(ThreeServers, AKillDuringWritesLosesNothingAcknowledged) {
  for (int round = 0; round < 3; ++round) {
    Process shell = cluster_.shell();
    std::string commands;
    const int first = next_;
    for (int i = 0; i < 300; ++i, ++next_)
      commands += "put key" + std::to_string(next_) + " value" + std::to_string(next_) + "\n";
    shell.write(commands);
    shell.close_input();
    // Dies in the middle of answering.
    for (int i = 0; i < 100; ++i) {
      const auto line = shell.read_line();
      ASSERT_TRUE(line);
      if (is_ok(*line)) acknowledged_["key" + std::to_string(first + i)] = "value" + std::to_string(first + i);
    }
    const int primary = cluster_.primary();
    cluster_.kill(primary, SIGKILL);
    for (int i = 100; i < 300; ++i) {
      const auto line = shell.read_line();
      ASSERT_TRUE(line) << i;
      if (is_ok(*line)) acknowledged_["key" + std::to_string(first + i)] = "value" + std::to_string(first + i);
    }
    ASSERT_TRUE(cluster_.start(primary)) << cluster_.failure;
  }
  EXPECT_EQ(acknowledged_.size(), 900u);
  Process shell = cluster_.shell();
  count_up(shell, 1);
  expect_all_there();
}

TEST_F(ThreeServers, WithoutAMajorityNothingIsAcknowledged) {
  Process shell({KEELSON_COMMAND, "shell", "--cluster", cluster_.addresses(), "--timeout", "1s"});
  put_some(shell, 5);
  cluster_.kill(0, SIGKILL);
  cluster_.kill(1, SIGKILL);
  shell.write("put lost 1\n");
  const auto line = shell.read_line();
  ASSERT_TRUE(line);
  EXPECT_THAT(*line, HasSubstr("\"ok\":false,\"error\":\"UNAVAILABLE\""));
  ASSERT_TRUE(cluster_.start(0)) << cluster_.failure;
  for (int i = 0; i < 20 && failed_ == i; ++i) put(shell, "again", std::to_string(i));
  EXPECT_TRUE(acknowledged_.contains("again")) << "two of three serve";
}

}  // namespace
}  // namespace keelson
