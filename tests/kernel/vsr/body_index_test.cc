#include "keelson/vsr/body_index.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace keelson {
namespace {

using Sections = std::vector<std::vector<std::byte>>;

constexpr u32 kib = 1024;
constexpr u32 blob_max = 16 * kib;
bool nothing_durable(const BodyIndex::Place&) { return false; }

Limits limits() {
  Limits l = Limits::tiny();
  l.blob_bytes_max = blob_max;
  l.retained_bytes_max = 64 * kib;
  return l;
}

class BodyIndexTest : public testing::Test {
 protected:
  static Digest identity(u64 op) { return Digest{op, 1}; }
  bool retain(u64 op, u32 size) { return index_.retain(Op(op), identity(op), size); }
  bool settle(u64 op) { return index_.settle(Op(op), nothing_durable); }
  std::vector<u64> ops_of(u32 blob) const {
    std::vector<u64> ops;
    for (const Op op : index_.blobs()[blob].ops) ops.push_back(op.raw());
    return ops;
  }
  Sections saved() const {
    Sections sections(index_.blobs().size());
    for (u32 i = 0; i < sections.size(); ++i) {
      ByteSink sink(&sections[i], [](void* self, Bytes bytes) {
        auto& to = *static_cast<std::vector<std::byte>*>(self);
        to.insert(to.end(), bytes.begin(), bytes.end());
      });
      index_.save_section(i, sink);
    }
    return sections;
  }
  static Status load(BodyIndex& into, const Sections& sections) {
    into.reset();
    if (const Status status = into.begin_load(static_cast<u32>(sections.size())); status != Status::ok) return status;
    for (u32 i = 0; i < sections.size(); ++i) {
      Bytes rest = sections[i];
      ByteSource source = source_of(rest);
      if (const Status status = into.load_section(i, source); status != Status::ok) return status;
    }
    return into.finish_load();
  }

  BodyIndex index_{limits()};
};

TEST_F(BodyIndexTest, WhatIsRetainedIsPutIntoBlobsInOrder) {
  for (u64 op = 1; op <= 5; ++op) ASSERT_TRUE(retain(op, 5 * kib));
  EXPECT_TRUE(index_.blobs().empty());
  EXPECT_FALSE(settle(6));
  ASSERT_EQ(index_.blobs().size(), 2u);
  EXPECT_EQ(ops_of(0), (std::vector<u64>{1, 2, 3}));
  EXPECT_EQ(ops_of(1), (std::vector<u64>{4, 5}));
  EXPECT_EQ(index_.find(Op(2))->place.offset, 5 * kib);
  EXPECT_EQ(index_.find(Op(5))->place.born, Op(6));
}

TEST_F(BodyIndexTest, WhatNobodyWantsAnyMoreGetsIntoNone) {
  ASSERT_TRUE(retain(1, kib) && retain(2, kib));
  EXPECT_TRUE(index_.release(Op(1)));
  settle(3);
  EXPECT_EQ(ops_of(0), (std::vector<u64>{2}));
  EXPECT_EQ(index_.find(Op(1)), nullptr);
}

TEST_F(BodyIndexTest, AnOpIsWantedAsOftenAsItIsRetained) {
  ASSERT_TRUE(retain(1, kib) && retain(1, kib) && index_.share(Op(1)));
  EXPECT_EQ(index_.bytes_wanted(), kib);
  EXPECT_TRUE(index_.release(Op(1)) && index_.release(Op(1)));
  EXPECT_EQ(index_.find(Op(1))->wanted, 1u);
  EXPECT_TRUE(index_.release(Op(1)));
  EXPECT_EQ(index_.bytes_wanted(), 0u);
  EXPECT_FALSE(index_.release(Op(1)));
  EXPECT_FALSE(index_.share(Op(1)));
}

TEST_F(BodyIndexTest, NoMoreIsRetainedThanMayBe) {
  for (u64 op = 1; op <= 64; ++op) ASSERT_TRUE(retain(op, kib));
  EXPECT_FALSE(retain(65, kib));
  EXPECT_TRUE(index_.release(Op(3)));
  EXPECT_TRUE(retain(65, kib));
  EXPECT_FALSE(retain(66, kib));
}

TEST_F(BodyIndexTest, ABlobDoesNotChangeWhileMostOfItIsWanted) {
  for (u64 op = 1; op <= 10; ++op) ASSERT_TRUE(retain(op, kib));
  settle(11);
  EXPECT_TRUE(index_.release(Op(4)));
  ASSERT_TRUE(retain(12, kib));
  EXPECT_FALSE(settle(13));
  EXPECT_EQ(ops_of(0), (std::vector<u64>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  ASSERT_NE(index_.find(Op(4)), nullptr) << "its bytes are needed to write the blob again";
  EXPECT_EQ(index_.find(Op(4))->wanted, 0u);
  EXPECT_EQ(index_.blobs()[0].bytes_wanted, 9 * kib);
}

TEST_F(BodyIndexTest, ASparseBlobIsPackedWithTheNewOnes) {
  for (u64 op = 1; op <= 10; ++op) ASSERT_TRUE(retain(op, kib));
  settle(11);
  for (u64 op = 1; op <= 8; ++op) EXPECT_TRUE(index_.release(Op(op)));
  ASSERT_TRUE(retain(12, kib));
  EXPECT_TRUE(settle(13));
  ASSERT_EQ(index_.blobs().size(), 1u);
  EXPECT_EQ(ops_of(0), (std::vector<u64>{9, 10, 12}));
  EXPECT_EQ(index_.blobs()[0].born, Op(13));
  EXPECT_EQ(index_.find(Op(4)), nullptr);
}

TEST_F(BodyIndexTest, OneThatMovesIsFoundWhereADurableCheckpointHasIt) {
  for (u64 op = 1; op <= 10; ++op) ASSERT_TRUE(retain(op, kib));
  settle(11);
  for (u64 op = 1; op <= 8; ++op) EXPECT_TRUE(index_.release(Op(op)));
  index_.settle(Op(13), [](const BodyIndex::Place& place) { return place.born == Op(11); });
  EXPECT_EQ(index_.find(Op(10))->former.born, Op(11));
  EXPECT_EQ(index_.find(Op(10))->former.offset, 9 * kib);
  // Nor the one after that became durable: it is still there.
  ASSERT_TRUE(retain(14, kib));
  settle(15);
  EXPECT_EQ(index_.find(Op(10))->place.born, Op(15));
  EXPECT_EQ(index_.find(Op(10))->former.born, Op(11));
}

TEST_F(BodyIndexTest, LittleThatStaysIsNotWrittenAgainAndAgain) {
  ASSERT_TRUE(retain(1, kib));
  settle(2);
  for (u64 op = 3; op < 10; ++op) EXPECT_FALSE(settle(op));
  EXPECT_EQ(index_.blobs()[0].born, Op(2));
}

TEST_F(BodyIndexTest, ABlobThatNobodyWantsEnds) {
  for (u64 op = 1; op <= 20; ++op) ASSERT_TRUE(retain(op, kib));
  settle(21);
  ASSERT_EQ(index_.blobs().size(), 2u);
  for (u64 op = 1; op <= 16; ++op) EXPECT_TRUE(index_.release(Op(op)));
  settle(22);
  ASSERT_EQ(index_.blobs().size(), 2u);
  EXPECT_EQ(index_.blobs()[0].born, Op(0));
  ASSERT_TRUE(retain(23, kib));
  settle(24);
  EXPECT_EQ(ops_of(0), (std::vector<u64>{23})) << "its number is used again";
  EXPECT_TRUE(index_.release(Op(23)));
  for (u64 op = 17; op <= 20; ++op) EXPECT_TRUE(index_.release(Op(op)));
  settle(25);
  EXPECT_TRUE(index_.blobs().empty());
  EXPECT_EQ(index_.size(), 0u);
}

TEST_F(BodyIndexTest, IsSavedAndLoaded) {
  for (u64 op = 1; op <= 30; ++op) ASSERT_TRUE(retain(op, kib));
  settle(31);
  EXPECT_TRUE(index_.release(Op(4)) && index_.share(Op(30)));
  const Sections sections = saved();
  BodyIndex other(limits());
  ASSERT_EQ(load(other, sections), Status::ok);
  EXPECT_EQ(other.bytes_wanted(), index_.bytes_wanted());
  EXPECT_EQ(other.find(Op(30))->wanted, 2u);
  EXPECT_EQ(other.digest_with(Digest{}), index_.digest_with(Digest{}));
}

TEST_F(BodyIndexTest, RefusesWhatCanNotBe) {
  for (u64 op = 1; op <= 30; ++op) ASSERT_TRUE(retain(op, kib));
  settle(31);
  const Sections sections = saved();
  BodyIndex other(limits());
  u64 accepted = 0;
  for (std::size_t at = 0; at < sections[0].size(); ++at) {
    Sections bad = sections;
    bad[0][at] ^= std::byte{0x80};
    accepted += load(other, bad) == Status::ok;
    bad[0].resize(at);
    EXPECT_EQ(load(other, bad), Status::corrupt_snapshot) << "cut off at byte " << at;
  }
  // What no rule of the index can contradict: other identities, sizes, counts. The section's digest can.
  EXPECT_LT(accepted, sections[0].size());
  EXPECT_EQ(load(other, {sections[1], sections[0]}), Status::corrupt_snapshot);
  EXPECT_EQ(load(other, {sections[0], sections[0]}), Status::corrupt_snapshot);
}

}  // namespace
}  // namespace keelson
