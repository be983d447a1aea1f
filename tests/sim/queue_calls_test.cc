// What a queue may do, by hand: leases, tokens, order per key, fates; and what lost answers excuse. Files of it.
#include "keelson/sim/check/queue_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "keelson/sim/histories/queue_file.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;

// Calls one after the other, each at its own time.
class Told {
 public:
  explicit Told(QueueOrder order = QueueOrder::none, u32 attempts_max = 20) : rules_{order, attempts_max} {}
  Told& put(u64 at, u64 seq, const std::string& key = "k", u64 visible = 0) {
    QueueCall& c = add(QueueAct::enqueue, at, seq, 0);
    c.key = key;
    c.body = "body " + std::to_string(seq);
    c.visible = visible;
    return *this;
  }
  Told& get(u64 at, u64 seq, u64 token, u64 until, const std::string& key = "k") {
    QueueCall& c = add(QueueAct::dequeue, at, seq, token);
    c.key = key;
    c.body = "body " + std::to_string(seq);
    c.until = until;
    return *this;
  }
  Told& settle(QueueAct act, u64 at, u64 seq, u64 token, bool accepted = true, u64 until = 0) {
    QueueCall& c = add(act, at, seq, token);
    c.accepted = accepted;
    c.until = until;
    return *this;
  }
  Told& ack(u64 at, u64 seq, u64 token, bool accepted = true) {
    return settle(QueueAct::ack, at, seq, token, accepted);
  }
  Told& end(u64 at, const std::vector<u64>& there, const std::vector<u64>& dead = {}) {
    QueueCall& c = add(QueueAct::drain, at, 0, 0);
    c.there = there;
    c.dead = dead;
    return *this;
  }
  Told& lost() {
    calls_.back().end = CallEnd::info;
    return *this;
  }
  std::string wrong() const { return judge_queue(calls_, rules_).detail; }
  const std::vector<QueueCall>& calls() const { return calls_; }

 private:
  QueueCall& add(QueueAct act, u64 at, u64 seq, u64 token) {
    QueueCall c;
    c.id = calls_.size();
    c.act = act;
    c.end = CallEnd::ok;
    c.at = at;
    c.called = at * 2;
    c.returned = at * 2 + 1;
    c.seq = seq;
    c.token = token;
    calls_.push_back(c);
    return calls_.back();
  }
  QueueRules rules_;
  std::vector<QueueCall> calls_;
};

TEST(QueueCalls, AMessageIsDeliveredAndAcknowledged) {
  EXPECT_EQ(Told().put(1, 1).get(2, 1, 1, 10).ack(3, 1, 1).end(20, {}).wrong(), "");
  EXPECT_THAT(Told().put(1, 1).end(20, {}).wrong(), HasSubstr("message 1 is lost"));
  EXPECT_THAT(Told().put(1, 1).get(2, 1, 1, 10).ack(3, 1, 1).end(20, {1}).wrong(), HasSubstr("it was acknowledged"));
  EXPECT_THAT(Told().get(2, 1, 1, 10).wrong(), HasSubstr("nobody enqueued it"));
  EXPECT_THAT(Told().put(1, 1).put(2, 1).wrong(), HasSubstr("accepted twice"));
  EXPECT_THAT(Told().put(1, 1).end(2, {1}, {1}).wrong(), HasSubstr("two places"));
}

TEST(QueueCalls, NoTwoHoldAMessageUnlessItsLeaseIsOver) {
  EXPECT_EQ(Told().put(1, 1).get(2, 1, 1, 10).get(10, 1, 2, 20).wrong(), "");
  EXPECT_EQ(
      Told().put(1, 1).get(2, 1, 1, 10).get(9, 1, 2, 20).wrong(),
      "call 2 of client 0 (dequeue at 9): message 1 is delivered to two: the lease of token 1 lasts until 10, and "
      "it is 9");
  EXPECT_THAT(Told().put(1, 1).get(2, 1, 2, 10).get(11, 1, 1, 20).wrong(), HasSubstr("under token 1 after 2"));
  const auto extended = [](u64 again) {
    return Told().put(1, 1).get(2, 1, 1, 10).settle(QueueAct::extend, 5, 1, 1, true, 30).get(again, 1, 2, 40).wrong();
  };
  EXPECT_EQ(extended(30), "");
  EXPECT_THAT(extended(29), HasSubstr("delivered to two"));
}

TEST(QueueCalls, OnlyTheNewestTokenSettlesAndInTime) {
  const Told held = Told().put(1, 1).get(2, 1, 1, 10).get(12, 1, 2, 20);
  EXPECT_EQ(Told(held).ack(13, 1, 1, false).ack(14, 1, 2).wrong(), "");
  EXPECT_THAT(Told(held).ack(13, 1, 1).wrong(), HasSubstr("is accepted, and the newest one is 2"));
  EXPECT_THAT(Told(held).ack(20, 1, 2).wrong(), HasSubstr("its lease is over"));
  EXPECT_THAT(Told(held).ack(13, 1, 2, false).wrong(), HasSubstr("is refused, and it holds the lease"));
  EXPECT_THAT(Told(held).ack(13, 1, 2).ack(14, 1, 2).wrong(), HasSubstr("it holds no lease"));
}

TEST(QueueCalls, MessagesOfAKeyComeInTheirOrder) {
  const Told two = Told().put(1, 1).put(2, 2);
  EXPECT_EQ(Told(two).get(3, 1, 1, 9).get(4, 2, 1, 9).wrong(), "");
  EXPECT_THAT(Told(two).get(3, 2, 1, 9).wrong(), HasSubstr("before message 1 of the same key ever was"));
  EXPECT_EQ(Told().put(1, 1, "a").put(2, 2, "b").get(3, 2, 1, 9, "b").wrong(), "") << "of other keys it is free";
  EXPECT_EQ(Told().put(1, 1, "k", 100).put(2, 2).get(3, 2, 1, 9).wrong(), "") << "the first one is delayed";
  EXPECT_THAT(Told().put(1, 1, "k", 100).get(3, 1, 1, 9).wrong(), HasSubstr("before its delay is over"));
  const Told ordered = Told(QueueOrder::by_key).put(1, 1).put(2, 2).get(3, 1, 1, 9);
  EXPECT_THAT(Told(ordered).get(4, 2, 1, 9).wrong(), HasSubstr("while message 1 of the same key is not settled"));
  EXPECT_EQ(Told(ordered).ack(4, 1, 1).get(5, 2, 1, 9).wrong(), "");
}

TEST(QueueCalls, AttemptsAreCountedAndThenItIsDead) {
  const Told twice = Told(QueueOrder::none, 2).put(1, 1).get(2, 1, 1, 10).get(12, 1, 2, 20);
  EXPECT_EQ(Told(twice).end(30, {}, {1}).wrong(), "");
  EXPECT_THAT(Told(twice).get(22, 1, 3, 30).wrong(), HasSubstr("its attempts are used up"));
  EXPECT_THAT(Told(QueueOrder::none, 2).put(1, 1).end(30, {}, {1}).wrong(), HasSubstr("dead after 0 failed attempts"));
}

TEST(QueueCalls, LostAnswersExcuseWhatTheyMayHaveDone) {
  const Told held = Told().put(1, 1).get(2, 1, 1, 10);
  EXPECT_EQ(Told(held).ack(3, 1, 1).lost().end(20, {}).wrong(), "") << "it was acknowledged";
  EXPECT_EQ(Told(held).ack(3, 1, 1).lost().end(20, {1}).wrong(), "") << "or not";
  EXPECT_EQ(Told(held).settle(QueueAct::release, 3, 1, 1).lost().get(5, 1, 2, 15).wrong(), "");
  EXPECT_THAT(Told(held).ack(3, 1, 1).lost().get(5, 1, 2, 15).wrong(), HasSubstr("delivered to two"));
  EXPECT_EQ(Told().put(1, 1).lost().get(2, 1, 1, 10).ack(3, 1, 1).end(20, {}).wrong(), "");
  EXPECT_EQ(Told().put(1, 1).lost().end(20, {}).wrong(), "");
  EXPECT_EQ(Told().put(1, 1).put(2, 2).get(3, 1, 1, 9).lost().get(4, 2, 1, 9).wrong(), "") << "1 was on its way";
}

TEST(QueueCalls, ItsOwnTimeMustAgreeWithThatOfTheClients) {
  std::vector<QueueCall> calls = Told().put(5, 1).put(6, 2).calls();
  calls[1].called = 0;
  calls[1].returned = 1;
  EXPECT_THAT(judge_queue(calls, {}).detail, HasSubstr("answered before a call began that the queue carried out"));
}

TEST(QueueCalls, AFileIsReadBackAsItWasWritten) {
  const Told told = Told()
                        .put(1, 1, "k", 7)
                        .get(8, 1, 3, 10)
                        .ack(9, 1, 1, false)
                        .settle(QueueAct::extend, 9, 1, 3, true, 90)
                        .settle(QueueAct::nack, 10, 1, 3)
                        .lost()
                        .put(11, 2)
                        .get(12, 2, 1, 20)
                        .end(13, {1}, {2});
  for (const Notation notation : {Notation::edn, Notation::json}) {
    std::stringstream file;
    std::vector<QueueCall> calls = told.calls();
    for (std::size_t i = 0; i < calls.size(); ++i) calls[i].client = i;
    write_calls(notation, file, written(calls));
    const auto lines = read_calls(notation, file);
    ASSERT_TRUE(lines) << lines.error().what;
    const auto back = queue_calls(*lines);
    ASSERT_TRUE(back) << back.error().what;
    std::stringstream again;
    write_calls(notation, again, written(*back));
    const auto twice = queue_calls(*read_calls(notation, again));
    ASSERT_TRUE(twice) << twice.error().what;
    std::stringstream third;
    write_calls(notation, third, written(*twice));
    EXPECT_EQ(third.str(), again.str()) << "only the times of an EDN file become places";
    EXPECT_EQ((*back)[2].accepted, false);
    EXPECT_EQ((*back)[4].end, CallEnd::info);
    EXPECT_EQ(back->back().dead, std::vector<u64>{2});
  }
}

TEST(QueueCalls, AFileThatIsWrongIsNamedByLineAndField) {
  std::stringstream file("{\"client\":0,\"call\":1,\"return\":2,\"op\":\"ack\",\"seq\":1,\"at\":3}\n");
  const auto calls = queue_calls(*read_calls(Notation::json, file));
  ASSERT_FALSE(calls);
  EXPECT_EQ(calls.error().line, 1u);
  EXPECT_EQ(calls.error().what, "token: missing; expected a number, 0 or more");
}

}  // namespace
}  // namespace keelson::sim
