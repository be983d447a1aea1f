// keelson bench on real files: it ends, says its figures, and leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::run;
using test::TempDir;
using testing::HasSubstr;
using testing::IsEmpty;

class Bench : public testing::Test {
 protected:
  const TempDir dir;
};

TEST_F(Bench, RecoveryReadsALogThatItWrote) {
  const auto result =
      run({KEELSON_COMMAND, "bench", "recovery", "--data", dir.path(), "--log-mib", "8", "--groups", "20", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  EXPECT_THAT(result.out, HasSubstr("\"bench\":\"recovery\",\"log_mib\":8,\"groups\":20,"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST_F(Bench, AStateIsTransferredToAnEmptyNode) {
  const auto result = run({KEELSON_COMMAND, "bench", "transfer", "--data", dir.path(), "--state-mib", "96"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("MiB to an empty node in "));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST_F(Bench, AFolderThatIsNotThereIsNamed) {
  const auto result = run({KEELSON_COMMAND, "bench", "log", "--data", dir / "none"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("Directory does not exist: " + dir / "none"));
}

}  // namespace
}  // namespace keelson
