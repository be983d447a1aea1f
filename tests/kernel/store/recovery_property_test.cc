// Recovery after anything: plain crashes never cost what was acknowledged, a second recovery sees what the first saw.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/kernel/store/recovery_model.h"

namespace keelson::test {
namespace {

Limits small_limits() {
  Limits limits = Limits::tiny();
  limits.wal_segments = 120;
  limits.wal_batches_in_flight_max = *rc::gen::element(1u, 3u);
  limits.index_pages_per_segment = *rc::gen::element(8u, 16u);
  return limits;
}

std::string describe_all(Life& life, const std::vector<RecoveryConfig::Group>& groups) {
  std::string text;
  for (const auto& group : groups) text += describe(life.recovery->take_group(group.group)) + "\n";
  return text;
}

RC_GTEST_PROP(Recovery, PlainCrashesLoseNothing, ()) {
  const auto limits = small_limits();
  Model model(*rc::gen::arbitrary<u64>(), limits);
  const auto lives = *rc::gen::container<std::vector<u32>>(*rc::gen::inRange(1u, 7u), rc::gen::inRange(0u, 120u));
  for (const u32 actions : lives) {
    model.boot();
    for (u32 i = 0; i < actions; ++i) model.act();
    model.crash();
  }
  model.boot();
}

RC_GTEST_PROP(Recovery, TwiceIsOnce, ()) {
  const auto limits = small_limits();
  Model model(*rc::gen::arbitrary<u64>(), limits);
  for (u32 lives = *rc::gen::inRange(1u, 4u); lives > 0; --lives) {
    model.boot();
    for (u32 i = *rc::gen::inRange(0u, 100u); i > 0; --i) model.act();
    model.crash();
  }
  const MemoryDisk crashed = model.disk.snapshot();
  std::string once;
  u32 steps = 0;
  {
    MemoryDisk disk = crashed.snapshot();
    auto life = model.new_life(disk);
    life->start();
    for (; !disk.idle(); ++steps) life->step();
    RC_ASSERT(life->done());
    once = describe_all(*life, model.voters);
    life.reset();
    auto again = model.new_life(disk);
    again->boot();
    RC_ASSERT(again->done());
    RC_ASSERT(describe_all(*again, model.voters) == once);
  }
  // Dying at any one of its I/Os changes nothing either.
  const u32 at = *rc::gen::inRange(0u, steps);
  MemoryDisk disk = crashed.snapshot();
  auto life = model.new_life(disk);
  life->start();
  for (u32 i = 0; i < at; ++i) life->step();
  disk.crash([&](u64 n) { return model.draw(n); });
  life = model.new_life(disk);
  life->boot();
  RC_ASSERT(life->done());
  RC_ASSERT(describe_all(*life, model.voters) == once);
}

}  // namespace
}  // namespace keelson::test
