#include "keelson/sim/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace keelson::sim {
namespace {

constexpr Trace::Place shard{NodeId(1), ShardId(2), 3};

void add_turns(Trace& trace, u64 count, u64 odd_one_out = ~u64{0}) {
  for (u64 i = 0; i < count; ++i)
    trace.add(Instant(i * 100), RecordKind::turn, shard, {.a = i, .b = i == odd_one_out ? 1u : 0u});
}

TEST(Trace, IsTheSameForTheSameRunAndOnEveryCompiler) {
  Trace trace(trace_start("name: \"x\"", 42));
  add_turns(trace, 10);
  EXPECT_EQ(hex(trace.hash()), "cf12e5122ab270b609dd9772d4aa7a9a");
}

TEST(Trace, DependsOnEachFieldOfEachRecordOnScenarioAndSeed) {
  const auto start = trace_start("s", 1);
  EXPECT_NE(start, trace_start("s", 2));
  EXPECT_NE(start, trace_start("t", 1));
  const auto hash_of = [&](u64 at, RecordKind kind, Trace::Place place, Trace::Values values) {
    Trace trace(start);
    trace.add(Instant(at), kind, place, values);
    return hex(trace.hash());
  };
  const std::vector<std::string> hashes{
      hash_of(1, RecordKind::turn, shard, {}),
      hash_of(2, RecordKind::turn, shard, {}),
      hash_of(1, RecordKind::state, shard, {}),
      hash_of(1, RecordKind::turn, {NodeId(0), ShardId(2), 3}, {}),
      hash_of(1, RecordKind::turn, {NodeId(1), ShardId(0), 3}, {}),
      hash_of(1, RecordKind::turn, {NodeId(1), ShardId(2), 0}, {}),
      hash_of(1, RecordKind::turn, shard, {.a = 1}),
      hash_of(1, RecordKind::turn, shard, {.b = 1}),
      hash_of(1, RecordKind::turn, shard, {.digest = Digest{1, 0}}),
      hash_of(1, RecordKind::turn, shard, {.digest = Digest{0, 1}}),
  };
  for (std::size_t i = 0; i < hashes.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(hashes[i], hashes[j]) << i << ' ' << j;
}

TEST(Trace, KeptHashesLocateTheFirstDifference) {
  Trace one(Digest{});
  Trace other(Digest{});
  add_turns(one, 3 * Trace::kept_every + 1);
  add_turns(other, 3 * Trace::kept_every + 1, Trace::kept_every + 5);
  ASSERT_EQ(one.kept().size(), 4u);
  EXPECT_EQ(one.kept()[1], other.kept()[1]);
  EXPECT_NE(one.kept()[2], other.kept()[2]);
  EXPECT_NE(one.hash(), other.hash());
}

TEST(Trace, ASinkSeesRecordsAsJsonAndChangesNoHash) {
  std::ostringstream out;
  JsonTraceSink sink(out);
  Trace trace(Digest{}, &sink);
  Trace silent(Digest{});
  for (auto* each : {&trace, &silent}) {
    each->add(Instant(5), RecordKind::turn, shard, {.a = 7, .b = 9, .digest = Digest{0x1f, 0xab}});
    each->add(Instant(6), RecordKind::heal, {}, {.a = 4});
  }
  EXPECT_EQ(out.str(),
            "{\"seq\":0,\"at_ns\":5,\"kind\":\"turn\",\"node\":1,\"shard\":2,\"boot\":3,\"events\":7,\"effects\":9,"
            "\"digest\":\"00000000000000ab000000000000001f\"}\n"
            "{\"seq\":1,\"at_ns\":6,\"kind\":\"heal\",\"links\":4}\n");
  EXPECT_EQ(trace.hash(), silent.hash());
}

}  // namespace
}  // namespace keelson::sim
