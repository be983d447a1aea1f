// Slabs: the smallest that fits, a larger one when those are gone, nothing when all are; a leak never goes unnoticed.
#include "keelson/base/slab.h"

#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace keelson {
namespace {

Limits few() {
  Limits limits = Limits::tiny();
  limits.slabs_small = 3;
  limits.slabs_page = 2;
  limits.slabs_batch = 1;
  limits.slabs_message = 1;
  return limits;
}

TEST(Slabs, GiveTheSmallestThatFits) {
  Slabs slabs(Limits::tiny());
  const std::pair<u32, u32> cases[] = {{0, 512},     {1, 512},     {512, 512},   {513, 4096},
                                       {4096, 4096}, {4097, 8192}, {8193, 12288}};
  for (const auto& [wanted, got] : cases) {
    Slab* slab = slabs.acquire(wanted);
    EXPECT_EQ(slab->size, got) << wanted;
    EXPECT_EQ(slab->references, 1u);
    release(slab);
  }
}

TEST(Slabs, TheLargestHoldsTheLargestMessage) {
  for (const Limits& limits : {Limits::tiny(), Limits::standard()}) {
    Limits one = limits;
    one.slabs_small = one.slabs_page = one.slabs_batch = 0;
    one.slabs_message = 1;
    Slabs slabs(one);
    Slab* slab = slabs.acquire(limits.message_size_max);
    ASSERT_NE(slab, nullptr);
    EXPECT_GE(slab->size, limits.message_size_max + 4096);
    EXPECT_EQ(slabs.acquire(slab->size + 1), nullptr);
    release(slab);
  }
}

TEST(Slabs, WhenAClassIsGoneALargerOneServes) {
  Slabs slabs(few());
  EXPECT_EQ(slabs.available(1), 7u);
  EXPECT_EQ(slabs.available(513), 4u);
  std::vector<Slab*> held;
  for (const u32 expected : {512u, 512u, 512u, 4096u, 4096u}) {
    held.push_back(slabs.acquire(100));
    EXPECT_EQ(held.back()->size, expected);
  }
  EXPECT_EQ(slabs.available(1), 2u);
  EXPECT_EQ(slabs.available(4096), 2u);
  held.push_back(slabs.acquire(1));
  held.push_back(slabs.acquire(1));
  EXPECT_EQ(slabs.acquire(1), nullptr);
  EXPECT_EQ(slabs.available(0), 0u);
  EXPECT_EQ(slabs.in_use(), 7u);
  release(held.front());
  EXPECT_EQ(slabs.available(1), 1u);
  EXPECT_EQ(slabs.available(513), 0u);
  Slab* again = slabs.acquire(512);
  EXPECT_EQ(again, held.front());
  held.front() = again;
  for (Slab* slab : held) release(slab);
  EXPECT_EQ(slabs.in_use(), 0u);
  EXPECT_EQ(slabs.available(1), 7u);
}

TEST(Slabs, GiveBackOnlyWithTheLastReference) {
  Slabs slabs(few());
  Slab* slab = slabs.acquire(1);
  retain(slab);
  retain(slab);
  release(slab);
  release(slab);
  EXPECT_EQ(slabs.in_use(), 1u);
  release(slab);
  EXPECT_EQ(slabs.in_use(), 0u);
}

TEST(Slabs, BlocksAreDisjointAndAligned) {
  Slabs slabs(Limits::tiny());
  std::vector<Slab*> held;
  for (u32 i = 0; i < 400; ++i) held.push_back(slabs.acquire(i % 2 ? 4096 : 512));
  std::set<const std::byte*> ends;
  for (const Slab* slab : held) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(slab->data) % slab->size, 0u);
    for (u32 i = 0; i < slab->size; ++i) slab->data[i] = static_cast<std::byte>(ends.size());
    EXPECT_TRUE(ends.insert(slab->data).second);
  }
  std::size_t n = 0;
  for (const Slab* slab : held) {
    EXPECT_EQ(slab->data[0], static_cast<std::byte>(n));
    EXPECT_EQ(slab->data[slab->size - 1], static_cast<std::byte>(n++)) << "two slabs share a byte";
  }
  for (Slab* slab : held) release(slab);
}

TEST(SlabsDeathTest, ALeakedReferenceIsFoundAtTheEnd) {
  EXPECT_DEATH(
      {
        Slabs slabs(few());
        slabs.acquire(1);
      },
      "check failed");
}

TEST(SlabsDeathTest, OnlyItsOwnPoolTakesASlabBackAndOnlyUnreferenced) {
  Slabs slabs(few());
  Slabs other(few());
  Slab* slab = slabs.acquire(1);
  EXPECT_DEATH(slabs.release(slab), "check failed");
  EXPECT_DEATH(
      {
        slab->references = 0;
        other.release(slab);
      },
      "check failed");
  release(slab);
}

}  // namespace
}  // namespace keelson
