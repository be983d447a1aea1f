// A command line that can't be run teaches, and ends with 64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/io/process.h"

namespace keelson {
namespace {

using test::run;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Usage, NoArgumentsShowWhatThereIs) {
  const auto result = run({KEELSON_COMMAND});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.out, IsEmpty());
  for (const char* command : {"server", "format", "playground", "kv", "shell", "inspect", "repair", "version"})
    EXPECT_THAT(result.err, HasSubstr(command));
}

TEST(Usage, HelpIsAnAnswerNotAnError) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{KEELSON_COMMAND, "--help"},
                                                    {KEELSON_COMMAND, "server", "--help"},
                                                    {KEELSON_COMMAND, "kv", "cas", "--help"},
                                                    {KEELSON_COMMAND, "inspect", "--help"},
                                                    {KEELSON_COMMAND, "inspect", "wal", "--help"},
                                                    {KEELSON_COMMAND, "repair", "--help"},
                                                    {KEELSON_COMMAND, "shell", "-h"}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("Usage: "));
    EXPECT_THAT(result.err, IsEmpty());
  }
}

TEST(Usage, AWrongWordIsNamedWithTheOneThatWasMeant) {
  auto result = run({KEELSON_COMMAND, "servr"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("no such command: servr; servr? did you mean server"));
  result = run({KEELSON_COMMAND, "server", "--confg", "x"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--confg? did you mean --config"));
  EXPECT_THAT(result.err, HasSubstr("Usage: keelson server"));
}

TEST(Usage, WrongValuesAreNamed) {
  auto result = run({KEELSON_COMMAND, "kv", "get", "k", "--cluster", "nonsense"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("not an address: 'nonsense'"));
  result = run({KEELSON_COMMAND, "kv", "get", "k", "--timeout", "5 parsecs"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("not a duration"));
  result = run({KEELSON_COMMAND, "playground", "--nodes", "7"});
  EXPECT_EQ(result.exit_code, 64);
  result = run({KEELSON_COMMAND, "playground", "--write-only"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--write-only needs --dir"));
}

TEST(Usage, MissingArgumentsAreNamed) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{KEELSON_COMMAND, "server"},
                                                    {KEELSON_COMMAND, "kv"},
                                                    {KEELSON_COMMAND, "kv", "put", "k"}}) {
    const auto result = run(arguments);
    EXPECT_EQ(result.exit_code, 64);
    EXPECT_THAT(result.err, HasSubstr("equired"));
  }
}

TEST(Version, IsOneLineOrOneObject) {
  auto result = run({KEELSON_COMMAND, "version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, testing::MatchesRegex("keelson [0-9.]+ \\([-0-9a-z]+\\)\n"));
  EXPECT_EQ(run({KEELSON_COMMAND, "--version"}).out, result.out);
  result = run({KEELSON_COMMAND, "version", "--json"});
  EXPECT_THAT(result.out, testing::MatchesRegex("\\{\"version\":\"[0-9.]+\",\"revision\":\"[-0-9a-z]+\"\\}\n"));
}

}  // namespace
}  // namespace keelson
