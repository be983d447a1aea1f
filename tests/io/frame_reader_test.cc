#include "keelson/io/frame_reader.h"

#include <gtest/gtest.h>

#include "tests/lib/io/messages.h"

namespace keelson::io {
namespace {

using test::cluster_of_tests;
using test::put_at;
using test::request_bytes;
using test::resealed;
using Step = FrameReader::Step;

const Limits limits = Limits::tiny();
const LinkRules from_client{cluster_of_tests, Author::client, no_node, limits.message_size_max};

class FrameReaderTest : public testing::Test {
 protected:
  Slabs slabs_{limits};
  FrameReader reader_{slabs_, from_client};

  Step feed_all(const std::vector<std::byte>& bytes) {
    Bytes left(bytes);
    const Step step = reader_.feed(left);
    EXPECT_TRUE(left.empty() || step == Step::lost || step == Step::blocked);
    return step;
  }
  void expect_next_is_read() {
    EXPECT_EQ(feed_all(request_bytes(10, 99)), Step::message);
    EXPECT_EQ(reader_.take().as<Request>().request, RequestNo(99));
  }
};

TEST_F(FrameReaderTest, ReadsAMessageWithAndWithoutABody) {
  for (const u32 body : {0u, 1u, 300u, 5000u}) {
    const auto bytes = request_bytes(body);
    ASSERT_EQ(feed_all(bytes), Step::message);
    const MessageRef message = reader_.take();
    EXPECT_TRUE(equal(message.bytes(), bytes));
  }
  EXPECT_EQ(slabs_.in_use(), 0u);
}

TEST_F(FrameReaderTest, FrameSplitAtEveryByte) {
  const auto bytes = request_bytes(40);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Bytes head = Bytes(bytes).first(cut);
    ASSERT_EQ(reader_.feed(head), Step::hungry);
    ASSERT_EQ(reader_.mid_frame(), cut > 0);
    Bytes tail = Bytes(bytes).subspan(cut);
    ASSERT_EQ(reader_.feed(tail), Step::message);
    ASSERT_TRUE(equal(reader_.take().bytes(), bytes));
  }
}

TEST_F(FrameReaderTest, SeveralMessagesInOneRead) {
  std::vector<std::byte> bytes;
  for (u64 i = 1; i <= 5; ++i) {
    const auto one = request_bytes(static_cast<u32>(i * 3), i);
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  Bytes left(bytes);
  for (u64 i = 1; i <= 5; ++i) {
    ASSERT_EQ(reader_.feed(left), Step::message);
    EXPECT_EQ(reader_.take().as<Request>().request, RequestNo(i));
  }
  EXPECT_EQ(reader_.feed(left), Step::hungry);
}

TEST_F(FrameReaderTest, BodyMayBeReceivedStraightIntoItsSlab) {
  const auto bytes = request_bytes(1000);
  EXPECT_TRUE(reader_.direct().empty());
  Bytes head = Bytes(bytes).first(300);
  ASSERT_EQ(reader_.feed(head), Step::hungry);
  const MutableBytes direct = reader_.direct();
  ASSERT_EQ(direct.size(), bytes.size() - 300);
  copy(direct, Bytes(bytes).subspan(300));
  ASSERT_EQ(reader_.filled(direct.size()), Step::message);
  EXPECT_TRUE(equal(reader_.take().bytes(), bytes));
}

TEST_F(FrameReaderTest, EveryFlippedBitOfAHeaderLosesTheFraming) {
  const auto good = request_bytes(0);
  for (std::size_t bit = 0; bit < std::size_t{header_size} * 8; ++bit) {
    auto bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    FrameReader reader(slabs_, from_client);
    Bytes left(bytes);
    ASSERT_EQ(reader.feed(left), Step::lost) << bit;
    ASSERT_TRUE(reader.rejected() == Reject::header_checksum || reader.rejected() == Reject::body_checksum) << bit;
  }
  EXPECT_EQ(slabs_.in_use(), 0u);
}

TEST_F(FrameReaderTest, AFlippedBitOfTheBodyLosesTheFraming) {
  auto bytes = request_bytes(100);
  bytes[header_size + 50] ^= std::byte{4};
  EXPECT_EQ(feed_all(bytes), Step::lost);
  EXPECT_EQ(reader_.rejected(), Reject::body_checksum);
  EXPECT_EQ(slabs_.in_use(), 0u);
  EXPECT_EQ(feed_all(request_bytes(0)), Step::lost) << "nothing is read after that";
}

TEST_F(FrameReaderTest, OversizedAndUndersizedGetNoMemory) {
  for (const u32 size : {0u, 255u, limits.message_size_max + 1, 0xffffffffu}) {
    FrameReader reader(slabs_, from_client);
    const auto bytes = resealed(request_bytes(0), [&](auto& b) { put_at(b, offsetof(Header, size), size); });
    Bytes left(bytes);
    EXPECT_EQ(reader.feed(left), Step::lost) << size;
    EXPECT_EQ(reader.rejected(), Reject::size);
    EXPECT_EQ(slabs_.in_use(), 0u);
  }
}

TEST_F(FrameReaderTest, AnotherProtocolOrClusterLosesTheFraming) {
  const auto future =
      resealed(request_bytes(0), [](auto& b) { put_at(b, offsetof(Header, protocol), u16{protocol_version + 1}); });
  EXPECT_EQ(feed_all(future), Step::lost);
  EXPECT_EQ(reader_.rejected(), Reject::protocol);
  FrameReader other(slabs_, from_client);
  const auto foreign = request_bytes(0, 1, ClusterId{1, 1});
  Bytes left(foreign);
  EXPECT_EQ(other.feed(left), Step::lost);
  EXPECT_EQ(other.rejected(), Reject::cluster);
}

TEST_F(FrameReaderTest, AnUnknownCommandIsSkippedWithItsBody) {
  const auto unknown = resealed(request_bytes(700), [](auto& b) { put_at(b, offsetof(Header, command), u8{251}); });
  EXPECT_EQ(feed_all(unknown), Step::dropped);
  EXPECT_EQ(reader_.rejected(), Reject::command);
  EXPECT_EQ(slabs_.in_use(), 0u);
  expect_next_is_read();
}

TEST_F(FrameReaderTest, ReservedBytesAndForeignCommandsAreSkipped) {
  const auto reserved = resealed(request_bytes(33), [](auto& b) { put_at(b, offsetof(Header, reserved), u8{1}); });
  EXPECT_EQ(feed_all(reserved), Step::dropped);
  EXPECT_EQ(reader_.rejected(), Reject::reserved);
  expect_next_is_read();

  const auto prepare_ok = resealed(request_bytes(0), [](auto& b) {
    put_at(b, offsetof(Header, command), Command::prepare_ok);
    std::fill(b.begin() + 128, b.end(), std::byte{0});
  });
  EXPECT_EQ(feed_all(prepare_ok), Step::dropped);
  EXPECT_EQ(reader_.rejected(), Reject::author);
  expect_next_is_read();
}

TEST_F(FrameReaderTest, ANodeSpeaksOnlyForItself) {
  FrameReader reader(slabs_, {cluster_of_tests, Author::node, NodeId(2), limits.message_size_max});
  for (const u16 author : {u16{2}, u16{1}}) {
    PrepareOk ok;
    ok.node = NodeId(author);
    ok.group = GroupId(1);
    const MessageRef message = test::message_of(slabs_, ok);
    Bytes left = message.bytes();
    EXPECT_EQ(reader.feed(left), author == 2 ? Step::message : Step::dropped);
    reader.take();
  }
  EXPECT_EQ(reader.rejected(), Reject::author);
}

TEST_F(FrameReaderTest, WithoutASlabItWaitsAndLosesNothing) {
  std::vector<Slab*> taken;
  while (Slab* slab = slabs_.acquire(1)) taken.push_back(slab);
  const auto bytes = request_bytes(100);
  Bytes left(bytes);
  ASSERT_EQ(reader_.feed(left), Step::blocked);
  ASSERT_EQ(left.size(), 100u);
  ASSERT_EQ(reader_.feed(left), Step::blocked);
  release(taken.back());
  taken.pop_back();
  if (slabs_.available(static_cast<u32>(bytes.size())) == 0) {
    for (Slab* slab : taken) release(slab);
    taken.clear();
  }
  ASSERT_EQ(reader_.feed(left), Step::message);
  EXPECT_TRUE(equal(reader_.take().bytes(), bytes));
  for (Slab* slab : taken) release(slab);
}

}  // namespace
}  // namespace keelson::io
