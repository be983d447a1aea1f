// The registry of statuses: each number and name once, in its owner's range, with a text; total on numbers.
#include "keelson/base/status.h"

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace keelson {
namespace {

struct Entry {
  std::string name;
  unsigned number;
};
const std::vector<Entry> entries{
#define X(name, number, outcome, meaning, advice) {#name, number},
    KEELSON_STATUSES(X)
#undef X
};

TEST(Status, NumbersAndNamesAreUnique) {
  std::set<std::string> names;
  std::set<unsigned> numbers;
  for (const auto& entry : entries) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    EXPECT_TRUE(numbers.insert(entry.number).second) << entry.name;
    EXPECT_EQ(info(static_cast<Status>(entry.number)).name, entry.name);
  }
}

TEST(Status, EachSaysWhatItMeans) {
  for (const auto& entry : entries) {
    const auto known = info(static_cast<Status>(entry.number));
    EXPECT_GT(std::string(known.meaning).size(), 3u) << entry.name;
    const bool for_clients = known.outcome == Outcome::not_executed && entry.name != "corrupt_snapshot";
    EXPECT_TRUE(!for_clients || std::string(known.advice).size() > 3) << entry.name << ": what should its client do?";
  }
}

TEST(Status, ProtocolGatewayAndMachinesKeepToTheirRanges) {
  for (const auto& entry : entries) EXPECT_TRUE(entry.number < 0x40 || entry.number >= 0x60) << entry.name;
  EXPECT_EQ(static_cast<unsigned>(Status::ok), 0u);
  EXPECT_LT(static_cast<unsigned>(Status::session_mismatch), 0x40u);
  EXPECT_GE(static_cast<unsigned>(Status::not_found), 0x60u);
}

TEST(Status, ANumberOfANewerReleaseIsAnUnknownOutcome) {
  std::set<unsigned> known;
  for (const auto& entry : entries) known.insert(entry.number);
  for (unsigned number = 0; number < 0x10000; ++number) {
    if (known.contains(number)) continue;
    ASSERT_EQ(info(static_cast<Status>(number)).outcome, Outcome::unknown) << number;
    ASSERT_STREQ(info(static_cast<Status>(number)).name, "unrecognized");
  }
}

// A client repeats what was not executed, so this column is a promise.
TEST(Status, OutcomesThatClientsRelyOn) {
  for (const Status refused : {Status::not_primary, Status::busy, Status::session_unknown, Status::out_of_order,
                               Status::sessions_full, Status::storage_full, Status::clock_unsynchronized})
    EXPECT_EQ(info(refused).outcome, Outcome::not_executed) << info(refused).name;
  for (const Status done : {Status::ok, Status::already_done, Status::body_lost, Status::not_found})
    EXPECT_EQ(info(done).outcome, Outcome::executed) << info(done).name;
  for (const Status open : {Status::deadline_passed, Status::session_mismatch, Status::cancelled})
    EXPECT_EQ(info(open).outcome, Outcome::unknown) << info(open).name;
}

}  // namespace
}  // namespace keelson
