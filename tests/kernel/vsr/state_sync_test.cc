// StateSync against what no honest peer sends: a manifest that claims more than can be.
#include "keelson/vsr/state_sync.h"

#include <gtest/gtest.h>
#include <vector>

namespace keelson {
namespace {

constexpr ReplicaIndex self{0}, liar{1}, honest{2};

class StateSyncTest : public ::testing::Test {
 protected:
  StateSyncTest() {
    checkpoint.facts.group = GroupId(1);
    checkpoint.facts.op = Op(9);
    set_sections(3, 1);
  }

  void set_sections(u32 machine, u32 session) {
    checkpoint.facts.machine_sections = machine;
    checkpoint.facts.session_sections = session;
    checkpoint.set_sections(machine + session);
  }
  std::vector<std::byte> bytes_of_manifest() const {
    std::vector<std::byte> bytes(checkpoint.manifest_bytes());
    checkpoint.encode_manifest(0, bytes);
    return bytes;
  }
  void start() { sync.start({checkpoint.facts.op, checkpoint.id()}, now); }
  // Asks until it is this peer's turn, and gives it to answer.
  bool answer(ReplicaIndex from, Bytes body) {
    StateSync::Ask ask;
    for (u32 tries = 0; tries < 4; ++tries) {
      now = now + milliseconds(100);
      if (!sync.next_ask(now, self, 3, ask) || !ask.manifest) return false;
      if (ask.whom == from) break;
    }
    if (ask.whom != from) return false;
    Manifest header = make<Manifest>();
    header.checkpoint_op = sync.target().op;
    header.checkpoint_id = sync.target().id;
    header.part = ask.part;
    return sync.on_manifest(now, from, header, body);
  }

  Instant now;
  CheckpointTable checkpoint;
  Limits limits = Limits::tiny();
  StateSync sync{limits, milliseconds(100)};
};

TEST_F(StateSyncTest, TakesAManifestWhateverTheNumberOfItsSections) {
  for (const u32 machine : {1u, 2u, 8u, 100u}) {
    set_sections(machine, 2);
    start();
    const auto whole = bytes_of_manifest();
    ASSERT_TRUE(answer(honest, Bytes(whole).first(70)));
    ASSERT_FALSE(sync.has_manifest());
    ASSERT_TRUE(answer(liar, Bytes(whole).subspan(70)));
    ASSERT_TRUE(sync.has_manifest());
    EXPECT_EQ(sync.manifest().sections.size(), machine + 2);
    sync.stop();
  }
}

TEST_F(StateSyncTest, AHostileNumberOfSectionsIsRefusedAndTheNextPeerIsAsked) {
  struct Counts {
    u32 machine, session;
  };
  for (const Counts claim :
       {Counts{0, 0}, Counts{~0u, ~0u}, Counts{1u << 31, 1u << 31}, Counts{100'000, 1}, Counts{1, 1}}) {
    start();
    auto bytes = bytes_of_manifest();
    CheckpointFacts facts = checkpoint.facts;
    facts.machine_sections = claim.machine;
    facts.session_sections = claim.session;
    store(bytes.data(), facts);
    EXPECT_FALSE(answer(liar, bytes)) << claim.machine;
    EXPECT_FALSE(sync.has_manifest());
    EXPECT_FALSE(answer(liar, bytes)) << "it is not asked again";
    EXPECT_TRUE(answer(honest, bytes_of_manifest()));
    EXPECT_TRUE(sync.has_manifest());
    sync.stop();
  }
}

TEST_F(StateSyncTest, NoPartIsLargerThanTheFirstOneSaid) {
  start();
  const auto whole = bytes_of_manifest();
  ASSERT_TRUE(answer(honest, Bytes(whole).first(sizeof(CheckpointFacts))));
  auto more = std::vector<std::byte>(whole.begin() + sizeof(CheckpointFacts), whole.end());
  more.push_back(std::byte{0});
  EXPECT_FALSE(answer(liar, more));
  EXPECT_TRUE(answer(honest, whole)) << "from the first part on, of somebody else";
  EXPECT_TRUE(sync.has_manifest());
}

TEST_F(StateSyncTest, AnEmptyOrShortFirstPartIsRefused) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, sizeof(CheckpointFacts) - 1}) {
    start();
    EXPECT_FALSE(answer(liar, Bytes(bytes_of_manifest()).first(size)));
    EXPECT_TRUE(answer(honest, bytes_of_manifest()));
    sync.stop();
  }
}

// ---------------------------------------------------------------- sections

class Sections : public StateSyncTest {
 protected:
  Sections() {
    limits.sync_in_flight_max = 2;
    for (SavedSection& section : checkpoint.sections) {
      section.size = size;
      section.digest = digest_of(right);
    }
    start();
    EXPECT_TRUE(answer(honest, bytes_of_manifest()));
    sync.fetch(0);
  }
  ReplicaIndex asked() {
    StateSync::Ask ask;
    return sync.next_ask(now, self, 3, ask) ? ask.whom : no_replica;
  }
  void until_asked(ReplicaIndex whom) {
    while (asked() != whom) {
      sync.on_damaged(now, other(whom), sync.target().id, 0);
      now = now + milliseconds(100);
      ASSERT_LT(now, Instant(10'000'000'000)) << "never";
    }
  }
  static ReplicaIndex other(ReplicaIndex peer) { return peer == liar ? honest : liar; }
  void gives(ReplicaIndex from, const std::vector<std::byte>& bytes, u32 offset, u32 count) {
    Section header = make<Section>();
    header.checkpoint_id = sync.target().id;
    header.section = 0;
    header.offset = offset;
    header.total = size;
    EXPECT_TRUE(sync.on_section(now, from, header, Bytes(bytes).subspan(offset, count), counters));
  }
  bool by_all() const { return sync.refused_by_all(now, milliseconds(400), self, 3); }

  static constexpr u32 size = 8192;
  std::vector<std::byte> right = std::vector<std::byte>(size, std::byte{1});
  std::vector<std::byte> wrong = std::vector<std::byte>(size, std::byte{2});
  Counters counters;
};

TEST_F(Sections, WhoGaveWrongBytesIsNotAskedForThemAgainForAWhile) {
  until_asked(liar);
  gives(liar, wrong, 0, size);
  EXPECT_EQ(asked(), honest) << "at once";
  sync.on_damaged(now, honest, sync.target().id, 0);
  EXPECT_EQ(asked(), no_replica) << "both had it wrong";
  EXPECT_EQ(sync.deadline(now), now + milliseconds(100));
  now = now + milliseconds(100);
  EXPECT_NE(asked(), no_replica);
}

TEST_F(Sections, PartsOfWhatWasWrongBeforeAreNoSignOfLife) {
  sync.on_unknown(honest, sync.target().id);  // it has not made it yet
  for (u32 i = 0; i < 5; ++i) {
    EXPECT_EQ(by_all(), i == 4) << i;
    until_asked(liar);
    gives(liar, wrong, 0, size / 2);
    ASSERT_EQ(asked(), liar);
    gives(liar, wrong, size / 2, size / 2);
    now = now + milliseconds(100);
  }
}

TEST_F(Sections, DamageOfOneLeavesTheOthersAlone) {
  sync.fetch(1);
  StateSync::Ask first, second;
  ASSERT_TRUE(sync.next_ask(now, self, 3, first));
  ASSERT_TRUE(sync.next_ask(now, self, 3, second));
  sync.on_damaged(now, first.whom, sync.target().id, 1 - first.section);
  sync.on_damaged(now, second.whom, sync.target().id, second.section);
  StateSync::Ask again;
  ASSERT_TRUE(sync.next_ask(now, self, 3, again));
  EXPECT_EQ(again.section, second.section);
  EXPECT_FALSE(sync.next_ask(now, self, 3, again)) << "the other one is waited for";
}

}  // namespace
}  // namespace keelson
