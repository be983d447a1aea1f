// Blocks against a set of numbers.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <set>

#include "keelson/store/blocks.h"

namespace keelson {
namespace {

RC_GTEST_PROP(BlocksProperty, ARunIsFreeBeforeAndTakenAfter, ()) {
  const u32 count = *rc::gen::inRange(1u, 300u);
  Blocks blocks(count);
  std::set<u32> taken;
  std::vector<BlockRun> runs;
  const auto add = [&](const BlockRun& run) {
    for (u32 b = run.first; b < run.first + run.count; ++b) RC_ASSERT(b < count && taken.insert(b).second);
    runs.push_back(run);
  };
  for (const u32 draw : *rc::gen::container<std::vector<u32>>(rc::gen::inRange(0u, 1'000'000u))) {
    const u32 wanted = draw / 8 % 40 + 1;
    switch (draw % 4) {
      case 0: {
        const u32 at_least = draw / 1000 % wanted + 1;
        const BlockRun run = blocks.allocate(wanted, at_least);
        if (run.empty()) {  // then there is no such row of free ones
          u32 row = 0;
          for (u32 b = 0; b < count; ++b) {
            row = taken.contains(b) ? 0 : row + 1;
            RC_ASSERT(row < at_least);
          }
        } else {
          RC_ASSERT(run.count >= at_least && run.count <= wanted);
          add(run);
        }
        break;
      }
      case 1: {
        const BlockRun run{draw / 7 % (count + 5), wanted};
        bool free = run.first + run.count <= count;
        for (u32 b = run.first; free && b < run.first + run.count; ++b) free = !taken.contains(b);
        RC_ASSERT(blocks.take(run) == free);
        if (free) add(run);
        break;
      }
      default:
        if (runs.empty()) break;
        std::swap(runs[draw / 4 % runs.size()], runs.back());
        blocks.free(runs.back());
        for (u32 b = runs.back().first; b < runs.back().first + runs.back().count; ++b) taken.erase(b);
        runs.pop_back();
    }
    RC_ASSERT(blocks.free_count() == count - taken.size());
    for (u32 b = 0; b < count; ++b) RC_ASSERT(blocks.taken(b) == taken.contains(b));
  }
}

RC_GTEST_PROP(BlocksProperty, TheRestIsTakenForGood, ()) {
  const u32 count = *rc::gen::inRange(1u, 300u);
  Blocks blocks(count);
  std::vector<BlockRun> runs;
  for (const u32 wanted : *rc::gen::container<std::vector<u32>>(rc::gen::inRange(1u, 40u))) {
    const BlockRun run = blocks.allocate(wanted);
    if (!run.empty()) runs.push_back(run);
  }
  blocks.take_rest();
  RC_ASSERT(blocks.free_count() == 0u && blocks.allocate(1).empty() && blocks.allocate_last().empty());
  for (u32 b = 0; b < count; ++b) RC_ASSERT(blocks.taken(b));
  for (const BlockRun& run : runs) blocks.free(run);  // what had an owner comes back, and nothing else
  u32 freed = 0;
  for (const BlockRun& run : runs) freed += run.count;
  RC_ASSERT(blocks.free_count() == freed);
}

TEST(Blocks, AreAllHandedOutOnce) {
  Blocks blocks(130);
  u32 got = 0;
  for (BlockRun run = blocks.allocate(16); !run.empty(); run = blocks.allocate(16)) got += run.count;
  EXPECT_EQ(got, 130u);
  EXPECT_EQ(blocks.free_count(), 0u);
}

TEST(BlocksDeathTest, FreeingWhatIsFreeIsABug) {
  Blocks blocks(10);
  const BlockRun run = blocks.allocate(4);
  blocks.free(run);
  EXPECT_DEATH(blocks.free(run), "check failed");
}

}  // namespace
}  // namespace keelson
