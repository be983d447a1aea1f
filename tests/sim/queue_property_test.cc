// Histories of a reference queue are allowed, whatever is lost; histories with one thing made wrong are not.
#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>

#include "tests/lib/sim/reference_queue.h"

namespace keelson::sim {
namespace {

test::DrawnQueue drawn(u32 unknown_percent) {
  test::DrawnQueue how;
  how.seed = *rc::gen::arbitrary<u64>();
  how.calls = *rc::gen::inRange<u32>(0, 400);
  how.unknown_percent = unknown_percent;
  how.rules.order = *rc::gen::element(QueueOrder::none, QueueOrder::by_key);
  how.rules.attempts_max = *rc::gen::inRange<u32>(1, 5);
  return how;
}

RC_GTEST_PROP(QueueProperty, AllowsWhatAQueueDoes, ()) {
  const auto how = drawn(0);
  const auto judged = judge_queue(test::history_of_a_queue(how), how.rules);
  if (!judged.ok) RC_FAIL(judged.detail);
}

RC_GTEST_PROP(QueueProperty, AllowsWhatAQueueDoesWhenAnswersAreLost, ()) {
  const auto how = drawn(*rc::gen::inRange<u32>(0, 40));
  const auto judged = judge_queue(test::history_of_a_queue(how), how.rules);
  if (!judged.ok) RC_FAIL(judged.detail);
}

struct Mutations {
  u64 tried = 0, caught = 0;
};

// All kinds, over a hundred histories each.
Mutations made_wrong(u32 unknown_percent) {
  Mutations all;
  for (u32 kind = 0; kind < test::mutation_count; ++kind) {
    u64 of_kind = 0, caught_of_kind = 0;
    for (u64 seed = 1; seed <= 100; ++seed) {
      test::DrawnQueue how;
      how.seed = seed;
      how.rules.order = seed % 2 ? QueueOrder::none : QueueOrder::by_key;
      how.rules.attempts_max = 3;
      how.unknown_percent = unknown_percent;
      const auto wrong = test::mutated(test::history_of_a_queue(how), kind, seed);
      if (!wrong) continue;
      ++of_kind;
      caught_of_kind += !judge_queue(*wrong, how.rules).ok;
    }
    EXPECT_GT(of_kind, 10u) << test::mutation_name(kind);
    if (unknown_percent == 0) {
      EXPECT_EQ(caught_of_kind, of_kind) << test::mutation_name(kind);
    }
    all.tried += of_kind;
    all.caught += caught_of_kind;
  }
  std::cout << all.caught << " of " << all.tried << " mutations were caught with " << unknown_percent
            << " % of the answers lost\n";
  return all;
}

TEST(QueueProperty, CatchesAllThatIsMadeWrong) { made_wrong(0); }

// A lost answer may excuse what is wrong, but seldom does.
TEST(QueueProperty, CatchesMostOfItWhenAnswersAreLost) {
  const Mutations all = made_wrong(10);
  EXPECT_GT(all.caught, all.tried * 2 / 3);
}

}  // namespace
}  // namespace keelson::sim
