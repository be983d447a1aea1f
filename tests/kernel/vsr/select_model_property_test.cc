// Random walks of the model beside select: none loses a committed op, but under each wrong rule some do.
//
//   KEELSON_MODEL_WALKS=1000000 KEELSON_MODEL_SEED=7 vsr_property_test --gtest_filter='SelectModel.*'
//
// is a long campaign: so many walks, one seed each, from that seed on; 8,000 a second where tests are optimized. A walk
// that fails is shrunk and told step by step, as choices to replay.
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

#include "tests/kernel/vsr/select_model.h"

namespace keelson::select_model {
namespace {

using Walk = std::vector<Choice>;

constexpr u32 choices_per_walk = 2000;  // one in ten is possible
constexpr u32 choices_per_mood = 20;
constexpr std::size_t kinds = static_cast<std::size_t>(Step::count);

struct Kind {
  const char* name;
  u32 weight;
  bool may_rest;  // some moods do without
};
constexpr Kind kind_of[kinds] = {
    {"prepare", 8, false},       {"hear_prepare", 24, false}, {"finish_write", 12, false}, {"mark", 2, true},
    {"keep_promise", 40, false}, {"ack", 24, false},          {"repair", 4, true},         {"learn_commit", 4, true},
    {"leave_view", 1, true},     {"join_view", 4, false},     {"report", 24, false},       {"choose", 24, false},
    {"take_over", 10, false},    {"crash", 2, true},          {"restart", 8, true},        {"spoil", 6, true},
    {"reclaim", 2, true},
};

u64 from_environment(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Draws steps and replicas. Its moods, which favour some kinds of step and leave out some replicas, make crashes,
// partitions and slow disks out of what would otherwise be noise.
class Dice {
 public:
  Dice(u64 seed, u8 voters) : prng_(seed), voters_(voters) {}
  Choice next() {
    if (drawn_++ % choices_per_mood == 0) change_mood();
    const auto step = static_cast<Step>(draw(steps_, steps_total_));
    const u8 who = static_cast<u8>(draw(replicas_, replicas_total_));
    return {step, who, static_cast<u32>(prng_.next())};
  }

 private:
  void change_mood() {
    constexpr u32 favours[] = {0, 1, 2, 4};
    steps_total_ = replicas_total_ = 0;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const u32 favour = favours[prng_.below(std::size(favours))];
      steps_[kind] = kind_of[kind].weight * (favour == 0 && !kind_of[kind].may_rest ? 1 : favour);
      steps_total_ += steps_[kind];
    }
    for (u8 who = 0; who < voters_; ++who) {
      replicas_[who] = prng_.below(4) ? 1 : 0;
      replicas_total_ += replicas_[who];
    }
    if (replicas_total_ == 0) replicas_[0] = replicas_total_ = 1;
  }
  std::size_t draw(const u32* weights, u32 total) {
    u64 at = prng_.below(total);
    std::size_t drawn = 0;
    while (at >= weights[drawn]) at -= weights[drawn++];
    return drawn;
  }

  Prng prng_;
  const u8 voters_;
  u64 drawn_ = 0;
  u32 steps_[kinds] = {};
  u32 replicas_[voters_max] = {};
  u32 steps_total_ = 0;
  u32 replicas_total_ = 0;
};

struct Outcome {
  std::string violation;
  Walk walk;
  Tally tally;
};

Outcome explore(u8 voters, Wrong wrong, u64 seed) {
  Group group(voters, wrong);
  Dice dice(seed, voters);
  Walk walk;
  for (u32 i = 0; i < choices_per_walk && group.violation().empty(); ++i) {
    const Choice choice = dice.next();
    if (group.take(choice)) walk.push_back(choice);
  }
  return {group.violation(), walk, group.tally()};
}

std::string replay(u8 voters, Wrong wrong, const Walk& walk) {
  Group group(voters, wrong);
  for (const Choice& choice : walk)
    if (group.violation().empty()) group.take(choice);
  return group.violation();
}

// Leaves out whatever the violation doesn't need.
Walk shrink(u8 voters, Wrong wrong, Walk walk) {
  for (std::size_t size = walk.size() / 2; size > 0; size /= 2) {
    for (std::size_t at = 0; at + size <= walk.size();) {
      Walk shorter = walk;
      const auto from = shorter.begin() + static_cast<std::ptrdiff_t>(at);
      shorter.erase(from, from + static_cast<std::ptrdiff_t>(size));
      if (replay(voters, wrong, shorter).empty())
        at += size;
      else
        walk = shorter;
    }
  }
  return walk;
}

std::string story(u8 voters, Wrong wrong, const Walk& walk) {
  const Walk needed = shrink(voters, wrong, walk);
  std::string text = replay(voters, wrong, needed) + "; " + std::to_string(voters) + " voters:";
  for (const Choice& choice : needed)
    text += std::string("\n  {Step::") + kind_of[static_cast<std::size_t>(choice.step)].name + ", " +
            std::to_string(choice.who) + ", " + std::to_string(choice.how) + "},";
  return text;
}

TEST(SelectModel, NothingCommittedIsEverLost) {
  const u64 walks = from_environment("KEELSON_MODEL_WALKS", 2000);
  const u64 seed = from_environment("KEELSON_MODEL_SEED", 1);
  Tally sum;
  for (u64 i = 0; i < walks; ++i) {
    const u8 voters = static_cast<u8>(1 + i % voters_max);
    const Outcome outcome = explore(voters, Wrong::none, seed + i);
    ASSERT_TRUE(outcome.violation.empty()) << "seed " << seed + i << ": " << story(voters, Wrong::none, outcome.walk);
    sum += outcome.tally;
  }
  std::cout << walks << " walks: " << sum.commits << " commits, " << sum.views << " views, " << sum.waited
            << " times waiting, " << sum.stuck << " stuck, " << sum.truncated << " truncated, " << sum.full_houses
            << " by a full house, " << sum.kept << " with an op kept that was not committed\n";
  if (walks < 1000) return;
  EXPECT_GT(sum.commits, walks / 2);
  EXPECT_GT(sum.views, walks / 2);
  for (const u64 rare : {sum.waited, sum.stuck, sum.truncated, sum.full_houses, sum.kept}) EXPECT_GT(rare, 0u);
}

TEST(SelectModel, AFailureIsToldInFewSteps) {
  const Outcome outcome = explore(3, Wrong::lost_is_nack, 1);
  ASSERT_FALSE(outcome.violation.empty());
  const Walk needed = shrink(3, Wrong::lost_is_nack, outcome.walk);
  EXPECT_LT(needed.size(), 40u);
  EXPECT_FALSE(replay(3, Wrong::lost_is_nack, needed).empty());
}

// `walks`: how many it took when this was written, with seeds from 1 on.
struct Planted {
  Wrong wrong;
  const char* name;
  u8 voters;
  u64 walks;
};
void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

class WrongRule : public testing::TestWithParam<Planted> {};

TEST_P(WrongRule, IsFound) {
  const auto& [wrong, name, voters, walks] = GetParam();
  const u64 walks_max = 20'000;
  for (u64 i = 1; i <= walks_max; ++i) {
    const Outcome outcome = explore(voters, wrong, i);
    if (outcome.violation.empty()) continue;
    std::cout << i << " walks, " << walks << " when it was written: " << outcome.violation << "\n";
    EXPECT_TRUE(replay(voters, Wrong::none, outcome.walk).empty());  // it is the rule, not the walk
    return;
  }
  FAIL() << name << " does no harm in " << walks_max << " walks";
}

constexpr Planted planted[] = {
    {Wrong::lost_is_nack, "lost_is_nack", 3, 1},
    {Wrong::suspect_is_nack, "suspect_is_nack", 3, 62},
    {Wrong::repaired_is_nack, "repaired_is_nack", 2, 224},
    {Wrong::tail_is_certain, "tail_is_certain", 3, 220},
    {Wrong::nothing_is_nack, "nothing_is_nack", 3, 355},
    {Wrong::silence_is_nack, "silence_is_nack", 3, 1},
    {Wrong::too_few_reports, "too_few_reports", 3, 4},
    {Wrong::any_log_counts, "any_log_counts", 3, 31},
    {Wrong::length_decides, "length_decides", 3, 46},
    {Wrong::chooses_twice, "chooses_twice", 3, 236},
    {Wrong::reports_before_promise, "reports_before_promise", 3, 3852},
    {Wrong::acks_before_stored, "acks_before_stored", 3, 132},
    {Wrong::acks_after_leaving, "acks_after_leaving", 3, 10},
    {Wrong::resumes_view, "resumes_view", 3, 53},
    {Wrong::keeps_stale_stamps, "keeps_stale_stamps", 3, 18},
    {Wrong::forgets_flags, "forgets_flags", 3, 6},
    {Wrong::forgets_tail, "forgets_tail", 2, 115},
    {Wrong::bounds_by_prepare, "bounds_by_prepare", 2, 1140},
    {Wrong::aside_is_ours, "aside_is_ours", 2, 18},
    {Wrong::unsure_never_had_it, "unsure_never_had_it", 2, 377},
};
INSTANTIATE_TEST_SUITE_P(SelectModel, WrongRule, testing::ValuesIn(planted),
                         [](const auto& of) { return of.param.name; });

}  // namespace
}  // namespace keelson::select_model
