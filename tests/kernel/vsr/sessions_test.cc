#include "keelson/vsr/sessions.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace keelson {
namespace {

using Verdict = SessionVerdict;

Bytes as_bytes(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }
std::string as_string(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

constexpr ClientId client(u64 n) { return {n, ~n}; }
constexpr Timestamp at(u64 ms) { return Timestamp(ms * 1'000'000); }

RequestFrame request(u64 of, u64 session, u64 number, const std::string& body = "body") {
  RequestFrame frame;
  frame.client = client(of);
  frame.session = SessionId(session);
  frame.request = RequestNo(number);
  frame.ack_floor = RequestNo(number ? number - 1 : 0);
  frame.operation = Operation(0x200);
  frame.body_checksum = digest_of(as_bytes(body));
  return frame;
}

RequestFrame register_frame(u64 of) {
  RequestFrame frame;
  frame.client = client(of);
  frame.operation = operation_register;
  frame.body_checksum = digest_of_nothing();
  return frame;
}

class SessionsTest : public ::testing::Test {
 protected:
  Limits limits = Limits::tiny();  // 4 sessions, idle after 2 s
  Sessions sessions{limits};

  Verdict judge(const RequestFrame& frame, Timestamp now = at(1)) { return sessions.judge(frame, now); }
  void execute(const RequestFrame& frame, u64 op, Timestamp timestamp, const std::string& reply = "reply") {
    ASSERT_EQ(judge(frame, timestamp), Verdict::execute);
    sessions.executed(frame, Op(op), timestamp, Status::ok, as_bytes(reply));
  }
};

TEST_F(SessionsTest, TheTableOfVerdicts) {
  EXPECT_EQ(judge(request(1, 5, 1)), Verdict::unknown_session);
  ASSERT_EQ(sessions.register_client(client(1), Op(5), at(1)), SessionId(5));
  EXPECT_EQ(judge(request(1, 4, 1)), Verdict::fenced_session);
  EXPECT_EQ(judge(request(1, 6, 1)), Verdict::fenced_session);
  EXPECT_EQ(judge(request(1, 5, 0)), Verdict::already_done);
  EXPECT_EQ(judge(request(1, 5, 2)), Verdict::out_of_order);
  execute(request(1, 5, 1), 6, at(2));
  EXPECT_EQ(judge(request(1, 5, 1)), Verdict::resend);
  EXPECT_EQ(judge(request(1, 5, 1, "other")), Verdict::mismatch);
  EXPECT_EQ(judge(request(1, 5, 3)), Verdict::out_of_order);
  execute(request(1, 5, 2), 7, at(2));
  EXPECT_EQ(judge(request(1, 5, 1)), Verdict::already_done);
  EXPECT_EQ(judge(request(1, 5, 1, "other")), Verdict::already_done);
  EXPECT_EQ(judge(request(1, 5, 2)), Verdict::resend);
}

TEST_F(SessionsTest, ARequestThatKnowsOfALaterOneThanWasExecutedIsOutOfOrder) {
  sessions.register_client(client(1), Op(5), at(1));
  RequestFrame first = request(1, 5, 1);
  first.ack_floor = RequestNo(1);
  EXPECT_EQ(judge(first), Verdict::out_of_order);
  execute(request(1, 5, 1), 6, at(1));
  RequestFrame second = request(1, 5, 3);
  for (const u64 known : {u64{2}, u64{3}, ~u64{0}}) {
    second.ack_floor = RequestNo(known);
    EXPECT_EQ(judge(second), Verdict::out_of_order);
  }
}

TEST_F(SessionsTest, NumbersThatWereRefusedAreSkippedForGood) {
  sessions.register_client(client(1), Op(5), at(1));
  execute(request(1, 5, 1), 6, at(1));
  RequestFrame third = request(1, 5, 3);
  third.ack_floor = RequestNo(1);
  EXPECT_EQ(judge(third), Verdict::execute);
  execute(third, 7, at(1));
  EXPECT_EQ(judge(request(1, 5, 2)), Verdict::already_done);
  RequestFrame fourth = request(1, 5, 4);
  fourth.ack_floor = RequestNo(1);  // a double of the third was executed, though its client was told that it wasn't
  EXPECT_EQ(judge(fourth), Verdict::execute);
}

// get and delete of one key have the same body.
TEST_F(SessionsTest, AnotherOperationUnderTheSameNumberIsAMismatch) {
  sessions.register_client(client(1), Op(5), at(1));
  execute(request(1, 5, 1), 6, at(1));
  RequestFrame other = request(1, 5, 1);
  other.operation = Operation(0x202);
  EXPECT_EQ(judge(other), Verdict::mismatch);
}

TEST_F(SessionsTest, RegisteringAgainIsTheSameSessionAndChangesNothing) {
  EXPECT_EQ(judge(register_frame(1)), Verdict::execute);
  sessions.register_client(client(1), Op(5), at(1));
  execute(request(1, 5, 1), 6, at(1));
  const Digest before = sessions.digest();
  EXPECT_EQ(judge(register_frame(1)), Verdict::registered);
  EXPECT_EQ(sessions.register_client(client(1), Op(9), at(9)), SessionId(5));
  EXPECT_EQ(sessions.digest(), before);
}

TEST_F(SessionsTest, ARegisterWithNumbersIsOutOfOrder) {
  RequestFrame frame = register_frame(1);
  frame.request = RequestNo(1);
  EXPECT_EQ(judge(frame), Verdict::out_of_order);
  frame = register_frame(1);
  frame.session = SessionId(1);
  EXPECT_EQ(judge(frame), Verdict::out_of_order);
}

TEST_F(SessionsTest, AFullTableRefusesWhileNobodyIsIdle) {
  for (u64 c = 1; c <= 4; ++c) EXPECT_TRUE(sessions.register_client(client(c), Op(c), at(c)).has_value());
  EXPECT_EQ(judge(register_frame(5), at(2001)), Verdict::full);
  const auto refused = sessions.register_client(client(5), Op(5), at(2001));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error(), Status::sessions_full);
  EXPECT_EQ(judge(register_frame(1), at(2001)), Verdict::registered) << "a live client is not a newcomer";
}

TEST_F(SessionsTest, TheIdlestIsEvictedAndItsLateRetryNeverRuns) {
  for (u64 c = 1; c <= 4; ++c) sessions.register_client(client(c), Op(c), at(c));
  execute(request(1, 1, 1), 5, at(1000));
  EXPECT_EQ(judge(register_frame(9), at(2003)), Verdict::execute);
  EXPECT_EQ(sessions.register_client(client(9), Op(6), at(2003)), SessionId(6));
  EXPECT_EQ(judge(request(2, 2, 1)), Verdict::unknown_session);
  EXPECT_EQ(judge(request(1, 1, 1)), Verdict::resend);
  EXPECT_EQ(sessions.size(), 4u);
  EXPECT_EQ(sessions.evictions(), 1u);
}

TEST_F(SessionsTest, OfOneOpTheLowerClientIsEvicted) {
  for (u64 c = 1; c <= 4; ++c) sessions.register_client(client(5 - c), Op(1), at(1));
  ASSERT_TRUE(sessions.register_client(client(9), Op(6), at(5000)).has_value());
  EXPECT_EQ(judge(request(1, 1, 1)), Verdict::unknown_session);
  EXPECT_EQ(judge(request(2, 1, 1)), Verdict::execute);
}

TEST_F(SessionsTest, TheReplyIsRetainedUntilTheNextOne) {
  sessions.register_client(client(1), Op(5), at(1));
  EXPECT_FALSE(sessions.retained(client(1)).has_value());
  EXPECT_FALSE(sessions.retained(client(2)).has_value());
  ASSERT_EQ(judge(request(1, 5, 1)), Verdict::execute);
  sessions.executed(request(1, 5, 1), Op(6), at(3), Status::not_found, as_bytes("answer"));
  const auto kept = sessions.retained(client(1));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->request, RequestNo(1));
  EXPECT_EQ(kept->op, Op(6));
  EXPECT_EQ(kept->timestamp, at(3));
  EXPECT_EQ(kept->status, Status::not_found);
  EXPECT_EQ(kept->request_checksum, request(1, 5, 1).body_checksum);
  EXPECT_EQ(as_string(kept->body), "answer");
  execute(request(1, 5, 2), 7, at(4), "");
  EXPECT_EQ(as_string(sessions.retained(client(1))->body), "");
  EXPECT_EQ(sessions.retained(client(1))->request, RequestNo(2));
}

TEST_F(SessionsTest, ARepliesBufferIsReusedOnceItIsLargeEnough) {
  sessions.register_client(client(1), Op(5), at(1));
  execute(request(1, 5, 1), 6, at(1), std::string(1000, 'a'));
  const std::byte* buffer = sessions.retained(client(1))->body.data();
  for (u64 r = 2; r < 20; ++r) execute(request(1, 5, r), r + 5, at(1), std::string(r * 50, 'b'));
  EXPECT_EQ(sessions.retained(client(1))->body.data(), buffer);
  execute(request(1, 5, 20), 25, at(1), std::string(limits.reply_bytes_max, 'c'));
  EXPECT_EQ(sessions.retained(client(1))->body.size(), limits.reply_bytes_max);
}

TEST_F(SessionsTest, UnregisterEndsTheSession) {
  sessions.register_client(client(1), Op(5), at(1));
  execute(request(1, 5, 1), 6, at(1));
  sessions.unregister_client(client(1));
  EXPECT_EQ(sessions.size(), 0u);
  EXPECT_EQ(judge(request(1, 5, 2)), Verdict::unknown_session);
  EXPECT_EQ(sessions.register_client(client(1), Op(8), at(2)), SessionId(8));
  EXPECT_EQ(judge(request(1, 5, 1)), Verdict::fenced_session);
  EXPECT_FALSE(sessions.session_of(client(2)).has_value());
  EXPECT_EQ(sessions.session_of(client(1)), SessionId(8));
}

std::vector<std::string> save(const Sessions& from) {
  std::vector<std::string> sections;
  for (u32 s = 0; s < from.section_count(); ++s) {
    std::string& bytes = sections.emplace_back();
    ByteSink sink(&bytes, [](void* self, Bytes more) { *static_cast<std::string*>(self) += as_string(more); });
    from.save_section(s, sink);
  }
  return sections;
}

Status load(Sessions& into, const std::vector<std::string>& sections) {
  into.reset();
  if (const Status status = into.begin_load(static_cast<u32>(sections.size())); status != Status::ok) return status;
  for (u32 s = 0; s < sections.size(); ++s) {
    Bytes bytes = as_bytes(sections[s]);
    ByteSource source = source_of(bytes);
    if (const Status status = into.load_section(s, source); status != Status::ok) return status;
  }
  return Status::ok;
}

TEST(SessionsSnapshot, IsCanonicalAndComplete) {
  const Limits limits = Limits::standard();  // many sections
  Sessions up(limits);
  Sessions down(limits);
  for (u64 c = 1; c <= 1000; ++c) ASSERT_TRUE(up.register_client(client(c), Op(c), at(c)).has_value());
  for (u64 c = 1000; c >= 1; --c) ASSERT_TRUE(down.register_client(client(c), Op(c), at(c)).has_value());
  for (Sessions* s : {&up, &down})
    for (u64 c = 1; c <= 1000; c += 7) s->executed(request(c, c, 1), Op(2000 + c), at(2000), Status::ok, as_bytes("r"));
  for (u64 c = 3; c <= 1000; c += 5) up.unregister_client(client(c));
  for (u64 c = 1000; c >= 3; --c)
    if (c % 5 == 3) down.unregister_client(client(c));
  for (Sessions* s : {&up, &down}) s->settle_sections();
  EXPECT_EQ(up.section_count(), 16u);
  EXPECT_EQ(save(up), save(down));
  EXPECT_EQ(up.digest(), down.digest());

  Sessions copy(limits);
  ASSERT_TRUE(copy.register_client(client(77777), Op(1), at(1)).has_value());
  ASSERT_EQ(load(copy, save(up)), Status::ok);
  EXPECT_EQ(copy.digest(), up.digest());
  EXPECT_EQ(copy.size(), up.size());
  EXPECT_EQ(copy.judge(request(1, 1, 1), at(1)), Verdict::resend);
  EXPECT_EQ(copy.judge(request(77777, 1, 1), at(1)), Verdict::unknown_session);
}

TEST(SessionsSections, FollowTheNumberOfSessions) {
  Sessions sessions(Limits::standard());
  u64 registered = 0;
  const auto settled = [&](u64 count) {
    while (registered < count) {
      ++registered;
      EXPECT_TRUE(sessions.register_client(client(registered), Op(registered), at(1)).has_value());
    }
    while (registered > count) sessions.unregister_client(client(registered--));
    sessions.settle_sections();
    return sessions.section_count();
  };
  EXPECT_EQ(settled(0), 1u);
  EXPECT_EQ(settled(64), 1u);
  EXPECT_EQ(settled(65), 2u);
  EXPECT_EQ(settled(1024), 16u);
  EXPECT_EQ(settled(257), 16u);
  EXPECT_EQ(settled(256), 4u);
  EXPECT_EQ(settled(0), 1u);
}

TEST(SessionsSections, HostileCountsAreRefused) {
  Sessions sessions(Limits::standard());
  for (const u32 count : {0u, 3u, 17u, 32u, 1u << 31, ~0u})
    EXPECT_EQ(sessions.begin_load(count), Status::corrupt_snapshot);
  for (const u32 count : {1u, 2u, 4u, 8u, 16u}) EXPECT_EQ(sessions.begin_load(count), Status::ok);
  sessions.reset();
  EXPECT_EQ(sessions.section_count(), 1u);
}

TEST_F(SessionsTest, EveryCutOrPaddedSnapshotIsRefused) {
  for (u64 c = 1; c <= 3; ++c) sessions.register_client(client(c), Op(c), at(c));
  execute(request(1, 1, 1), 5, at(1), "some reply");
  const auto sections = save(sessions);
  Sessions copy(limits);
  for (std::size_t size = 0; size < sections[0].size(); ++size)
    EXPECT_EQ(load(copy, {sections[0].substr(0, size)}), Status::corrupt_snapshot) << size;
  EXPECT_EQ(load(copy, {sections[0] + "x"}), Status::corrupt_snapshot);
  EXPECT_EQ(load(copy, sections), Status::ok);
}

}  // namespace
}  // namespace keelson
