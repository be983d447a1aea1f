// Loads and stores at any address, comparisons of spans.
#include "keelson/base/bytes.h"

#include <array>
#include <gtest/gtest.h>

namespace keelson {
namespace {

TEST(Bytes, LoadAndStoreAtAnyOffsetInLittleEndian) {
  std::array<std::byte, 16> memory{};
  for (std::size_t at = 0; at + 8 <= memory.size(); ++at) {
    memory.fill(std::byte{0});
    store(memory.data() + at, u64{0x1122334455667788});
    EXPECT_EQ(memory[at], std::byte{0x88});
    EXPECT_EQ(memory[at + 7], std::byte{0x11});
    EXPECT_EQ(load<u64>(memory.data() + at), 0x1122334455667788u);
    EXPECT_EQ(load<u16>(memory.data() + at + 6), 0x1122u);
  }
}

TEST(Bytes, CompareAndCopy) {
  const std::array<std::byte, 3> a{std::byte{1}, std::byte{2}, std::byte{3}};
  std::array<std::byte, 4> b{};
  EXPECT_TRUE(equal({}, {}));
  EXPECT_TRUE(all_zero({}));
  EXPECT_TRUE(all_zero(b));
  copy(b, a);
  EXPECT_FALSE(all_zero(b));
  EXPECT_TRUE(equal(a, Bytes(b).first(3)));
  EXPECT_FALSE(equal(a, b));
  b[2] = std::byte{4};
  EXPECT_FALSE(equal(a, Bytes(b).first(3)));
  copy(b, {});
  EXPECT_DEATH(copy(MutableBytes(b).first(2), a), "check failed");
}

TEST(Bytes, RoundUp) {
  EXPECT_EQ(round_up(0u, 16u), 0u);
  EXPECT_EQ(round_up(1u, 16u), 16u);
  EXPECT_EQ(round_up(16u, 16u), 16u);
  EXPECT_EQ(round_up(17u, 16u), 32u);
}

}  // namespace
}  // namespace keelson
