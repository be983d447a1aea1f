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

// A start that dies in the middle of its own writes leaves a tear more, behind which nobody can tell what there was.
std::string without_new_doubts(std::string text, const std::string& before) {
  constexpr std::string_view doubt = " head_unknown";
  for (auto at = text.find(doubt); at != std::string::npos; at = text.find(doubt, at)) {
    if (before.compare(at, doubt.size(), doubt) == 0)
      at += doubt.size();
    else
      text.erase(at, doubt.size());
  }
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
  // Dying at any one of its I/Os loses nothing either.
  const u32 at = *rc::gen::inRange(0u, steps);
  MemoryDisk disk = crashed.snapshot();
  auto life = model.new_life(disk);
  life->start();
  for (u32 i = 0; i < at; ++i) life->step();
  disk.crash([&](u64 n) { return model.draw(n); });
  life = model.new_life(disk);
  life->boot();
  RC_ASSERT(life->done());
  RC_ASSERT(without_new_doubts(describe_all(*life, model.voters), once) == once);
}

void spoil(Model& model, Zone zone, u64 page) {
  switch (model.draw(4)) {
    case 0:
      return model.disk.make_unreadable(zone, page);
    case 1:
      return model.disk.fill(zone, page, page_bytes, std::byte{0x5a});
    case 2:
      return model.disk.fill(zone, page + 512 * model.draw(8), 512, std::byte{0x77});
    default:
      return model.disk.flip_bit(zone, page + model.draw(page_bytes), static_cast<u32>(model.draw(8)));
  }
}

void expect_nothing_denied(Model& model) {
  for (int i = 0; i < 2; ++i) {  // the second recovery judges what the first one left
    model.life = model.new_life(model.disk);
    model.life->boot();
    RC_ASSERT(model.life->done());
    for (const auto& group : model.groups) Model::judge_damaged(group, model.life->take(group.id.raw()));
    model.life.reset();
  }
}

RC_GTEST_PROP(Recovery, DamageIsNeverADenial, ()) {
  const auto limits = small_limits();
  Model model(*rc::gen::arbitrary<u64>(), limits);
  for (u32 lives = *rc::gen::inRange(1u, 4u); lives > 0; --lives) {
    model.boot();
    for (u32 i = *rc::gen::inRange(0u, 100u); i > 0; --i) model.act();
    model.crash();
  }
  for (u32 rounds = *rc::gen::inRange(1u, 3u); rounds > 0; --rounds) {
    std::vector<Model::PageFact> pages;
    for (const auto& page : model.pages_in_use())
      if (!page.evidence) pages.push_back(page);  // without its mark, damage to an acked record may look like a tear
    RC_PRE(!pages.empty());
    for (u32 count = *rc::gen::inRange(1u, 6u); count > 0; --count) {
      const auto& page = pages[model.draw(pages.size())];
      spoil(model, page.zone, page.offset);
    }
    expect_nothing_denied(model);
  }
}

// A disk that loses what it confirmed at least one batch ago.
RC_GTEST_PROP(Recovery, LostWritesAreNeverADenial, ()) {
  const auto limits = small_limits();
  Model model(*rc::gen::arbitrary<u64>(), limits);
  for (u32 lives = *rc::gen::inRange(1u, 4u); lives > 0; --lives) {
    model.boot();
    for (u32 i = *rc::gen::inRange(0u, 100u); i > 0; --i) model.act();
    if (lives > 1) model.crash();
  }
  model.crash();
  std::vector<Model::PageFact> pages;
  for (const auto& page : model.pages_in_use())
    if (page.marked && !page.evidence) pages.push_back(page);
  RC_PRE(!pages.empty());
  for (u32 count = *rc::gen::inRange(1u, 12u); count > 0; --count) {
    const auto& page = pages[model.draw(pages.size())];
    model.disk.fill(page.zone, page.offset, page_bytes, std::byte{0});
  }
  expect_nothing_denied(model);
}

}  // namespace
}  // namespace keelson::test
