// docs/scenarios.md: made of what the scenario files say, as `keelson sim --list` does, and up to date.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson {
namespace {

using test::run;
using testing::HasSubstr;

test::Finished in_checkout(const std::string& arguments) {
  return run({"/bin/sh", "-c", "cd " KEELSON_SOURCE_DIR " && " KEELSON_COMMAND " sim " + arguments});
}

TEST(Catalogue, ThePageIsUpToDate) {
  const auto made = in_checkout("--list --markdown");
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_TRUE(made.out == test::read_file(KEELSON_SOURCE_DIR "/docs/scenarios.md"))
      << "./keelson sim --list --markdown > docs/scenarios.md";
}

TEST(Catalogue, EveryScenarioSaysWhatItShowsInTheSameWords) {
  const std::string page = test::read_file(KEELSON_SOURCE_DIR "/docs/scenarios.md");
  std::istringstream list(in_checkout("--list").out);
  std::size_t scenarios = 0;
  for (std::string file, about; std::getline(list, file) && std::getline(list, about); ++scenarios) {
    EXPECT_GT(about.size(), 30u) << file << " has no comment at its top that says what it shows";
    EXPECT_THAT(page, HasSubstr("(../" + file + ") | " + about.substr(4) + " |"));
  }
  EXPECT_GE(scenarios, 45u);
}

TEST(Catalogue, MarkdownIsAFormOfTheList) {
  const auto result = in_checkout("--markdown --seed 1");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, HasSubstr("--markdown is a form of --list"));
}

}  // namespace
}  // namespace keelson
