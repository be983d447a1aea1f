#include "keelson/io/send_queue.h"

#include <gtest/gtest.h>

#include "tests/lib/io/messages.h"

namespace keelson::io {
namespace {

using test::message_of;

class SendQueueTest : public testing::Test {
 protected:
  Limits limits_ = Limits::standard();
  Slabs slabs_{limits_};

  MessageRef beat(u64 no, u16 to_shard = 0) {
    Beat header;
    header.beat_no = no;
    header.to_shard = ShardId(to_shard);
    return message_of(slabs_, header);
  }
  MessageRef prepare(u64 op, u32 body = 1024) {
    Prepare header;
    header.op = Op(op);
    header.group = GroupId(1);
    return message_of(slabs_, header, body);
  }
  MessageRef repair(u64 op, u32 body = 1024) {
    Headers header;
    header.floor = Op(op);
    return message_of(slabs_, header, body);
  }
  MessageRef vote() { return message_of(slabs_, GetView{}); }
  MessageRef commit(u64 op, u64 group) {
    Commit header;
    header.commit = Op(op);
    header.group = GroupId(group);
    return message_of(slabs_, header);
  }

  // Everything in the order it would leave, written in calls of at most `call` bytes.
  static std::vector<std::byte> drain(SendQueue& queue, std::size_t call = ~std::size_t{0}) {
    std::vector<std::byte> out;
    std::array<Bytes, 16> parts;
    while (const std::size_t count = queue.gather(parts)) {
      std::size_t taken = 0;
      for (std::size_t i = 0; i < count && taken < call; ++i) {
        const Bytes part = parts[i].first(std::min(parts[i].size(), call - taken));
        out.insert(out.end(), part.begin(), part.end());
        taken += part.size();
      }
      queue.sent(taken);
    }
    return out;
  }
  static std::vector<Command> commands(const std::vector<std::byte>& stream) {
    std::vector<Command> commands;
    for (std::size_t at = 0; at < stream.size(); at += header_at(stream.data() + at).size)
      commands.push_back(header_at(stream.data() + at).command);
    return commands;
  }
};

TEST_F(SendQueueTest, ShortWriteAtEveryByteChangesNothing) {
  for (std::size_t call = 1; call < 1700; call += call < 600 ? 1 : 97) {
    SendQueue queue({});
    std::vector<std::byte> sent;
    for (u64 op = 1; op <= 3; ++op) {
      const MessageRef message = prepare(op, 300);
      sent.insert(sent.end(), message.bytes().begin(), message.bytes().end());
      ASSERT_EQ(queue.push(message), SendResult::queued);
    }
    ASSERT_EQ(drain(queue, call), sent);
    ASSERT_TRUE(queue.empty());
    ASSERT_EQ(queue.bytes(), 0u);
  }
  EXPECT_EQ(slabs_.in_use(), 0u);
}

TEST_F(SendQueueTest, ControlOvertakesBulk) {
  SendQueue queue({});
  queue.push(repair(1));
  queue.push(prepare(1));
  queue.push(beat(1));
  EXPECT_EQ(commands(drain(queue)).front(), Command::beat);
}

TEST_F(SendQueueTest, AStartedMessageIsFinishedFirst) {
  SendQueue queue({});
  queue.push(prepare(1));
  std::array<Bytes, 4> parts;
  ASSERT_EQ(queue.gather(parts), 1u);
  queue.sent(100);
  queue.push(beat(1));
  ASSERT_EQ(queue.gather(parts), 2u);
  EXPECT_EQ(parts[0].size(), header_size + 1024 - 100);
  EXPECT_EQ(header_at(parts[1].data()).command, Command::beat);
}

TEST_F(SendQueueTest, BulkIsNeitherStarvedNorFirst) {
  SendQueue queue({.bytes_max = 64 << 20, .messages_max = 8192});
  for (u64 op = 1; op <= 400; ++op) {
    queue.push(prepare(op, 2048));
    queue.push(repair(op, 2048));
  }
  const auto order = commands(drain(queue));
  u32 prepares = 0;
  u32 repairs = 0;
  for (std::size_t i = 0; prepares < 400; ++i) (order[i] == Command::prepare ? prepares : repairs) += 1;
  EXPECT_GT(repairs, 25u) << "8 : 1 in bytes";
  EXPECT_LT(repairs, 100u);
}

TEST_F(SendQueueTest, RefusesByCount) {
  SendQueue queue({.bytes_max = 1 << 30, .messages_max = 16});
  u32 queued = 0;
  while (queue.push(prepare(queued + 1, 0)) == SendResult::queued) ++queued;
  EXPECT_EQ(queued, 14u) << "the last eighth is kept for control";
  EXPECT_EQ(queue.push(vote()), SendResult::refused);  // protocol as well
  EXPECT_EQ(queue.push(beat(1)), SendResult::queued);
}

TEST_F(SendQueueTest, RefusesByBytes) {
  SendQueue queue({.bytes_max = 64 * 1024, .messages_max = 8192});
  u32 queued = 0;
  while (queue.push(prepare(queued + 1, 4096 - 256)) == SendResult::queued) ++queued;
  EXPECT_EQ(queued, 14u);
  EXPECT_LE(queue.bytes(), 64u * 1024);
  drain(queue);
  EXPECT_EQ(queue.push(prepare(99, 4096 - 256)), SendResult::queued) << "room again once it left";
}

TEST_F(SendQueueTest, ControlPushesOutTheOldestRepair) {
  SendQueue queue({.bytes_max = 1 << 30, .messages_max = 8});
  for (u64 op = 1; op <= 4; ++op) ASSERT_EQ(queue.push(repair(op, 0)), SendResult::queued);
  ASSERT_EQ(queue.push(repair(5, 0)), SendResult::refused) << "repair may fill one half";
  for (u64 op = 1; op <= 3; ++op) ASSERT_EQ(queue.push(prepare(op, 0)), SendResult::queued);
  ASSERT_EQ(queue.push(beat(1, 1)), SendResult::queued);
  ASSERT_EQ(queue.push(beat(2, 2)), SendResult::queued);
  EXPECT_EQ(queue.take_evicted(), 1u);
  EXPECT_EQ(queue.take_evicted(), 0u);
  for (u16 shard = 3; shard < 6; ++shard) ASSERT_EQ(queue.push(beat(3, shard)), SendResult::queued);
  EXPECT_EQ(queue.push(beat(9, 9)), SendResult::refused) << "nothing left to push out";
}

TEST_F(SendQueueTest, ANewerBeatOrCommitReplacesItsUnsentPredecessor) {
  SendQueue queue({});
  EXPECT_EQ(queue.push(beat(1)), SendResult::queued);
  EXPECT_EQ(queue.push(beat(2)), SendResult::replaced);
  EXPECT_EQ(queue.push(beat(3, 1)), SendResult::queued) << "for another shard";
  EXPECT_EQ(queue.push(commit(5, 1)), SendResult::queued);
  EXPECT_EQ(queue.push(commit(6, 2)), SendResult::queued) << "of another group";
  EXPECT_EQ(queue.push(commit(7, 1)), SendResult::replaced);
  EXPECT_EQ(queue.messages(), 4u);
  const auto stream = drain(queue);
  EXPECT_EQ(as<Beat>(stream.data()).beat_no, 2u);
  EXPECT_EQ(as<Commit>(stream.data() + 2 * header_size).commit, Op(7)) << "in its predecessor's place";
}

TEST_F(SendQueueTest, PrepareOksAreNeverReplaced) {
  SendQueue queue({});
  PrepareOk ok;
  ok.group = GroupId(1);
  queue.push(message_of(slabs_, ok));
  EXPECT_EQ(queue.push(message_of(slabs_, ok)), SendResult::queued);
  EXPECT_EQ(queue.messages(), 2u);
}

TEST_F(SendQueueTest, ClearingGivesEverythingBack) {
  SendQueue queue({});
  for (u64 op = 1; op <= 5; ++op) queue.push(prepare(op));
  std::array<Bytes, 2> parts;
  queue.gather(parts);
  queue.sent(10);
  EXPECT_EQ(queue.clear(), 5u);
  EXPECT_EQ(slabs_.in_use(), 0u);
  EXPECT_EQ(queue.gather(parts), 0u);
}

}  // namespace
}  // namespace keelson::io
