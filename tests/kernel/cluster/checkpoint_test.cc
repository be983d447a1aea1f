// Checkpoints: a start begins with one, damage to one costs time and nothing else, a crash while one is made leaves the
// one before.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

const u32 interval = Limits::tiny().checkpoint_ops;

struct Story {
  Cluster c = Cluster::of(3);
  std::vector<std::string> names;

  void write(u32 count) {
    for (u32 i = 0; i < count; ++i) {
      names.push_back("k" + std::to_string(names.size()));
      c.request(names.back()).expect_reply();
    }
    c.run().run();
  }
  void all_durable(u64 nth) {
    for (u16 n = 0; n < 3; ++n)
      c.expect_that(c.view(node(n)).checkpoint_op.raw() / interval >= nth, "node " + std::to_string(n) + " has it");
  }
  void everything_is_there() {
    c.run_until_normal();
    c.request("last").expect_reply();
    names.push_back("last");
    c.run().expect_log(names).on(all);
  }
};

TEST(Checkpoint, AStartBeginsWithTheNewest) {
  Story s;
  s.write(2 * interval + 5);
  s.all_durable(2);
  s.c.crash(all).restart(all);
  s.everything_is_there();
  s.c.expect_mark(Mark::checkpoint_loaded).expect_no_mark(Mark::checkpoint_damaged);
}

TEST(Checkpoint, IsTheSameOnEveryReplica) {
  Story s;
  s.write(interval + 5);
  s.all_durable(1);
  const GroupView first = s.c.view(node(0));
  for (u16 n = 1; n < 3; ++n) {
    EXPECT_EQ(s.c.view(node(n)).checkpoint_op, first.checkpoint_op);
    EXPECT_EQ(s.c.view(node(n)).checkpoint_id, first.checkpoint_id);
  }
}

// All have one, and every ack that would tell the primary is lost: its log can't be made shorter until it knows.
void lose_the_acks_that_tell(Cluster& c) {
  while (c.view(node(0)).head < Op(interval)) c.request("k").expect_reply();
  c.block({node(1), node(2)}, node(0), Command::prepare_ok);
  const auto made = [&](u16 n) { return c.view(node(n)).checkpoint_op > Op(0); };
  c.run_until([&] { return made(0) && made(1) && made(2); }, "a checkpoint on each");
  c.run();
  c.expect_that(c.view(node(0)).durable_checkpoint == Op(0), "nobody told the primary");
}

TEST(Checkpoint, APrimaryHearsOfItByLaterAcks) {
  auto c = Cluster::of(3);
  lose_the_acks_that_tell(c);
  c.unblock().run();
  c.expect_that(c.view(node(0)).durable_checkpoint == c.view(node(1)).checkpoint_op, "told with the next beat");
}

TEST(Checkpoint, APrimaryHearsOfItFromWhoGoesToSleep) {
  auto c = Cluster::of(3);
  lose_the_acks_that_tell(c);
  c.run_until([&] { return c.view(node(1)).quiet && c.view(node(2)).quiet; }, "backups that sleep");
  c.run();
  c.expect_that(c.view(node(0)).durable_checkpoint == c.view(node(1)).checkpoint_op, "told with their good night");
}

TEST(Checkpoint, OneCopyOfItsTableIsEnough) {
  for (const u64 copy : {0u, 1u}) {
    Story s;
    s.write(interval + 5);
    s.c.crash(node(1)).corrupt(node(1), checkpoint_table(copy)).restart(node(1));
    s.everything_is_there();
    s.c.expect_mark(Mark::checkpoint_loaded).expect_no_mark(Mark::checkpoint_damaged);
  }
}

TEST(Checkpoint, WithoutItsTableTheLogIsReplayed) {
  Story s;
  s.write(interval + 5);
  s.c.crash(node(1)).corrupt(node(1), checkpoint_table(0)).unreadable(node(1), checkpoint_table(1)).restart(node(1));
  s.everything_is_there();
  s.c.expect_mark(Mark::checkpoint_damaged).expect_no_mark(Mark::checkpoint_loaded);
}

TEST(Checkpoint, WithADamagedSectionTheLogIsReplayed) {
  for (const u64 section : {0u, 1u, 2u}) {
    Story s;
    s.write(interval + 5);
    s.c.crash(all).corrupt(all, checkpoint_section(section)).restart(all);
    s.everything_is_there();
    s.c.expect_mark(Mark::checkpoint_damaged).expect_no_mark(Mark::checkpoint_loaded);
  }
}

TEST(Checkpoint, WithoutItsRecordTheLogIsReplayed) {
  Story s;
  s.write(interval + 5);
  s.c.crash(node(1)).corrupt(node(1), checkpoint()).restart(node(1));
  s.everything_is_there();
  s.c.expect_no_mark(Mark::checkpoint_loaded);
}

TEST(Checkpoint, IsMadeAgainAfterOneThatWasDamaged) {
  Story s;
  s.write(interval + 5);
  s.c.crash(node(1)).corrupt(node(1), checkpoint_section(0)).restart(node(1));
  s.c.run_until_normal();
  s.write(interval + 5);
  s.all_durable(2);
  s.c.crash(node(1)).restart(node(1));
  s.everything_is_there();
  s.c.expect_mark(Mark::checkpoint_loaded);
}

// A session's newest reply is part of it: who asks again after everybody started from it gets the old answer.
TEST(Checkpoint, HoldsTheSessions) {
  Story s;
  s.write(interval - 10);
  s.c.cut_off_clients(all, Direction::outbound);  // answers get lost
  s.c.request("once").run().run();
  s.c.crash(all).restart(all).run_until_normal();
  s.c.heal().expect_reply("once");
  s.names.push_back("once");
  s.write(20);
  s.everything_is_there();
}

// The number of sections follows the size of the state, from one checkpoint to the next.
// The op that asks for a checkpoint reaches nobody. Later views do without it, and its node leads again: with a log
// that ends below it.
TEST(Checkpoint, OneThatAViewChangeCutOffIsForgotten) {
  auto c = Cluster::of(3, {.clients = 2});
  for (u32 i = 0; c.view(node(0)).head.raw() + 1 < interval; ++i) c.request("k" + std::to_string(i)).expect_reply();
  c.run().block(node(0), all, Command::prepare);
  const u64 head = c.view(node(0)).head.raw();
  c.request("lost", client(1)).run_for(milliseconds(5));
  c.expect_that(c.view(node(0)).head.raw() > head + 1, "the request, and then a checkpoint op");
  c.crash_client(client(1)).cut_off(node(0));
  c.run_until([&] { return c.view(node(1)).primary; }, "the others have a primary").unblock().heal().run_until_normal();
  for (const u16 leader : {u16{1}, u16{2}}) c.hand_over(node(leader)).run_until_normal();
  c.expect_primary(node(0)).request("next").expect_reply();
}

TEST(Checkpoint, HasMoreSectionsWhenThereIsMore) {
  Story s;
  const auto sections = [&] {
    u64 count = 0;
    while (s.c.has(node(1), checkpoint_section(count))) ++count;
    return count;
  };
  const auto read = [&](u32 count) {
    for (u32 i = 0; i < count; ++i) s.c.get("k0").expect_value("k0");
    s.c.run().run();
  };
  s.write(3);
  read(interval + 5);
  s.all_durable(1);
  EXPECT_EQ(sections(), 2u) << "one of the map, one of the sessions";
  s.c.expect_no_mark(Mark::checkpoint_sections_changed);
  s.write(10);
  read(interval);
  s.all_durable(2);
  EXPECT_EQ(sections(), 5u);
  s.c.expect_mark(Mark::checkpoint_sections_changed);
  s.c.crash(all).restart(all).run_until_normal();
  s.c.expect_mark(Mark::checkpoint_loaded).expect_no_mark(Mark::checkpoint_damaged);
  for (const auto& name : s.names) s.c.get(name).expect_value(name);
  read(interval);
  s.all_durable(3);
  EXPECT_EQ(sections(), 5u) << "what it was is loaded with the state";
}

struct Moments {
  const char* name;
  Trigger trigger;
  Moment moment;
};
void PrintTo(const Moments& moment, std::ostream* out) { *out << moment.name; }

class CrashInCheckpoint : public testing::TestWithParam<Moments> {};

TEST_P(CrashInCheckpoint, LeavesTheOneBefore) {
  for (const CrashKind kind : {CrashKind::process, CrashKind::power}) {
    Story s;
    s.write(interval + 5);
    s.all_durable(1);
    s.c.crash_on(node(1), GetParam().trigger, GetParam().moment, kind);
    s.write(interval + 5);
    s.c.run_until_down(node(1)).restart(node(1));
    s.everything_is_there();
    s.c.expect_mark(Mark::checkpoint_loaded).expect_no_mark(Mark::checkpoint_damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(, CrashInCheckpoint,
                         testing::Values(Moments{"BeforeTheFirstBlock", writing(Zone::checkpoint), Moment::before},
                                         Moments{"AfterTheFirstBlock", writing(Zone::checkpoint), Moment::after},
                                         Moments{"BeforeTheThird", writing(Zone::checkpoint, 3), Moment::before},
                                         Moments{"AfterTheThird", writing(Zone::checkpoint, 3), Moment::after},
                                         Moments{"AfterTheFourth", writing(Zone::checkpoint, 4), Moment::after},
                                         Moments{"AfterTheFifth", writing(Zone::checkpoint, 5), Moment::after},
                                         Moments{"BeforeItsRecord", writing(Command::group_checkpoint), Moment::before},
                                         Moments{"AfterItsRecord", writing(Command::group_checkpoint), Moment::after}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace keelson::test
