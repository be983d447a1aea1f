// What a process ends with when its shard refuses to run.
#include "keelson/io/runtime_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keelson::io {
namespace {

TEST(RefusalOf, TellsDamageFromAFailingDiskAndFromAnotherNodesFile) {
  const auto exit_code = [](const char* code) { return refusal_of({code, "why", {}}, "file").exit_code; };
  EXPECT_EQ(exit_code("superblock_write_failed"), 74);
  EXPECT_EQ(exit_code("log_write_failed"), 74);
  EXPECT_EQ(exit_code("damaged_superblock"), 65);
  EXPECT_EQ(exit_code("version_too_new"), 65);
  EXPECT_EQ(exit_code("wrong_node"), 78);
  EXPECT_EQ(exit_code("limits_mismatch"), 78);
}

TEST(RefusalOf, SaysTheCodeInCapitalsAndFillsTheNumbersIn) {
  const Refusal refusal = refusal_of({"wrong_node", "made for node {0}, not {1}", {3, 4}}, "file");
  ASSERT_EQ(refusal.problems.size(), 1u);
  EXPECT_THAT(to_string(refusal.problems[0]), testing::HasSubstr("file: WRONG_NODE: made for node 3, not 4"));
}

}  // namespace
}  // namespace keelson::io
