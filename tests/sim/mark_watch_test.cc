// Faults and steps that wait for a rare case of the kernel.
#include "keelson/sim/mark_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/sim/run/cluster.h"
#include "keelson/sim/run/run.h"

namespace keelson::sim {
namespace {

pb::Scenario resolved(const std::string& text) {
  const auto scenario = parse_scenario("name: \"x\" background: NONE tail: NONE " + text, "x.textproto", {});
  EXPECT_TRUE(scenario) << scenario.error()[0].describe();
  Tape tape(SeededTape{1});
  return resolve(scenario.value_or(pb::Scenario()), {}, tape);
}

RunReport run(const std::string& text) {
  Tape tape(SeededTape{1});
  return run_scenario(resolved(text), tape, {"", 1, nullptr, {}});
}

u64 of(const std::map<std::string, u64>& counts, const std::string& name) {
  const auto at = counts.find(name);
  return at == counts.end() ? 0 : at->second;
}

const std::string ten_seconds = "workload { kv { } requests: 300 } phase { name: \"p\" duration_ms: 10000 } ";

// Who looks at each turn, behind the watch.
struct Turns final : Observer {
  Turns(World& world, const MarkWatch& watch) : marks(watch) { world.add_observer(*this); }
  void on_turn(const TurnSeen& turn) override {
    for (const Mark mark : marks.reached()) {
      EXPECT_NE(turn.program.shard(), nullptr) << "only shards have marks";
      ++reached[name_of(mark)];
    }
  }
  const MarkWatch& marks;
  std::map<std::string, u64> reached;
};

TEST(MarkWatch, SeesEachTurnThatReachesAMark) {
  const pb::Scenario scenario = resolved("step { when { mark: \"superblock_update\" } do { heal {} } }");
  Tape tape(SeededTape{1});
  RunCluster cluster(scenario, tape, 1, nullptr);
  const MarkWatch marks(cluster.world, waits_for_marks(scenario));
  ASSERT_TRUE(marks.on());
  const Turns turns(cluster.world, marks);
  cluster.world.start_all();
  cluster.world.run_for(seconds(2));
  cluster.world.crash(NodeId(1), CrashKind::process);
  cluster.world.start(NodeId(1));
  cluster.world.run_for(seconds(2));
  const u64 updates = of(turns.reached, "superblock_update");
  EXPECT_GT(updates, 0u);
  EXPECT_EQ(marks.turns(Mark::superblock_update), updates);
  EXPECT_EQ(of(cluster.shards.marks(), "superblock_update"), updates) << "a turn reaches this one once at most";
}

// Each moment beside what leaves the shard in that turn, or has come to it.
struct Moments final : Observer {
  Moments(World& world, const MarkWatch& watch) : marks(watch) { world.add_observer(*this); }
  void on_turn(const TurnSeen& turn) override {
    for (const Mark mark : marks.reached()) seen[mark] += shows(turn, mark);
    for (const Mark mark : marks.reached()) ++reached[mark];
  }
  static bool writes(const TurnSeen& turn, Zone zone) {
    return std::any_of(turn.out.writes.begin(), turn.out.writes.end(), [=](const Write& w) { return w.zone == zone; });
  }
  static bool sends(const TurnSeen& turn, Command command) {
    return std::any_of(turn.out.sends.begin(), turn.out.sends.end(),
                       [=](const auto& send) { return send.message.header().command == command; });
  }
  static bool shows(const TurnSeen& turn, Mark mark) {
    switch (mark) {
      case Mark::superblock_update:
        return writes(turn, Zone::superblock);
      case Mark::vsr_report_sent:
        return sends(turn, Command::do_view_change);
      case Mark::vsr_became_primary:
        return std::any_of(turn.out.notifications.begin(), turn.out.notifications.end(),
                           [](const Notify& n) { return n.kind == NotifyKind::became_primary; });
      case Mark::wal_freed:
      case Mark::checkpoint_durable:
        return !turn.in.completions.empty();
      default:
        return true;
    }
  }
  const MarkWatch& marks;
  std::map<Mark, u64> seen, reached;
};

TEST(MarkWatch, AMomentIsTheTurnThatItIsCalledAfter) {
  const pb::Scenario scenario = resolved(
      "workload { kv { value_bytes_max: 1500 } requests: 800 think_us: 4000 } "
      "phase { name: \"p\" duration_ms: 10000 partition { of: PRIMARY every_ms: 800 for_ms: 200 } } "
      "step { when { mark: \"wal_freed\" } do { heal {} } }");
  std::unique_ptr<MarkWatch> marks;
  std::unique_ptr<Moments> moments;
  Tape tape(SeededTape{1});
  run_scenario(scenario, tape, {.seed = 1, .prepare = [&](RunCluster& cluster) {
                                  marks = std::make_unique<MarkWatch>(cluster.world, true);
                                  moments = std::make_unique<Moments>(cluster.world, *marks);
                                }});
  for (const Mark mark :
       {Mark::superblock_update, Mark::vsr_report_sent, Mark::vsr_became_primary, Mark::wal_freed,
        Mark::checkpoint_durable, Mark::checkpoint_recorded, Mark::vsr_log_chosen, Mark::vsr_promise_written}) {
    EXPECT_GT(moments->reached[mark], 0u) << name_of(mark);
    EXPECT_EQ(moments->seen[mark], moments->reached[mark]) << name_of(mark);
  }
}

TEST(MarkWatch, IsOffWhereNothingWaitsForAMark) {
  const pb::Scenario scenario = resolved("crash { every_ms: 500 }");
  Tape tape(SeededTape{1});
  RunCluster cluster(scenario, tape, 1, nullptr);
  EXPECT_FALSE(MarkWatch(cluster.world, waits_for_marks(scenario)).on());
}

TEST(AtMarks, ANodeCrashesInTheTurnThatReachesOne) {
  const RunReport report = run(ten_seconds + "crash { at_mark: \"wal_segment_full\" at_mark_ppm: 1000000 }");
  EXPECT_EQ(report.verdict, Verdict::ok) << report.failure->detail;
  EXPECT_GT(of(report.faults, "crash"), 3u);
  EXPECT_GE(of(report.marks, "wal_segment_full"), of(report.faults, "crash"));
  EXPECT_LE(of(report.marks, "wal_segment_full"), of(report.faults, "crash") + 6) << "of the warm-up";
  EXPECT_GT(of(report.faults, "crash.mid_bag"), 0u);
}

TEST(AtMarks, OnlyTheNodesThatAreNamedCrash) {
  Tape tape(SeededTape{1});
  const auto scenario = resolved(ten_seconds + "crash { at_mark: \"wal_segment_full\" at_mark_ppm: 1000000 node: N1 }");
  u32 boots[3] = {};
  run_scenario(scenario, tape, {.seed = 1, .look = [&](RunCluster& cluster) {
                                  for (u16 n = 0; n < 3; ++n) boots[n] = cluster.world.boots(NodeId(n));
                                }});
  EXPECT_EQ(boots[0], 1u);
  EXPECT_GT(boots[1], 1u);
  EXPECT_EQ(boots[2], 1u);
}

TEST(AtMarks, WhatIsReachedSeldomIsStruckMoreOften) {
  const RunReport rare = run(ten_seconds + "crash { rare_mark_ppm: 300000 }");
  EXPECT_EQ(rare.verdict, Verdict::ok) << rare.failure->detail;
  EXPECT_GE(of(rare.faults, "crash"), 5u) << "the first turn of each mark";
  u64 turns = 0;
  for (const auto& [name, hits] : rare.marks) turns += hits;
  EXPECT_LT(of(rare.faults, "crash"), turns / 10);
}

TEST(Steps, HappenWhereAMarkIsReached) {
  const RunReport report = run(ten_seconds +
                               "step { when { mark: \"wal_segment_full\" mark_turns: 9 } "
                               "       do { crash { node: HERE kind: POWER } } for_ms: 300 }");
  EXPECT_EQ(report.verdict, Verdict::ok) << report.failure->detail;
  EXPECT_EQ(of(report.faults, "crash.power"), 1u);
}

}  // namespace
}  // namespace keelson::sim
