// The shadow headers of the mutants against the rules of the kernel: a rule without a planted bug is one that nobody
// has shown to be tested, so each has one or is named here with the reason.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>

namespace keelson {
namespace {

using Names = std::set<std::string>;

const std::string root = KEELSON_SOURCE_DIR;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Names functions_in(const std::string& path) {
  static const std::regex function(R"((?:^|\n)(?:constexpr|inline) [\w:]+ (\w+)\()");
  const std::string text = text_of(path);
  Names names;
  for (std::sregex_iterator it(text.begin(), text.end(), function), end; it != end; ++it) names.insert((*it)[1]);
  return names;
}

struct Rules {
  const char* header;
  Names without_bug;
};

// Why: who is primary of a view, which row damage falls into and which record is better are no yes-or-no decisions that
// replicas could differ in, and unit tests hold their tables; what a status means to a client is a table as well.
// may_start_view only checks what its callers have seen to. continues, needs_stamp and from_old_life hold by what other
// rules see to: alone they change nothing. A checkpoint that isn't made when it is due is made when somebody needs it.
// Which blobs are packed anew is a matter of space, and a prepare that nobody asked for has passed every other check.
// is_asleep and is_old_offer spare the groups that they are about a view change, no more.
const Rules all_rules[] = {
    {"vsr/rules.h",
     {"primary_of", "may_start_view", "continues", "needs_stamp", "from_old_life", "checkpoint_due", "is_asleep",
      "is_old_offer"}},
    {"vsr/body_rules.h", {"is_sparse", "is_asked"}},
    {"vsr/session_rules.h", {"judge_register", "status_of"}},
    {"vsr/client_rules.h", {"on_refusal", "is_primarys"}},
    {"store/rules.h", {"better"}},
    {"machine/kv/kv_rules.h", {}},
    {"store/classify.h", {"row_of", "classify", "mark_of"}},
};

TEST(MutantRules, EachRuleHasAShadowThatCanBeWrong) {
  for (const Rules& rules : all_rules) {
    const Names real = functions_in(root + "/kernel/" + rules.header);
    Names covered = functions_in(root + "/tests/mutants/include/keelson/" + rules.header);
    EXPECT_FALSE(real.empty()) << rules.header;
    for (const auto& name : rules.without_bug) EXPECT_TRUE(covered.insert(name).second) << name << " has a bug by now";
    for (const auto& name : real)
      EXPECT_TRUE(covered.contains(name)) << name << " of " << rules.header << " has no bug";
    for (const auto& name : covered) EXPECT_TRUE(real.contains(name)) << name << " is no rule of " << rules.header;
  }
}

TEST(MutantRules, EachPlantedBugIsSomewhere) {
  std::string shadows;
  for (const Rules& rules : all_rules) shadows += text_of(root + "/tests/mutants/include/keelson/" + rules.header);
  const std::string list = text_of(root + "/tests/mutants/include/keelson/mutants/mutants.def");
  static const std::regex entry(R"(\nKEELSON_MUTANT\((\w+),)");
  std::size_t count = 0;
  for (std::sregex_iterator it(list.begin(), list.end(), entry), end; it != end; ++it, ++count)
    EXPECT_THAT(shadows, testing::HasSubstr("active(Id::" + (*it)[1].str() + ")"));
  EXPECT_GE(count, 40u);
}

}  // namespace
}  // namespace keelson
