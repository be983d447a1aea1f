#include "keelson/sim/parcel.h"

#include <gtest/gtest.h>

#include "keelson/sim/fifo.h"

namespace keelson::sim {
namespace {

TEST(Parcels, AreReusedAndKeepTheirBytes) {
  Parcels parcels;
  std::vector<Parcel*> held;
  for (u32 round = 0; round < 3; ++round) {
    for (const std::size_t size : {256u, 257u, 4'000u, 70'000u, 1'048'576u}) {
      const std::vector<std::byte> bytes(size, static_cast<std::byte>(size));
      held.push_back(parcels.copy(bytes));
      ASSERT_TRUE(equal(held.back()->bytes(), bytes));
    }
    Parcels::retain(held[0]);
    for (Parcel* parcel : held) parcels.release(parcel);
    EXPECT_EQ(parcels.in_use(), 1u) << "one reference is left";
    parcels.release(held[0]);
    EXPECT_EQ(parcels.in_use(), 0u);
    held.clear();
  }
  const u64 memory = parcels.bytes_held();
  for (u32 i = 0; i < 1'000; ++i) parcels.release(parcels.copy(std::vector<std::byte>(300)));
  EXPECT_EQ(parcels.bytes_held(), memory);
}

TEST(Fifo, KeepsOrderWhileItGrows) {
  Fifo<u32> fifo;
  u32 in = 0;
  u32 out = 0;
  for (u32 round = 1; round < 50; ++round) {
    for (u32 i = 0; i < round; ++i) fifo.push_back(in++);
    for (u32 i = 0; i + 1 < round; ++i) ASSERT_EQ(fifo.pop_front(), out++);
  }
  EXPECT_EQ(fifo.size(), in - out);
  EXPECT_EQ(fifo.front(), out);
  EXPECT_EQ(fifo.back(), in - 1);
  EXPECT_EQ(fifo.pop_back(), in - 1);
}

}  // namespace
}  // namespace keelson::sim
