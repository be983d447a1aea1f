#include "keelson/machine/kv/kv.h"

#include <gtest/gtest.h>

#include "tests/lib/machine/kv_driver.h"

namespace keelson::test {
namespace {

class Kv : public ::testing::Test {
 protected:
  Limits limits = Limits::tiny();
  KvDriver kv{limits};
};

TEST_F(Kv, ReadsWhatWasWritten) {
  EXPECT_EQ(kv.put("a", "one"), (KvAnswer{Status::ok, Op(1), {}, false}));
  EXPECT_EQ(kv.get("a"), (KvAnswer{Status::ok, Op(1), "one", false}));
  kv.put("a", "two");
  EXPECT_EQ(kv.get("a"), (KvAnswer{Status::ok, Op(3), "two", false}));
}

TEST_F(Kv, AMissingKeyIsNotFound) {
  EXPECT_EQ(kv.get("a").status, Status::not_found);
  EXPECT_EQ(kv.erase("a").status, Status::not_found);
  kv.put("a", "one");
  EXPECT_EQ(kv.erase("a"), (KvAnswer{Status::ok, Op(4), {}, false}));
  EXPECT_EQ(kv.get("a").status, Status::not_found);
}

TEST_F(Kv, AnEmptyValueIsAValue) {
  kv.put("a", "");
  EXPECT_EQ(kv.get("a"), (KvAnswer{Status::ok, Op(1), "", false}));
  EXPECT_TRUE(kv.cas("a", "", "one").swapped);
}

TEST_F(Kv, CasWritesOnlyOverTheExpectedValueAndSaysWhatIsHeld) {
  kv.put("a", "one");
  EXPECT_EQ(kv.cas("a", "two", "three"), (KvAnswer{Status::not_swapped, Op(1), "one", false}));
  EXPECT_EQ(kv.cas("a", "one", "three"), (KvAnswer{Status::ok, Op(3), "three", true}));
  EXPECT_EQ(kv.get("a").value, "three");
}

TEST_F(Kv, CasCreatesWhereAbsenceIsExpected) {
  EXPECT_EQ(kv.cas("a", "one", "two"), (KvAnswer{Status::not_swapped, Op(0), {}, false}));
  EXPECT_TRUE(kv.cas("a", std::nullopt, "one").swapped);
  EXPECT_EQ(kv.cas("a", std::nullopt, "two"), (KvAnswer{Status::not_swapped, Op(2), "one", false}));
}

TEST_F(Kv, CasToNothingDeletes) {
  kv.put("a", "one");
  EXPECT_EQ(kv.cas("a", "one", std::nullopt), (KvAnswer{Status::ok, Op(2), {}, true}));
  EXPECT_EQ(kv.get("a").status, Status::not_found);
}

TEST_F(Kv, OnlyWhatCarriesAValueGrows) {
  const std::string value = "one";
  EXPECT_TRUE(kv.grows(kv_put, "a", value));
  EXPECT_TRUE(kv.grows(kv_cas, "a", value));
  EXPECT_FALSE(kv.grows(kv_cas, "a", std::nullopt));
  EXPECT_FALSE(kv.grows(kv_get, "a", std::nullopt));
  EXPECT_FALSE(kv.grows(kv_delete, "a", std::nullopt));
}

TEST_F(Kv, BoundsKeysAndValues) {
  const u32 value_max = kv_limits(limits).value_bytes_max;
  const std::string longest_key(kv_key_bytes_max, 'k');
  EXPECT_EQ(kv.put(longest_key, std::string(value_max, 'v')).status, Status::ok);
  EXPECT_EQ(kv.cas(longest_key, std::string(value_max, 'v'), std::string(value_max, 'w')).status, Status::ok);
  EXPECT_EQ(kv.get(longest_key).value->size(), value_max);
  EXPECT_EQ(kv.put("k", std::string(value_max + 1, 'v')).status, Status::too_large);
  EXPECT_EQ(kv.cas("k", std::string(value_max + 1, 'v'), "v").status, Status::too_large);
  EXPECT_EQ(kv.put("", "v").status, Status::bad_request);
}

TEST_F(Kv, TheLargestRequestAndReplyFitTheirMessages) {
  for (const Limits& l : {Limits::tiny(), Limits::standard()}) {
    EXPECT_LE(KvMachine::limits(l).request_bytes_max, l.request_body_max());
    EXPECT_LE(KvMachine::limits(l).reply_bytes_max, l.reply_bytes_max);
    EXPECT_GE(kv_limits(l).value_bytes_max, 3500u);
  }
}

TEST_F(Kv, RefusesMoreThanItsLimitsAndRecoversWhenSomethingGoes) {
  const std::string value(kv_limits(limits).value_bytes_max, 'v');
  u32 count = 0;
  while (kv.put("key " + std::to_string(count), value).status == Status::ok) ++count;
  EXPECT_GT(count, 100u);
  EXPECT_EQ(kv.put("another", value), (KvAnswer{Status::machine_full, Op(0), {}, false}));
  EXPECT_EQ(kv.cas("another", std::nullopt, value).status, Status::machine_full);
  EXPECT_EQ(kv.put("key 0", std::string(value.size(), 'w')).status, Status::ok) << "an overwrite needs no more room";
  EXPECT_EQ(kv.get("another").status, Status::not_found);
  kv.erase("key 1");
  EXPECT_EQ(kv.put("another", value).status, Status::ok);
}

TEST_F(Kv, RefusesMoreEntriesThanItsLimits) {
  KvLimits small = kv_limits(limits);
  small.entries_max = 3;
  KvTable table(small);
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(table.put(as_bytes(key), 1, Op(1)).has_value());
  EXPECT_FALSE(table.put(as_bytes("d"), 1, Op(2)).has_value());
  EXPECT_FALSE(table.find(as_bytes("d")).has_value());
  EXPECT_TRUE(table.put(as_bytes("a"), 2, Op(3)).has_value());
}

TEST_F(Kv, OverwritesTakeNoMemoryAfterTheFirstRound) {
  KvTable table(kv_limits(limits));
  const auto round = [&](u32 size) {
    for (u32 i = 0; i < 300; ++i) table.put(as_bytes("key " + std::to_string(i)), size, Op(1));
  };
  round(1000);
  const u64 chunks = table.block_chunk_count();
  for (u32 n = 0; n < 20; ++n) round(1000);
  EXPECT_EQ(table.block_chunk_count(), chunks);
}

TEST_F(Kv, ErasedEntriesAreReused) {
  KvTable table(kv_limits(limits));
  for (u32 i = 0; i < 1000; ++i) {
    table.put(as_bytes("key " + std::to_string(i)), 10, Op(1));
    if (i >= 10) table.erase(as_bytes("key " + std::to_string(i - 10)));
  }
  EXPECT_LE(table.entry_slots(), 11u);
}

// Alternating sizes leave holes in every tier of a pool that doesn't pack.
TEST_F(Kv, MemoryFollowsTheContentWhateverTheSizesWere) {
  const KvLimits bounds = kv_limits(limits);
  KvTable table(bounds);
  for (const u32 size : {1u, 3000u, 40u, 1500u, 100u, 3500u, 300u, 700u}) {
    u32 i = 0;
    while (i < 20000 && table.put(as_bytes("key " + std::to_string(i)), size, Op(1))) ++i;
    for (u32 k = 0; k < i; ++k)
      if (k % 50) table.erase(as_bytes("key " + std::to_string(k)));
    EXPECT_LE(table.bytes(), bounds.state_bytes_max);
    // At most one chunk of each tier isn't full.
    EXPECT_LE(table.block_chunk_count() * 16 * 1024, bounds.state_bytes_max + 8 * 16 * 1024);
  }
}

TEST_F(Kv, ASnapshotIsTheSameBytesAndTheSameState) {
  for (int i = 0; i < 500; ++i) kv.put("key " + std::to_string(i * 7919 % 500), "value " + std::to_string(i));
  for (int i = 0; i < 500; i += 3) kv.erase("key " + std::to_string(i));
  const auto sections = save_sections(kv.machine());

  KvDriver copy(limits);
  copy.put("key that the snapshot doesn't have", "value");
  ASSERT_EQ(load_sections(copy.machine(), sections), Status::ok);
  EXPECT_EQ(copy.machine().digest(), kv.machine().digest());
  EXPECT_EQ(save_sections(copy.machine()), sections);
  EXPECT_EQ(copy.get("key 1"), kv.get("key 1"));
  EXPECT_EQ(copy.get("key 0").status, Status::not_found);
}

TEST_F(Kv, EqualStatesOfOtherHistoriesHaveEqualBytes) {
  KvTable up(kv_limits(limits));
  KvTable down(kv_limits(limits));
  const auto put = [](KvTable& table, int i) {
    const std::string value = "value " + std::to_string(i);
    copy(*table.put(as_bytes("key " + std::to_string(i)), static_cast<u32>(value.size()), Op(9)), as_bytes(value));
  };
  for (int i = 0; i < 1000; ++i) put(up, i);
  for (int i = 3000; i-- > 0;) put(down, i);
  for (int i = 3000; i-- > 1000;) down.erase(as_bytes("key " + std::to_string(i)));
  up.set_section_bits(3);
  down.set_section_bits(3);
  const auto list = [](const KvTable& table) {
    std::string all;
    for (u32 s = 0; s < 8; ++s)
      table.for_each(s, [&](const KvTable::Item& item) {
        all += std::to_string(s) + as_string(item.key) + "=" + as_string(item.found.value) + "\n";
      });
    return all;
  };
  EXPECT_EQ(list(up), list(down));
  EXPECT_EQ(up.bytes(), down.bytes());
}

TEST_F(Kv, EveryBrokenSnapshotIsRefused) {
  for (const char* key : {"a", "b", "c", "d", "e", "f"}) kv.put(key, "one");
  ASSERT_EQ(kv.settle(), 2u);
  const auto sections = save_sections(kv.machine());
  KvDriver copy(limits);
  const auto load = [&](const std::vector<std::string>& changed) { return load_sections(copy.machine(), changed); };
  for (std::size_t s = 0; s < sections.size(); ++s) {
    auto changed = sections;
    changed[s] += 'x';
    EXPECT_EQ(load(changed), Status::corrupt_snapshot) << "trailing byte";
    for (std::size_t size = 0; size < sections[s].size(); ++size) {
      changed[s] = sections[s].substr(0, size);
      EXPECT_EQ(load(changed), Status::corrupt_snapshot) << "cut at " << size;
    }
  }
  auto swapped = sections;
  std::swap(swapped[0], swapped[1]);
  EXPECT_EQ(load(swapped), Status::corrupt_snapshot);
  EXPECT_EQ(load(sections), Status::ok);
  copy.machine().reset(Release(1));
  ASSERT_EQ(copy.machine().begin_load(2), Status::ok);
  Bytes first = as_bytes(sections[0]);
  ByteSource once = source_of(first);
  ASSERT_EQ(copy.machine().load_section(SectionId(0), once), Status::ok);
  EXPECT_EQ(copy.machine().finish_load(), Status::corrupt_snapshot) << "one is missing";
  copy.machine().reset(Release(1));
  ASSERT_EQ(copy.machine().begin_load(2), Status::ok);
  first = as_bytes(sections[0]);
  ByteSource again = source_of(first);
  ASSERT_EQ(copy.machine().load_section(SectionId(0), again), Status::ok);
  Bytes bytes = as_bytes(sections[0]);
  ByteSource source = source_of(bytes);
  EXPECT_EQ(copy.machine().load_section(SectionId(0), source), Status::corrupt_snapshot) << "a section twice";
  bytes = as_bytes(sections[0]);
  ByteSource beyond = source_of(bytes);
  EXPECT_EQ(copy.machine().load_section(SectionId(static_cast<u32>(sections.size())), beyond),
            Status::corrupt_snapshot);
}

TEST_F(Kv, ASnapshotOutOfOrderOrWithADuplicateIsRefused) {
  // Two keys of one section, swapped and doubled by hand.
  std::vector<std::string> sections;
  for (int i = 0; i < 12; ++i) kv.put("k" + std::to_string(i), "v");
  sections = save_sections(kv.machine());
  std::size_t s = 0;
  constexpr std::size_t head = 16, item = 16;
  const auto item_size = [&](std::size_t at) { return item + static_cast<u8>(sections[s][at + 12]) + 1; };
  while (s < sections.size() && sections[s].size() < head + 2 * (item + 3)) ++s;
  ASSERT_LT(s, sections.size());
  const std::size_t first = item_size(head);
  const std::size_t second = item_size(head + first);
  const std::string one = sections[s].substr(head, first);
  const std::string two = sections[s].substr(head + first, second);
  auto changed = sections;
  changed[s].replace(head, first + second, two + one);
  KvDriver copy(limits);
  EXPECT_EQ(load_sections(copy.machine(), changed), Status::corrupt_snapshot);
  changed = sections;
  changed[s].replace(head, first + second, one + one);
  EXPECT_EQ(load_sections(copy.machine(), changed), Status::corrupt_snapshot);
  EXPECT_EQ(load_sections(copy.machine(), sections), Status::ok);
}

TEST_F(Kv, AnItemInTheWrongSectionIsRefused) {
  for (int i = 0; i < 40; ++i) kv.put("key " + std::to_string(i), "value");
  ASSERT_EQ(kv.settle(), 8u);
  for (int i = 1; i < 40; ++i) kv.erase("key " + std::to_string(i));
  auto sections = save_sections(kv.machine());
  std::size_t from = 0;
  while (sections[from].size() == 16) ++from;
  const std::size_t to = (from + 1) % sections.size();
  std::swap(sections[from], sections[to]);
  for (const std::size_t s : {from, to}) sections[s][4] = static_cast<char>(s);  // each says that it is its place's
  EXPECT_EQ(load_sections(kv.machine(), sections), Status::corrupt_snapshot);
}

TEST_F(Kv, ASnapshotOfALargerMachineIsRefused) {
  Limits larger = limits;
  larger.message_size_max = 16'000;
  KvDriver big(larger);
  const std::string value(3500, 'v');
  for (u32 i = 0; big.put("key " + std::to_string(i), value).status == Status::ok;) ++i;
  ASSERT_EQ(big.settle(), 8u);
  const auto sections = save_sections(big.machine());
  EXPECT_EQ(load_sections(kv.machine(), sections), Status::corrupt_snapshot);
  EXPECT_EQ(load_sections(big.machine(), sections), Status::ok);
}

// ---------------------------------------------------------------- how many sections

TEST_F(Kv, SectionsFollowTheNumberOfItems) {
  EXPECT_EQ(kv.settle(), 1u);
  std::vector<u32> counts;
  for (int i = 0; i < 60; ++i) {
    kv.put("key " + std::to_string(i), "value");
    if (i % 6 == 5) counts.push_back(kv.settle());
  }
  EXPECT_EQ(counts, (std::vector<u32>{2, 4, 8, 8, 8, 8, 8, 8, 8, 8}));
}

TEST_F(Kv, SectionsFollowTheBytes) {
  const std::string value(3000, 'v');
  kv.put("a", value);
  EXPECT_EQ(kv.settle(), 4u);
  kv.put("b", value);
  EXPECT_EQ(kv.settle(), 8u);
  for (int i = 0; i < 100; ++i) kv.put("key " + std::to_string(i), value);
  EXPECT_EQ(kv.settle(), KvMachine::limits(limits).sections_max);
}

TEST_F(Kv, AStandardStateOfThreeKeysIsOneSectionAndALargeOneIsMany) {
  KvDriver standard(Limits::standard());
  for (const char* key : {"a", "b", "c"}) standard.put(key, std::string(100, 'v'));
  EXPECT_EQ(standard.settle(), 1u);
  for (int i = 0; i < 10'000; ++i) standard.put("key " + std::to_string(i), std::string(100, 'v'));
  EXPECT_EQ(standard.settle(), 256u);
  EXPECT_EQ(KvMachine::limits(Limits::standard()).sections_max, 1024u);
}

TEST_F(Kv, SectionsAreFewerOnlyWhenAQuarterIsEnough) {
  for (int i = 0; i < 40; ++i) kv.put("key " + std::to_string(i), "value");
  ASSERT_EQ(kv.settle(), 8u);
  for (int i = 39; i >= 9; --i) kv.erase("key " + std::to_string(i));
  EXPECT_EQ(kv.settle(), 8u);
  kv.erase("key 8");
  EXPECT_EQ(kv.settle(), 2u);
  for (int round = 0; round < 10; ++round) {
    kv.put("key 8", "value");
    EXPECT_EQ(kv.settle(), 4u) << "up at once, and then it stays";
    kv.erase("key 8");
    EXPECT_EQ(kv.settle(), 4u);
  }
}

TEST_F(Kv, OtherSectionsAreAnotherCutOfTheSameState) {
  for (int i = 0; i < 300; ++i) kv.put("key " + std::to_string(i), "value " + std::to_string(i));
  const auto whole = save_sections(kv.machine());
  ASSERT_EQ(whole.size(), 1u);
  ASSERT_EQ(kv.settle(), 8u);
  std::string joined;
  for (const std::string& section : save_sections(kv.machine())) joined += section.substr(16);
  EXPECT_EQ(joined, whole[0].substr(16));
}

TEST_F(Kv, ASnapshotSaysHowManySectionsTheNextCheckpointBeginsWith) {
  for (int i = 0; i < 16; ++i) kv.put("key " + std::to_string(i), "value");
  ASSERT_EQ(kv.settle(), 4u);
  for (int i = 15; i >= 8; --i) kv.erase("key " + std::to_string(i));
  ASSERT_EQ(kv.settle(), 4u);
  KvDriver copy(limits);
  ASSERT_EQ(load_sections(copy.machine(), save_sections(kv.machine())), Status::ok);
  EXPECT_EQ(copy.settle(), 4u) << "what a count was is state, not only what the items ask for";
  copy.machine().reset(Release(1));
  EXPECT_EQ(copy.machine().section_count(), 1u);
}

TEST_F(Kv, HostileSectionCountsAreRefused) {
  const u32 most = KvMachine::limits(limits).sections_max;
  for (const u32 count : {0u, 3u, 5u, most + 1, most * 2, 1u << 31, ~0u}) {
    kv.machine().reset(Release(1));
    EXPECT_EQ(kv.machine().begin_load(count), Status::corrupt_snapshot) << count;
  }
  for (u32 count = 1; count <= most; count *= 2) {
    kv.machine().reset(Release(1));
    EXPECT_EQ(kv.machine().begin_load(count), Status::ok) << count;
    EXPECT_EQ(kv.machine().finish_load(), Status::corrupt_snapshot) << "sections are missing";
  }
}

// ---------------------------------------------------------------- bytes from outside

TEST_F(Kv, HostileBodiesAreBadRequests) {
  std::vector<std::byte> buffer(1024);
  const Bytes good = encode_kv_put(buffer, as_bytes("key"), as_bytes("value"));
  const std::vector<std::byte> body(good.begin(), good.end());
  for (std::size_t size = 0; size < body.size(); ++size)
    EXPECT_EQ(kv.run_body(kv_put, Bytes(body).first(size)).status, Status::bad_request);
  for (const int operation : {0x100, 0x1ff, 0x200, 0x202, 0x204, 0x2ff, 0xffff})
    EXPECT_EQ(kv.run_body(Operation(static_cast<u16>(operation)), body).status, Status::bad_request) << operation;
  EXPECT_EQ(kv.run_body(kv_put, body).status, Status::ok);
  EXPECT_EQ(kv.run_body(kv_put, encode_kv_get(buffer, as_bytes("key"))).status, Status::bad_request);
}

TEST_F(Kv, AnEncoderSaysWhenTheBufferIsTooSmall) {
  std::vector<std::byte> buffer(16 + 3 + 5);
  EXPECT_EQ(encode_kv_put(buffer, as_bytes("key"), as_bytes("value")).size(), buffer.size());
  EXPECT_TRUE(encode_kv_put(buffer, as_bytes("key"), as_bytes("value!")).empty());
  EXPECT_TRUE(encode_kv_cas(buffer, as_bytes("key"), as_bytes("12345"), as_bytes("12345")).empty());
  std::vector<std::byte> large(4096);
  EXPECT_TRUE(encode_kv_get(large, as_bytes(std::string(257, 'k'))).empty());
}

}  // namespace
}  // namespace keelson::test
