// Checksums: XXH3's published values, the same in one piece and in many.
#include "keelson/base/checksum.h"

#include <gtest/gtest.h>
#include <vector>

#include "keelson/base/random.h"

namespace keelson {
namespace {

std::vector<std::byte> noise(std::size_t size) {
  Prng prng(size);
  std::vector<std::byte> out(size);
  for (auto& byte : out) byte = static_cast<std::byte>(prng.below(u64{256}));
  return out;
}

TEST(Digest, OfNothingIsTheConstantOfXxh3) {
  EXPECT_EQ(digest_of_nothing(), (Digest{0x6001c324468d497f, 0x99aa06d3014798d8}));
  EXPECT_EQ(digest_of({}), digest_of_nothing());
  EXPECT_EQ(check64_of({}, 0), 0x2d06800538d394c2u);
}

TEST(Digest, DependsOnEveryBitAndOnTheSeed) {
  for (const std::size_t size : {1u, 3u, 16u, 17u, 128u, 240u, 241u, 1000u}) {
    auto bytes = noise(size);
    const Digest before = digest_of(bytes);
    EXPECT_NE(digest_of(bytes, 1), before);
    EXPECT_NE(check64_of(bytes, 1), check64_of(bytes, 0));
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      ASSERT_NE(digest_of(bytes), before) << size << " bit " << bit;
      bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
  }
}

TEST(DigestStream, EqualsOneHashOfAllItsPieces) {
  const auto bytes = noise(5000);
  for (const std::size_t piece : {1u, 7u, 64u, 255u, 256u, 257u, 1024u, 5000u}) {
    for (const u64 seed : {u64{0}, u64{99}}) {
      DigestStream stream(seed);
      for (std::size_t at = 0; at < bytes.size(); at += piece)
        stream.add(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
      EXPECT_EQ(stream.finish(), digest_of(bytes, seed)) << piece;
    }
  }
}

TEST(DigestStream, GoesOnAfterItWasAsked) {
  const auto bytes = noise(600);
  DigestStream stream;
  stream.add(Bytes(bytes).first(300));
  EXPECT_EQ(stream.finish(), digest_of(Bytes(bytes).first(300)));
  EXPECT_EQ(stream.finish(), digest_of(Bytes(bytes).first(300)));
  stream.add(Bytes(bytes).last(300));
  EXPECT_EQ(stream.finish(), digest_of(bytes));
}

TEST(DigestStream, HashesAValueAsItLiesInMemory) {
  DigestStream stream;
  stream.add_value(u64{0x0102030405060708});
  const u64 value = 0x0102030405060708;
  EXPECT_EQ(stream.finish(), digest_of(bytes_of(value)));
}

}  // namespace
}  // namespace keelson
