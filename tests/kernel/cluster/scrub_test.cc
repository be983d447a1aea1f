// Scrub: what rots on a disk is found while nobody reads it, and is whole again when the next disk fails.
#include <gtest/gtest.h>

#include "tests/lib/cluster/cluster.h"

namespace keelson::test {
namespace {

const u32 interval = Limits::tiny().checkpoint_ops;
constexpr Duration tour = milliseconds(1500);  // more than one takes

Shape scrubbing() {
  Shape shape;
  shape.scrub_every = milliseconds(100);
  return shape;
}

struct Story {
  Cluster c;
  std::vector<std::string> names;

  explicit Story(u16 replicas = 3) : c(Cluster::of(replicas, scrubbing())) {}
  void write(u32 count) {
    for (u32 i = 0; i < count; ++i) {
      names.push_back("k" + std::to_string(names.size()));
      c.request(names.back()).expect_reply();
    }
    c.run().run();
  }
  void everything_is_there() {
    c.crash(all).restart(all).run_until_normal();
    c.request("last").expect_reply();
    names.push_back("last");
    c.run().expect_log(names).on(all);
  }
};

TEST(Scrub, ADamagedRecordIsWrittenAgainFromMemory) {
  Story s;
  s.write(5);
  s.c.corrupt(node(1), record(2)).run_for(tour);
  s.c.expect_mark(Mark::scrub_record);
  s.c.expect_that(s.c.count(node(1), Counter::scrub_damaged_records) == 1, "found once");
  s.c.expect_no_mark(Mark::scrub_repairs_applied_op);
  s.c.run_for(tour);
  s.c.expect_that(s.c.count(node(1), Counter::scrub_damaged_records) == 1, "it is whole");
  s.everything_is_there();
}

TEST(Scrub, AnUnreadableRecordIsFetchedFromAPeer) {
  Story s;
  s.write(20);  // more than is kept in memory
  s.c.unreadable(node(1), record(2)).run_for(tour);
  s.c.expect_mark(Mark::scrub_repairs_applied_op);
  s.c.run_for(tour);
  s.c.expect_that(s.c.count(node(1), Counter::scrub_damaged_records) == 1, "it is whole");
  s.everything_is_there();
}

// Nobody else has it: the next checkpoint does.
TEST(Scrub, AloneACheckpointMakesUpForTheRecord) {
  Story s(1);
  s.write(20);
  s.c.corrupt(node(0), record(2)).run_for(tour);
  s.c.expect_that(s.c.view(node(0)).checkpoint_op > Op(0), "a checkpoint was made");
  s.everything_is_there();
}

TEST(Scrub, EverySectionIsRead) {
  for (u64 section = 0;; ++section) {
    Story s;
    s.write(interval + 5);
    if (!s.c.has(node(1), checkpoint_section(section))) break;
    s.c.corrupt(node(1), checkpoint_section(section)).run_for(tour);
    s.c.expect_mark(Mark::scrub_section);
    s.c.run_for(tour);
    s.c.expect_that(s.c.count(node(1), Counter::scrub_damaged_sections) == 1, "it is whole");
    s.everything_is_there();
    s.c.expect_no_mark(Mark::checkpoint_damaged);
  }
}

TEST(Scrub, BothCopiesOfATableAreRead) {
  for (const u64 copy : {0u, 1u}) {
    Story s;
    s.write(interval + 5);
    s.c.corrupt(node(1), checkpoint_table(copy)).run_for(tour);
    s.c.expect_mark(Mark::scrub_section);
    s.c.run_for(tour);
    s.c.expect_that(s.c.count(node(1), Counter::scrub_damaged_sections) == 1, "it is whole");
    s.everything_is_there();
  }
}

TEST(Scrub, ADamagedIndexPageGivesItsSegmentBack) {
  Story s;
  s.write(interval + 5);
  s.c.corrupt(node(1), entry(2));
  s.c.crash(node(2)).restart(node(2));
  s.write(40);  // the next segments
  s.c.run_for(tour).run_for(tour);
  s.c.expect_mark(Mark::scrub_index);
  s.c.expect_that(s.c.count(node(1), Counter::wal_segments_freed) > 0, "given back");
  s.everything_is_there();
}

TEST(Scrub, EveryCopyOfTheSuperblockIsRead) {
  for (const u64 copy : {0u, 1u, 2u, 3u}) {
    Story s;
    s.write(5);
    s.c.corrupt(node(1), superblock_copy(copy)).run_for(tour);
    s.c.expect_mark(Mark::recovery_superblock_copy_repaired);
    for (const u64 other : {0u, 1u, 2u, 3u})
      if (other != copy) s.c.corrupt(node(1), superblock_copy(other));
    s.c.run_for(tour);
    s.everything_is_there();
  }
}

}  // namespace
}  // namespace keelson::test
