#include "keelson/sim/tape_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

using testing::HasSubstr;

TapeFile recorded_file() {
  Tape tape(SeededTape{11}, Recording::on);
  for (int i = 0; i < 200; ++i) {
    tape.stream("net/0.0>1.0").exponential(Site::net_delay, u64{500'000});
    tape.stream("disk/2.0").chance(Site::disk_stall, 100'000);
  }
  tape.stream("kernel/0.0").bits64(Site::kernel_entropy);
  TapeFile file;
  file.seed = 11;
  file.scenario_hash = Digest{1, 2};
  file.scenario = std::string("\x0a\x04name", 6);
  file.streams = tape.recording();
  file.complete = true;
  file.outcome = TapeOutcome{Digest{3, 4}, 1'000, 60'000'000'000, Verdict::liveness, 0xabcdef};
  return file;
}

TapeFile sparse_file() {
  TapeFile file;
  file.base = TapeBase::seeded(0);  // written as 1, so that it differs from QUIET
  file.streams = std::vector<SparseStream>{
      {"net/0.0>1.0", {{Site::net_loss, 3, 999'999}, {Site::net_loss, 700, 5}, {Site::net_delay, 0, 1}}},
      {"swarm", {}}};
  auto& entries = std::get<1>(file.streams)[0].entries;
  std::sort(entries.begin(), entries.end());
  return file;
}

// The file with one change and a checksum that covers it up: what reaches the checks behind the checksum.
std::string forged(std::string bytes, u64 offset, u8 byte) {
  bytes[offset] = static_cast<char>(byte);
  const u64 sum = check64_of(std::as_bytes(std::span(bytes).first(bytes.size() - 8)), 0);
  std::memcpy(bytes.data() + bytes.size() - 8, &sum, 8);
  return bytes;
}

TEST(TapeFile, ComesBackAsItWasWritten) {
  for (const auto& file : {recorded_file(), sparse_file(), TapeFile{}}) {
    const auto bytes = write_tape(file);
    ASSERT_TRUE(bytes);
    const auto parsed = parse_tape(*bytes);
    ASSERT_TRUE(parsed) << parsed.error().describe();
    EXPECT_EQ(*parsed, file);
  }
}

// As generators and people put sparse tapes together: in any order, and the last word counts.
TEST(TapeFile, TakesEntriesInAnyOrder) {
  TapeFile file;
  file.streams = std::vector<SparseStream>{
      {"nemesis", {{Site::nemesis_wait, 9, 1}, {Site::nemesis_wait, 2, 1}, {Site::nemesis_wait, 9, 7}}}};
  const auto parsed = parse_tape(*write_tape(file));
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(std::get<1>(parsed->streams)[0].entries,
            (std::vector<Override>{{Site::nemesis_wait, 2, 1}, {Site::nemesis_wait, 9, 7}}));
}

TEST(TapeFile, WritesNothingThatCannotBeRead) {
  const auto error_of = [](std::vector<SparseStream> streams, TapeBase base = {}) {
    TapeFile file;
    file.streams = std::move(streams);
    file.base = base;
    const auto written = write_tape(file);
    return written ? "" : written.error().what;
  };
  EXPECT_EQ(error_of({{std::string(256, 'x'), {}}}, TapeBase::seeded(~u64{0} - 1)), "");
  EXPECT_EQ(error_of({{std::string(257, 'x'), {}}}), "a stream name of 257 bytes; at most 256");
  EXPECT_EQ(error_of({{"a", {}}, {"b", {}}, {"a", {}}}), "stream a is there twice");
  EXPECT_EQ(error_of({}, TapeBase::seeded(~u64{0})), "a base with seed 2^64 - 1; at most 2^64 - 2");
  std::vector<SparseStream> many;
  for (int i = 0; i < 4'097; ++i) many.push_back({std::to_string(i), {}});
  EXPECT_EQ(error_of(many), "4097 streams; at most 4096");
}

TEST(TapeFile, NamesEachSiteOnce) {
  auto bytes = *write_tape(sparse_file());
  const auto at = bytes.find("net.delay");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 9, "net.loss_");  // as long as it was
  EXPECT_TRUE(parse_tape(forged(bytes, 0, 'K'))) << "a site that is gone";
  const auto slow = write_tape([] {
    TapeFile file;
    file.streams = std::vector<SparseStream>{{"net/0.0>1.0", {{Site::net_slow, 1, 1}, {Site::net_loss, 1, 2}}}};
    return file;
  }());
  bytes = *slow;
  bytes.replace(bytes.find("net.slow"), 8, "net.loss");
  EXPECT_EQ(parse_tape(forged(bytes, 0, 'K')).error().what, "two sites are named net.loss");
}

TEST(TapeFile, ReplaysTheRun) {
  const auto parsed = parse_tape(*write_tape(recorded_file()));
  ASSERT_TRUE(parsed);
  Tape tape(RecordedTape{std::get<0>(parsed->streams), {}});
  Tape first(SeededTape{11});
  for (int i = 0; i < 200; ++i) {
    const u64 expected = first.stream("net/0.0>1.0").exponential(Site::net_delay, u64{500'000});
    EXPECT_EQ(tape.stream("net/0.0>1.0").exponential(Site::net_delay, u64{500'000}), expected);
  }
  EXPECT_FALSE(tape.divergence());
}

TEST(TapeFile, HasTheDocumentedLayout) {
  const auto bytes = *write_tape(sparse_file());
  EXPECT_EQ(bytes.substr(0, 4), "KTAP");
  EXPECT_EQ(load<u16>(reinterpret_cast<const std::byte*>(bytes.data() + 4)), 1);
  EXPECT_EQ(load<u16>(reinterpret_cast<const std::byte*>(bytes.data() + 6)), 1) << "sparse";
  EXPECT_EQ(load<u64>(reinterpret_cast<const std::byte*>(bytes.data() + 48)), 3u) << "decisions";
  EXPECT_EQ(load<u64>(reinterpret_cast<const std::byte*>(bytes.data() + 56)), 1u) << "seed 0, plus 1";
}

TEST(TapeFile, TakesAtMostSixBytesADecision) {
  const auto file = recorded_file();
  EXPECT_LT(write_tape(file)->size(), 400 * 6 + 200u);
}

TEST(TapeFile, AnyDamageIsRefusedWithAnOffset) {
  const auto bytes = *write_tape(recorded_file());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    const auto parsed = parse_tape(damaged);
    ASSERT_FALSE(parsed) << i;
    EXPECT_LE(parsed.error().offset, bytes.size());
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) EXPECT_FALSE(parse_tape(bytes.substr(0, length)));
}

// Behind a right checksum nothing may be trusted either: no byte value at any place may crash or hang the parser.
TEST(TapeFile, ForgedBytesNeverCrash) {
  for (const auto& file : {recorded_file(), sparse_file()}) {
    const auto bytes = *write_tape(file);
    for (std::size_t i = 0; i + 8 < std::min<std::size_t>(bytes.size(), 400); ++i)
      for (const u8 byte : std::array<u8, 5>{0x00, 0x01, 0x7f, 0x80, 0xff}) {
        const auto parsed = parse_tape(forged(bytes, i, byte));
        EXPECT_TRUE(parsed || parsed.error().offset <= bytes.size());
      }
  }
}

TEST(TapeFile, SaysWhatIsWrong) {
  const auto bytes = *write_tape(sparse_file());
  EXPECT_EQ(parse_tape("hello").error().describe(), "offset 0: not a tape: it doesn't begin with KTAP");
  EXPECT_EQ(parse_tape(forged(bytes, 4, 2)).error().describe(), "offset 4: format 2; this build reads format 1");
  EXPECT_EQ(parse_tape(forged(bytes, 6, 9)).error().describe(), "offset 6: unknown flags 9");
  EXPECT_THAT(parse_tape(bytes.substr(0, bytes.size() - 3)).error().what, HasSubstr("damaged or cut"));
  EXPECT_THAT(parse_tape(forged(bytes, 48, 4)).error().what, HasSubstr("fewer decisions than the header says"));
  EXPECT_THAT(parse_tape(forged(bytes, 48, 2)).error().what, HasSubstr("more decisions than the header says"));
  EXPECT_THAT(parse_tape(forged(bytes, 51, 0xff)).error().describe(), HasSubstr("offset 48: "));
  EXPECT_EQ(parse_tape(forged(bytes, bytes.size() - 17, 1)).error().what, "unknown verdict 1");
}

TEST(TapeFile, ASiteThatThisBuildDoesNotKnowIsDroppedAndCounted) {
  auto bytes = *write_tape(sparse_file());
  const auto at = bytes.find("net.loss");
  const auto parsed = parse_tape(forged(bytes, at, 'X'));
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(parsed->unknown_sites_dropped, 2u);
  EXPECT_EQ(std::get<1>(parsed->streams)[0].entries.size(), 1u);
}

}  // namespace
}  // namespace keelson::sim
