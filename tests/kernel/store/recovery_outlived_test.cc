// Pages that one start can't read, and a later one can: their numbers were given out again meanwhile.
#include <gtest/gtest.h>

#include "tests/kernel/store/damaged_log.h"

namespace keelson::test {
namespace {

class Outlived : public DamagedLog {
 protected:
  // Three batches of group 1; the third can't be read as the next life begins.
  void SetUp() override {
    DamagedLog::SetUp();
    life->open();
    write_ops(chain, 3);
    place = page_of(3);
    entry = disk.read(Zone::index, slot_of(3), page_bytes);
    record = disk.read(Zone::wal, place, page_bytes);
    spoil_entry(3);
    disk.fill(Zone::wal, place, page_bytes, garbage);
  }
  void next_life() {
    disk.forget_in_flight();
    begin().open();
  }
  void read_again() {
    disk.write(Zone::index, slot_of(3), entry);
    disk.write(Zone::wal, place, record);
  }
  void expect_gone() {
    const RecoveredGroup& group = recover();
    EXPECT_FALSE(group.log.has_room(Op(3)) && is_whole(group.log.at(Op(3))));
    EXPECT_TRUE(group.head_unknown) << "the start that could not read it had said so";
  }

  u64 place = 0;
  std::vector<std::byte> entry;
  std::vector<std::byte> record;
};

TEST_F(Outlived, WhatTheLastLifeCouldNotReadDoesNotComeBack) {
  next_life();
  write_ops(other, 2);  // 3 and 4
  read_again();
  expect_gone();
  EXPECT_EQ(life->take(2).head, Op(2));
}

TEST_F(Outlived, NorDoesWhatALifeBeforeItCouldNotRead) {
  next_life();
  write_ops(other, 2);
  next_life();
  write_ops(other, 1);  // 5: this life alone says nothing of 3
  read_again();
  expect_gone();
  EXPECT_EQ(life->take(2).head, Op(3));
}

}  // namespace
}  // namespace keelson::test
