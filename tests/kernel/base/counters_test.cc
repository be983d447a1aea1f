// Counters and marks: named once each, saturating.
#include "keelson/base/counters.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

namespace keelson {
namespace {

TEST(Counters, AreNamedOnceAndExplained) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < Counters::counter_count; ++i) {
    const auto counter = static_cast<Counter>(i);
    EXPECT_TRUE(names.insert(name_of(counter)).second) << name_of(counter);
    EXPECT_GT(std::string(help_of(counter)).size(), 5u) << name_of(counter);
  }
  EXPECT_STREQ(name_of(Counter::drop_header_checksum), "drop_header_checksum");
  EXPECT_STREQ(help_of(Counter::stuck), "selections that had to wait for evidence");
}

TEST(Marks, AreNamedOnceAndHaveAKind) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < Counters::mark_count; ++i) {
    const auto mark = static_cast<Mark>(i);
    EXPECT_TRUE(names.insert(name_of(mark)).second) << name_of(mark);
  }
  EXPECT_STREQ(name_of(Mark::vsr_view_change_stuck), "vsr_view_change_stuck");
  EXPECT_EQ(kind_of(Mark::vsr_view_change_stuck), MarkKind::RARE);
  EXPECT_EQ(kind_of(Mark::vsr_gap_in_prepares), MarkKind::SOMETIMES);
}

TEST(Counters, CountEachOnItsOwn) {
  Counters counters;
  counters.add(Counter::ops_applied);
  counters.add(Counter::ops_applied, 5);
  counters.hit(Mark::wal_lone_marker);
  EXPECT_EQ(counters[Counter::ops_applied], 6u);
  EXPECT_EQ(counters[Mark::wal_lone_marker], 1u);
  u64 others = 0;
  for (std::size_t i = 0; i < Counters::counter_count; ++i) others += counters[static_cast<Counter>(i)];
  EXPECT_EQ(others, 6u);
}

TEST(Counters, Saturate) {
  Counters counters;
  counters.add(Counter::ops_applied, ~u64{0} - 1);
  counters.add(Counter::ops_applied, 1);
  EXPECT_EQ(counters[Counter::ops_applied], ~u64{0});
  counters.add(Counter::ops_applied, 1);
  EXPECT_EQ(counters[Counter::ops_applied], ~u64{0});
  counters.add(Counter::ops_applied, ~u64{0});
  EXPECT_EQ(counters[Counter::ops_applied], ~u64{0});
}

}  // namespace
}  // namespace keelson
