#include "keelson/sim/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto loss = Site::net_loss;
constexpr auto delay = Site::net_delay;

// A small run: what a link might draw. Returns everything it was told.
std::vector<u64> drive(Tape& tape, int messages) {
  std::vector<u64> told;
  const Stream out = tape.stream("net/0.0>1.0");
  const Stream back = tape.stream("net/1.0>0.0");
  for (int i = 0; i < messages; ++i) {
    told.push_back(out.chance(loss, 300'000) ? 1 : 0);
    told.push_back(out.exponential(delay, 500'000));
    told.push_back(back.range(delay, 100, 200));
  }
  return told;
}

TEST(Seeded, GivesTheSameDrawsOnEveryCompiler) {
  Tape tape(SeededTape{4815162342});
  const Stream link = tape.stream("net/0.0>1.0");
  struct Row {
    u64 below, fires, exponential, range, bits;
  };
  for (const Row& row :
       {Row{601, 0, 897'516, 26'238, 8555694466981087949u}, Row{544, 1, 1'576'865, 1'466, 16307848379997275683u}}) {
    EXPECT_EQ(link.below(delay, 1'000), row.below);
    EXPECT_EQ(link.chance(loss, 300'000), row.fires == 1);
    EXPECT_EQ(link.exponential(delay, u64{500'000}), row.exponential);
    EXPECT_EQ(link.range(delay, 100, 30'000), row.range);
    EXPECT_EQ(link.bits64(Site::kernel_entropy), row.bits);
  }
}

TEST(Seeded, AStreamDoesNotNoticeTheDrawsOfAnother) {
  Tape alone(SeededTape{1});
  Tape beside(SeededTape{1});
  const Stream a = alone.stream("disk/0.0");
  const Stream other = beside.stream("disk/1.0");
  const Stream b = beside.stream("disk/0.0");
  for (int i = 0; i < 100; ++i) {
    other.draw(Site::disk_torn_sector, 4);
    const u64 expected = a.draw(Site::disk_write_latency, 1'000);
    EXPECT_EQ(b.draw(Site::disk_write_latency, 1'000), expected);
  }
}

TEST(Seeded, InternsStreamsByName) {
  Tape tape(SeededTape{1});
  EXPECT_EQ(tape.stream("a").id(), tape.stream("a").id());
  EXPECT_NE(tape.stream("a").id(), tape.stream("b").id());
}

TEST(Draws, WithoutAChoiceTakeNothingFromTheTape) {
  Tape tape(SeededTape{9}, Recording::on);
  const Stream stream = tape.stream("x");
  EXPECT_FALSE(stream.chance(loss, 0));
  EXPECT_EQ(stream.exponential(delay, u64{0}), 0u);
  EXPECT_EQ(stream.below(delay, 1), 0u);
  EXPECT_EQ(stream.range(delay, 7, 7), 7u);
  EXPECT_EQ(tape.recorded_decisions(), 0u);
}

TEST(Draws, AreQuietOnAnEmptyTape) {
  Tape tape(SparseTape{{}, TapeBase::quiet()});
  const Stream stream = tape.stream("x");
  EXPECT_FALSE(stream.chance(loss, 999'999));
  EXPECT_TRUE(stream.chance(loss, ppm_one)) << "certain is certain";
  EXPECT_EQ(stream.range(delay, 5, 9), 5u);
  EXPECT_EQ(stream.exponential(delay, 1000), 0u);
  constexpr u64 weights[] = {0, 3, 1};
  EXPECT_EQ(stream.weighted(Site::work_operation, weights), 1u);
  std::vector<int> items{1, 2, 3, 4};
  stream.shuffle(Site::turn_bag_shuffle, std::span(items));
  EXPECT_THAT(items, ElementsAre(1, 2, 3, 4));
}

TEST(Draws, ChanceFiresAsOftenAsItsRateSays) {
  Tape tape(SeededTape{3});
  const Stream stream = tape.stream("x");
  int fired = 0;
  for (int i = 0; i < 100'000; ++i) fired += stream.chance(loss, 50'000) ? 1 : 0;
  EXPECT_NEAR(fired, 5'000, 350);  // five standard deviations
}

TEST(Draws, WeightedChoosesByWeight) {
  Tape tape(SeededTape{3});
  const Stream stream = tape.stream("x");
  constexpr u64 weights[] = {1, 0, 3};
  std::array<int, 3> chosen{};
  for (int i = 0; i < 40'000; ++i) ++chosen[stream.weighted(Site::work_operation, weights)];
  EXPECT_NEAR(chosen[0], 10'000, 450);
  EXPECT_EQ(chosen[1], 0);
  EXPECT_NEAR(chosen[2], 30'000, 450);
}

TEST(Draws, ShuffleTakesOneFewerThanItemsAndOneNonZeroMovesOneItem) {
  Tape tape(SparseTape{{{"x", {{Site::turn_bag_shuffle, 1, 2}}}}, TapeBase::quiet()}, Recording::on);
  std::vector<int> items{1, 2, 3, 4};
  tape.stream("x").shuffle(Site::turn_bag_shuffle, std::span(items));
  EXPECT_THAT(items, ElementsAre(1, 4, 2, 3));
  EXPECT_EQ(tape.recorded_decisions(), 3u);
}

TEST(Draws, Bits64DifferByStreamAndCountEvenWhenQuiet) {
  Tape tape(SparseTape{{}, TapeBase::quiet()});
  std::set<u64> seen;
  for (const auto* name : {"kernel/0.0", "kernel/0.1", "kernel/1.0"})
    for (int i = 0; i < 3; ++i) seen.insert(tape.stream(name).bits64(Site::kernel_entropy));
  EXPECT_EQ(seen.size(), 9u);
}

TEST(Recorded, GivesTheRunBackWithItsBits) {
  Tape first(SeededTape{77}, Recording::on);
  const auto told = drive(first, 50);
  const u64 entropy = first.stream("kernel/0.0").bits64(Site::kernel_entropy);
  Tape again(RecordedTape{first.recording(), {}}, Recording::on);
  EXPECT_EQ(drive(again, 50), told);
  EXPECT_EQ(again.stream("kernel/0.0").bits64(Site::kernel_entropy), entropy);
  EXPECT_FALSE(again.divergence());
  EXPECT_EQ(again.recording(), first.recording());
}

TEST(Recorded, RecordingChangesNoDraw) {
  Tape plain(SeededTape{77});
  Tape recording(SeededTape{77}, Recording::on);
  EXPECT_EQ(drive(plain, 20), drive(recording, 20));
}

TEST(Recorded, AskingForMoreIsDivergenceAndTheRestIsQuiet) {
  Tape tape(RecordedTape{{{"x", {{loss, 5}, {delay, 3}, {loss, 6}}}}, {}});
  const Stream x = tape.stream("x");
  EXPECT_EQ(x.draw(loss, 10), 5u);
  EXPECT_EQ(x.draw(delay, 10), 3u);
  EXPECT_EQ(x.draw(loss, 10), 6u);
  EXPECT_FALSE(tape.divergence());
  EXPECT_EQ(x.draw(loss, 10), 0u);
  ASSERT_TRUE(tape.divergence());
  EXPECT_EQ(tape.divergence()->describe(),
            "stream x, site net.loss, draw 2 (decision 3 of the stream): the tape has no further decision");
}

TEST(Recorded, AWrongSiteIsDivergence) {
  Tape tape(RecordedTape{{{"x", {{loss, 5}, {loss, 6}}}}, {}});
  const Stream x = tape.stream("x");
  x.draw(loss, 10);
  EXPECT_EQ(x.draw(delay, 10), 0u);
  ASSERT_TRUE(tape.divergence());
  EXPECT_THAT(tape.divergence()->describe(), HasSubstr("site net.delay, draw 0"));
  EXPECT_THAT(tape.divergence()->describe(), HasSubstr("has a decision for net.loss here"));
  EXPECT_EQ(x.draw(loss, 10), 0u) << "nothing after a divergence means anything";
}

TEST(Recorded, AValueBeyondTheBoundIsDivergence) {
  Tape tape(RecordedTape{{{"x", {{loss, 10}}}}, {}});
  EXPECT_EQ(tape.stream("x").draw(loss, 10), 0u);
  ASSERT_TRUE(tape.divergence());
  EXPECT_THAT(tape.divergence()->describe(), HasSubstr("the tape says 10, the run allows 0 to 9"));
}

TEST(Recorded, ExtendedGoesOnAsTheSeedWouldHave) {
  Tape whole(SeededTape{5});
  const auto told = drive(whole, 30);
  Tape part(SeededTape{5}, Recording::on);
  drive(part, 10);
  Tape extended(RecordedTape{part.recording(), TapeBase::seeded(5)});
  EXPECT_EQ(drive(extended, 30), told);
  EXPECT_FALSE(extended.divergence());
}

TEST(Sparse, OverridesByAddressOverQuiet) {
  Tape tape(SparseTape{{{"x", {{loss, 2, 9}, {delay, 0, 4}}}}, TapeBase::quiet()});
  const Stream x = tape.stream("x");
  const u64 l0 = x.draw(loss, 10), d0 = x.draw(delay, 10), l1 = x.draw(loss, 10), d1 = x.draw(delay, 10);
  const u64 l2 = x.draw(loss, 10), l3 = x.draw(loss, 10);
  EXPECT_THAT((std::vector{l0, d0, l1, d1, l2, l3}), ElementsAre(0, 4, 0, 0, 9, 0));
  EXPECT_EQ(tape.sparse_use().used, 2u);
  EXPECT_EQ(tape.sparse_use().unused, 0u);
}

TEST(Sparse, OverASeedMovesNothingElse) {
  Tape plain(SeededTape{8});
  Tape overridden(SparseTape{{{"net/0.0>1.0", {{loss, 3, 999'999}}}}, TapeBase::seeded(8)});
  auto expected = drive(plain, 20);
  expected[9] = 1;  // the fourth loss decision
  EXPECT_EQ(drive(overridden, 20), expected);
}

TEST(Sparse, ClampsAndCountsWhatDoesNotFit) {
  Tape tape(SparseTape{{{"x", {{loss, 0, 50}, {loss, 7, 1}}}, {"never", {{delay, 0, 1}}}}, TapeBase::quiet()});
  EXPECT_EQ(tape.stream("x").draw(loss, 10), 9u);
  const auto use = tape.sparse_use();
  EXPECT_EQ(use.used, 1u);
  EXPECT_EQ(use.clamped, 1u);
  EXPECT_EQ(use.unused, 2u);
}

TEST(Sparse, OfTwoEntriesWithOneAddressTheLastCounts) {
  Tape tape(SparseTape{{{"x", {{loss, 0, 3}, {loss, 0, 4}}}}, TapeBase::quiet()});
  EXPECT_EQ(tape.stream("x").draw(loss, 10), 4u);
}

TEST(ByAddress, OfARecordingReproducesItOverTheSeedAndOverQuiet) {
  Tape first(SeededTape{21}, Recording::on);
  const auto told = drive(first, 40);
  Tape over_seed(SparseTape{by_address(first.recording(), QuietDecisions::keep), TapeBase::seeded(99)});
  Tape over_quiet(SparseTape{by_address(first.recording(), QuietDecisions::drop), TapeBase::quiet()});
  EXPECT_EQ(drive(over_seed, 40), told);
  EXPECT_EQ(drive(over_quiet, 40), told);
  EXPECT_EQ(over_quiet.sparse_use().unused, 0u);
}

TEST(Sites, HaveUniqueNamesThatResolve) {
  std::set<std::string_view> names(std::begin(site_names), std::end(site_names));
  EXPECT_EQ(names.size(), site_count);
  EXPECT_EQ(site_named("disk.torn_sector"), Site::disk_torn_sector);
  EXPECT_FALSE(site_named("disk.tornx"));
}

}  // namespace
}  // namespace keelson::sim
