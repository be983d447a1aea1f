// Vec: a bound that is checked, elements destroyed in time, memory that stays where it is.
#include "keelson/base/vec.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace keelson {
namespace {

TEST(Vec, HoldsUpToItsCapacity) {
  Vec<int> v(3);
  EXPECT_TRUE(v.empty());
  EXPECT_EQ(v.capacity(), 3u);
  v.push_back(1);
  v.push_back(2);
  EXPECT_FALSE(v.full());
  v.push_back(3);
  EXPECT_TRUE(v.full());
  EXPECT_EQ(v[0] + v[1] + v[2], 6);
  EXPECT_EQ(v.back(), 3);
  v.pop_back();
  EXPECT_EQ(v.size(), 2u);
  EXPECT_EQ(v.span().size(), 2u);
}

TEST(VecDeathTest, ABoundIsNeverPassed) {
  Vec<int> v(1);
  EXPECT_DEATH(v.pop_back(), "check failed");
  EXPECT_DEATH(v.back(), "check failed");
  v.push_back(1);
  EXPECT_DEATH(v.push_back(2), "check failed");
  EXPECT_DEATH(v[1], "check failed");
  EXPECT_DEATH(v.resize(2), "check failed");
  EXPECT_DEATH(v.erase_at(1), "check failed");
  EXPECT_DEATH(Vec<int>().push_back(1), "check failed");
}

TEST(Vec, DestroysWhatItDrops) {
  auto counted = std::make_shared<int>(1);
  {
    Vec<std::shared_ptr<int>> v(4);
    for (int i = 0; i < 4; ++i) v.push_back(counted);
    EXPECT_EQ(counted.use_count(), 5);
    v.pop_back();
    EXPECT_EQ(counted.use_count(), 4);
    v.erase_at(0);
    EXPECT_EQ(counted.use_count(), 3);
    v.resize(1);
    EXPECT_EQ(counted.use_count(), 2);
    v.clear();
    EXPECT_EQ(counted.use_count(), 1);
    v.push_back(counted);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(Vec, MovesTakeEverythingAlong) {
  auto counted = std::make_shared<int>(1);
  Vec<std::shared_ptr<int>> a(2);
  a.push_back(counted);
  Vec<std::shared_ptr<int>> b(std::move(a));
  EXPECT_EQ(b.size(), 1u);
  EXPECT_EQ(b.capacity(), 2u);
  EXPECT_EQ(a.capacity(), 0u);  // NOLINT(bugprone-use-after-move): a moved-from Vec is empty
  Vec<std::shared_ptr<int>> c(1);
  c.push_back(counted);
  c = std::move(b);
  EXPECT_EQ(counted.use_count(), 2);
  EXPECT_EQ(c.size(), 1u);
  auto& alias = c;
  c = std::move(alias);
  EXPECT_EQ(c.size(), 1u);
}

TEST(Vec, ErasesInOrder) {
  Vec<std::string> v(4);
  for (const char* s : {"a", "b", "c", "d"}) v.push_back(s);
  v.erase_at(1);
  EXPECT_EQ(v[0] + v[1] + v[2], "acd");
  v.erase_at(2);
  EXPECT_EQ(v[0] + v[1], "ac");
  v.erase_at(0);
  EXPECT_EQ(v[0], "c");
}

TEST(Vec, NewElementsAreValueInitialised) {
  Vec<int> v(3);
  v.push_back(7);
  v.clear();
  v.resize(3);
  EXPECT_EQ(v[0] + v[1] + v[2], 0);
}

TEST(Vec, KeepsItsMemoryAndItsAlignment) {
  struct alignas(128) Wide {
    int value = 0;
  };
  Vec<Wide> v(4);
  v.push_back({1});
  const auto* first = v.data();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 128, 0u);
  for (int i = 0; i < 3; ++i) v.push_back({i});
  v.clear();
  v.push_back({5});
  EXPECT_EQ(v.data(), first);
}

}  // namespace
}  // namespace keelson
