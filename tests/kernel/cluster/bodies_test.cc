// Bodies: large values stay in the log, and are read back wherever they are by then: in the log, in a blob of a
// checkpoint, on a peer.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

const u32 interval = Limits::tiny().checkpoint_ops;

struct Story {
  Cluster c;
  std::vector<std::string> names;

  explicit Story(u16 replicas = 3, u16 clients = 1) : c(Cluster::of(replicas, shape(clients))) {}
  static Shape shape(u16 clients) {
    Shape shape;
    shape.clients = clients;
    return shape;
  }
  // Keys and values of 64 bytes: larger than a machine keeps in memory on tiny limits.
  static std::string large(u64 number) { return "large " + std::to_string(number) + std::string(50, '.'); }
  void write(u64 count) {
    for (u64 i = 0; i < count; ++i) {
      names.push_back(large(names.size()));
      c.request(names.back()).expect_reply();
    }
    c.run().run();
  }
  void write_small(u64 count) {
    for (u64 i = 0; i < count; ++i) c.request("small " + std::to_string(i)).expect_reply();
    c.run().run();
  }
  void everything_is_there() {
    for (const std::string& name : names) value_is(name);
  }
  void value_is(const std::string& name) {
    const Asked read = c.get(name);
    c.run().run();
    read.expect_value(name);
  }
};

TEST(Bodies, AreReadFromTheLog) {
  Story s;
  s.write(20);  // more than is kept in memory
  s.everything_is_there();
  s.c.expect_mark(Mark::body_from_log).expect_no_mark(Mark::body_from_blob);
}

TEST(Bodies, AreReadFromACheckpointWhenTheirOpsLeftTheLog) {
  Story s;
  s.write(20);
  s.write_small(3 * interval);
  s.c.expect_that(s.c.view(primary).floor > s.c.op(20), "they left the log");
  s.everything_is_there();
  s.c.expect_mark(Mark::body_from_blob);
}

TEST(Bodies, SurviveAStart) {
  Story s;
  s.write(20);
  s.write_small(interval);
  s.write(10);
  s.c.crash(all).restart(all).run_until_normal();
  s.everything_is_there();
  s.c.expect_mark(Mark::checkpoint_loaded);
}

TEST(Bodies, ADamagedRecordIsAskedOfAPeer) {
  Story s;
  s.write(20);
  s.c.corrupt(primary, record(2));
  s.value_is(s.names[1]);
  s.c.expect_mark(Mark::body_from_peer);
  s.everything_is_there();
}

TEST(Bodies, ADamagedBlobIsAskedOfAPeerAndWrittenAnew) {
  Story s;
  s.write(20);
  s.write_small(3 * interval);
  for (u64 blob = 0; s.c.has(primary, checkpoint_blob(blob)); ++blob) s.c.corrupt(primary, checkpoint_blob(blob));
  s.everything_is_there();
  s.c.expect_mark(Mark::body_from_peer).expect_mark(Mark::body_given_from_blob);
  s.write_small(2 * interval);
  const u64 damaged = s.c.count(primary, Counter::bodies_damaged);
  s.everything_is_there();
  s.c.expect_that(s.c.count(primary, Counter::bodies_damaged) == damaged, "it is whole");
}

TEST(Bodies, AloneALostOneIsSaidToBeLost) {
  Story s(1);
  s.write(10);
  s.write_small(3 * interval);
  for (u64 blob = 0; s.c.has(node(0), checkpoint_blob(blob)); ++blob) s.c.corrupt(node(0), checkpoint_blob(blob));
  const Asked read = s.c.get(s.names[0]);
  s.c.run().run();
  read.expect_refused(Status::body_lost);
  s.write_small(2 * interval);  // and it goes on
  s.value_is("small 0");
}

TEST(Bodies, AnOverwrittenOneIsLetGo) {
  Story s;
  for (u32 i = 0; i < 3 * interval; ++i) s.c.request(Story::large(i % 2)).expect_reply();
  s.c.run().run();
  for (u16 n = 0; n < 3; ++n) s.c.expect_that(s.c.view(node(n)).retained_bytes < 3 * 1024, "two are retained");
  for (const u64 i : {0u, 1u}) s.value_is(Story::large(i));
}

TEST(Bodies, OfAReplyStayUntilTheClientHasIt) {
  Story s(3, 2);
  s.write(12);
  s.c.cut_off_clients(all, Direction::outbound);
  const Asked read = s.c.get(s.names[0], client(1));
  s.c.run().run();
  read.expect_no_reply();
  s.c.heal();
  s.c.run().run();
  read.expect_value(s.names[0]);
}

TEST(Bodies, AStateFromAPeerHasThem) {
  Story s;
  s.c.cut_off(backup(1));
  const Who late = s.c.pin(backup(1));
  s.write(20);
  s.write_small(5 * interval);
  s.c.heal().run_until([&] { return s.c.view(late).commit_min == s.c.view(primary).commit_min; }, "it caught up");
  s.c.expect_mark(Mark::sync_done);
  s.c.crash(primary).run_until_normal();
  for (u32 i = 0; i < 3 && s.c.id(primary) != s.c.id(late); ++i) s.c.hand_over(primary).run_for(seconds(1));
  s.c.expect_primary(late);
  s.everything_is_there();
  s.c.expect_mark(Mark::body_from_blob);
}

TEST(Bodies, WhatIsLeftOfASparseBlobMoves) {
  Story s;
  s.write(60);
  s.write_small(3 * interval);
  for (u32 i = 0; i < 60; ++i)
    if (i % 10 != 0) s.c.request(Story::large(i)).expect_reply();  // at another op now
  s.c.run().run();
  s.write_small(3 * interval);
  s.c.expect_mark(Mark::blob_repacked);
  s.everything_is_there();
  s.c.crash(all).restart(all).run_until_normal();
  s.everything_is_there();
}

}  // namespace
}  // namespace keelson::test
