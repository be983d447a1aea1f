// State sync: a replica that the log can't bring on any more takes over a peer's checkpoint, whatever happens
// meanwhile.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

const u32 interval = Limits::tiny().checkpoint_ops;

struct Story {
  Cluster c;
  std::vector<std::string> names;

  explicit Story(u16 replicas = 3) : c(Cluster::of(replicas)) {}
  void write(u32 count) {
    for (u32 i = 0; i < count; ++i) {
      names.push_back("k" + std::to_string(names.size()));
      c.request(names.back()).expect_reply();
    }
    c.run().run();
  }
  void fall_behind(const Whom& who) {
    write(5);
    c.crash(who);
    write(3 * interval + 5);
  }
  void everything_is_there() {
    c.run_until_normal();
    c.request("last").expect_reply();
    names.push_back("last");
    c.run_for(milliseconds(500)).expect_log(names).on(all);
  }
};

TEST(Sync, AReplicaThatIsBehindEverybodysLogTakesOverACheckpoint) {
  Story s;
  s.fall_behind(node(2));
  s.c.restart(node(2));
  s.everything_is_there();
  s.c.expect_mark(Mark::sync_done).expect_no_mark(Mark::sync_section_refused);
  s.c.expect_that(s.c.view(node(2)).started_at > Op(2 * interval), "it began with the checkpoint");
}

TEST(Sync, WhatWasTakenOverIsStartedFrom) {
  Story s;
  s.fall_behind(node(2));
  s.c.restart(node(2));
  s.everything_is_there();
  s.c.crash(all).restart(all);
  s.everything_is_there();
  s.c.expect_that(s.c.count(node(2), Counter::syncs_started) == 0, "its own checkpoint is enough");
}

TEST(Sync, WhoTookOverAStateLeadsWithIt) {
  Story s;
  s.fall_behind(node(1));
  s.c.restart(node(1));
  s.c.run_until_normal().run_for(milliseconds(500));
  s.c.crash(node(0)).run_until_normal().expect_primary(node(1));
  s.write(5);
  s.c.restart(node(0));
  s.everything_is_there();
}

// The view falls to the one that can't lead it: it gives it away, and comes back as a backup.
TEST(Sync, WhoIsTooFarBehindHandsTheViewOver) {
  Story s;
  s.fall_behind(node(1));
  s.c.crash(node(0)).restart(node(1)).run_until_normal().expect_primary(node(2));
  s.c.expect_mark(Mark::vsr_forfeited);
  s.write(5);
  s.c.restart(node(0));
  s.everything_is_there();
  s.c.expect_mark(Mark::sync_done);
}

// The state that it takes over is cut into more sections than the one that it has.
TEST(Sync, TakesOverACheckpointOfMoreSections) {
  Story s;
  const auto sections = [&](Who who) {
    u64 count = 0;
    while (s.c.has(who, checkpoint_section(count))) ++count;
    return count;
  };
  const auto read = [&](u32 count) {
    for (u32 i = 0; i < count; ++i) s.c.get("k0").expect_value("k0");
    s.c.run().run();
  };
  s.write(3);
  read(interval + 5);
  s.c.crash(node(2));
  EXPECT_EQ(sections(node(2)), 2u);
  s.write(20);
  read(3 * interval);
  s.c.restart(node(2)).run_until_normal().run_for(milliseconds(500));
  s.c.expect_mark(Mark::sync_done).expect_no_mark(Mark::sync_section_refused);
  EXPECT_EQ(sections(node(2)), 9u);
  s.c.crash({node(0), node(2)}).restart(node(2)).run_until_normal();
  s.c.expect_that(s.c.view(node(2)).started_at > Op(2 * interval), "it starts with what it took over");
  for (const auto& name : s.names) s.c.get(name).expect_value(name);
}

// Without the first op the log below it is of no use.
TEST(Sync, ADamagedCheckpointIsFetchedAgain) {
  Story s;
  s.write(3 * interval + 5);
  s.c.crash(node(1)).corrupt(node(1), checkpoint_section(0)).corrupt(node(1), record(1)).restart(node(1));
  s.everything_is_there();
  s.c.expect_mark(Mark::checkpoint_damaged).expect_mark(Mark::sync_stateless).expect_mark(Mark::sync_done);
}

// The newest checkpoint is of the newest op, and the primary passed over it. Who loses it, and with it all of its log,
// has no op left to ack: it says in another way that it needs one.
TEST(Sync, WhoHasNothingLeftAsksForACheckpoint) {
  Story s;
  const auto more = [&] { s.c.request(s.names.emplace_back("k" + std::to_string(s.names.size()))).expect_reply(); };
  const auto covers_all = [&](Who who) { return s.c.view(who).checkpoint_op == s.c.view(who).head; };
  s.write(5);
  s.c.crash(node(0)).run_until_normal().restart(node(0)).run_until_normal().slow_disk(node(0), milliseconds(60));
  while (s.c.view(node(1)).head.raw() < 2 * interval - 1) more();
  for (u32 i = 0; i < 4 && !(covers_all(node(1)) && covers_all(node(2))); ++i) {
    more();
    s.c.run_for(milliseconds(15));
  }
  s.c.expect_that(covers_all(node(1)), "node 1 has the newest one");
  const Op newest = s.c.view(node(1)).head;
  more();  // or node 0 would make it late
  s.c.run_for(seconds(1)).good_disk(node(0)).run_for(seconds(1));
  for (int i = 0; i < 3 && s.c.id(primary) != NodeId(0); ++i) s.c.hand_over(primary).run_until_normal();
  s.c.expect_primary(node(0));
  s.c.expect_that(s.c.view(node(0)).checkpoint_op < newest, "the primary passed over it");
  s.c.crash(node(1))
      .corrupt(node(1), checkpoint_section(0))
      .corrupt(node(1), record(newest.raw() - s.c.op(0).raw()))
      .restart(node(1));
  s.c.run_for(seconds(3));
  s.c.expect_that(s.c.view(node(1)).commit_min >= newest, "it has a state again, though nobody wrote anything");
  s.everything_is_there();
  s.c.expect_mark(Mark::sync_checkpoint_wanted).expect_mark(Mark::sync_done);
}

// Two of five are behind: what a quorum needs of them waits for the transfer.
TEST(Sync, TwoOfFiveAtOnce) {
  Story s(5);
  s.fall_behind({node(3), node(4)});
  s.c.restart({node(3), node(4)});
  s.everything_is_there();
}

// The source of the pieces dies: the other one has the same checkpoint.
TEST(Sync, AnotherSourceGoesOn) {
  Story s;
  s.fall_behind(node(2));
  s.c.block(node(1), node(2), Command::section).restart(node(2)).run_for(milliseconds(30));
  s.c.block(node(0), node(2), Command::section).unblock();
  s.everything_is_there();
  s.c.expect_mark(Mark::sync_done);
}

// However far behind a backup is, its ack counts: it fetches what isn't committed before all that it lacks below.
TEST(Sync, WhoIsFarBehindAcksWhatIsNew) {
  Story s;
  s.fall_behind(node(2));
  s.c.block(node(0), node(1), Command::prepare).request("last");
  s.c.run_for(milliseconds(20)).crash(all);
  s.c.block(all, node(2), {Command::manifest, Command::headers}).restart({node(0), node(2)}).run_until_normal();
  s.c.run_for(seconds(1));
  s.c.expect_that(s.c.view(node(2)).commit_min < Op(3 * interval), "it is behind");
  s.c.expect_that(s.c.view(node(0)).commit_max == s.c.view(node(0)).head, "nothing waits");
}

// The others have gone on without it, beyond what its log can hold. What it has in flight stays in its log while it
// leads, it doesn't lead for long, and nobody is told of a checkpoint that its view doesn't know. Who hears the others
// all the time never abdicates.
TEST(Sync, AnOldPrimaryThatIsTooFarBehindGivesItsViewUp) {
  auto c = Cluster::of(3, {.clients = 2, .journal_ops = 256, .abdicate = seconds(3)});
  const Who old = c.pin(primary);
  c.request("a").expect_reply();
  c.block(old, all).block(all, old).request("lost", client(1)).run_for(milliseconds(10)).cut_off_clients(old);
  const GroupView before = c.view(old);
  c.expect_that(before.primary && before.head > before.commit_max, "it has something in flight");
  for (u32 i = 0; i < 400; ++i) c.request("k" + std::to_string(i)).expect_reply();
  c.unblock().heal();
  c.request("last").expect_reply();
  c.run_until_normal().run_for(milliseconds(500));
  c.expect_that(c.view(old).commit_min == c.view(primary).commit_min, "it has all");
  for (const Who who : {node(0), node(1), node(2)})
    c.expect_that(c.count(who, Counter::drop_field) == 0, "nobody was told nonsense");
}

// Found by a run of six with short logs: it made room by letting go of all that it had, and its last op, which nobody
// else had ever seen, became what the log was to be chained to.
TEST(Sync, MakingRoomALogGivesWayOnlyAsFarAsItIsCommitted) {
  auto c = Cluster::of(3, {.clients = 2, .journal_ops = 256, .abdicate = seconds(3)});
  const Who old = c.pin(primary);
  for (u32 i = 0; i < 20; ++i) c.request("a" + std::to_string(i)).expect_reply();
  c.block(old, all).block(all, old).request("lost", client(1)).run_for(milliseconds(10)).cut_off_clients(old);
  const GroupView before = c.view(old);
  c.expect_that(before.primary && before.head > before.commit_max, "it has something in flight");
  for (u32 i = 0; i < 240; ++i) c.request("k" + std::to_string(i)).expect_reply();
  const Op head = c.view(primary).head;
  c.expect_that(head > before.floor + 256 && head <= before.head + 256, "only all of its log is enough room");
  c.unblock().heal();
  for (u32 ms = 0; ms < 1000 && c.view(old).log_view == before.log_view; ++ms) c.run_for(milliseconds(1));
  c.expect_that(c.view(old).floor == before.commit_max, "what was in flight is not where its log begins");
  c.request("last").expect_reply();
  c.run_until_normal().run_for(milliseconds(500));
  c.expect_that(c.view(old).commit_min == c.view(primary).commit_min, "it has all");
}

// Pieces that nobody asked for, late, or of another checkpoint, change nothing.
TEST(Sync, LatePiecesAreDropped) {
  Story s;
  s.fall_behind(node(2));
  const Recorded pieces = s.c.record(all, node(2), Command::section);
  s.c.restart(node(2));
  s.everything_is_there();
  s.c.expect_that(!pieces->empty(), "there were some");
  const std::vector<Message> again = *pieces;
  for (const Message& piece : again) s.c.replay(piece);
  s.c.run_for(milliseconds(50));
  s.c.expect_that(s.c.count(node(2), Counter::drop_not_asked) >= again.size(), "dropped");
  s.everything_is_there();
}

struct Moments {
  const char* name;
  Trigger trigger;
  Moment moment;
};
void PrintTo(const Moments& moment, std::ostream* out) { *out << moment.name; }

class CrashInSync : public testing::TestWithParam<Moments> {};

TEST_P(CrashInSync, StartsAgain) {
  for (const CrashKind kind : {CrashKind::process, CrashKind::power}) {
    Story s;
    s.fall_behind(node(2));
    s.c.restart(node(2)).crash_on(node(2), GetParam().trigger, GetParam().moment, kind);
    s.c.run_until_down(node(2)).restart(node(2));
    s.everything_is_there();
    s.c.expect_mark(Mark::sync_started).expect_no_mark(Mark::checkpoint_damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(, CrashInSync,
                         testing::Values(Moments{"BeforeTheFirstBlock", writing(Zone::checkpoint), Moment::before},
                                         Moments{"AfterTheFirstBlock", writing(Zone::checkpoint), Moment::after},
                                         Moments{"AfterTheThird", writing(Zone::checkpoint, 3), Moment::after},
                                         Moments{"BeforeItsRecord", writing(Command::group_checkpoint), Moment::before},
                                         Moments{"AfterItsRecord", writing(Command::group_checkpoint), Moment::after}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace keelson::test
