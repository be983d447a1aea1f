#include "keelson/store/checkpoint_table.h"

#include <algorithm>

namespace keelson {
namespace {

constexpr u64 table_magic = 0x32454c424154504b;  // "KPTABLE2"

struct TableHead {
  u64 magic = table_magic;
  CheckpointFacts facts;
  u32 section_count = 0;
  u32 run_count = 0;
};
static_assert(std::has_unique_object_representations_v<TableHead>);

// One per section; their runs follow all of them, in order.
struct TableEntry {
  u64 size = 0;
  Digest digest;
  Op born;
  u32 run_count = 0;
  u32 zero = 0;
};
static_assert(std::has_unique_object_representations_v<TableEntry>);

struct ManifestEntry {
  u64 size = 0;
  Digest digest;
  Op born;
};
static_assert(std::has_unique_object_representations_v<ManifestEntry>);

bool has_sections(const CheckpointFacts& facts) { return facts.machine_sections > 0 && facts.session_sections > 0; }

// Only blobs are born; a number without a blob has no bytes.
bool may_be(const CheckpointFacts& facts, u64 number, u64 size, Op born) {
  const bool blob = number >= facts.state_sections();
  return blob ? (born == Op(0)) == (size == 0) && born <= facts.op : born == Op(0);
}

// Puts a piece that lies at `at` of a whole into the part of it that begins at `offset`.
void put_overlap(u64 at, Bytes piece, u64 offset, MutableBytes to) {
  const u64 from = std::max(at, offset);
  const u64 end = std::min(at + piece.size(), offset + to.size());
  if (from < end) copy(to.subspan(from - offset), piece.subspan(from - at, end - from));
}

}  // namespace

u64 manifest_bytes_of(u64 sections) { return sizeof(CheckpointFacts) + sections * sizeof(ManifestEntry); }

u32 sections_max(u64 table_bytes) {
  return static_cast<u32>((table_bytes - std::min(table_bytes, sizeof(TableHead))) / sizeof(TableEntry));
}

// Room for many sections goes when there are few: a state that was large once is not paid for ever after.
void CheckpointTable::set_sections(u32 count) {
  if (sections.capacity() < count || sections.capacity() / 8 > count) {
    Vec<SavedSection> other(count);
    for (std::size_t i = 0; i < sections.size() && i < count; ++i) other.push_back(std::move(sections[i]));
    sections = std::move(other);
  }
  sections.resize(count);
}

Digest CheckpointTable::id() const {
  DigestStream stream;
  stream.add_value(facts);
  for (const auto& section : sections) {
    stream.add_value(ManifestEntry{section.size, section.digest, section.born});
  }
  return stream.finish();
}

u64 CheckpointTable::manifest_bytes() const { return manifest_bytes_of(sections.size()); }

void CheckpointTable::encode_manifest(u64 offset, MutableBytes to) const {
  check(offset + to.size() <= manifest_bytes());
  put_overlap(0, bytes_of(facts), offset, to);
  u64 at = sizeof facts;
  for (const auto& section : sections) {
    put_overlap(at, bytes_of(ManifestEntry{section.size, section.digest, section.born}), offset, to);
    at += sizeof(ManifestEntry);
  }
}

bool CheckpointTable::decode_manifest(Bytes from, u32 blocks) {
  if (from.size() < sizeof facts) return false;
  facts = load<CheckpointFacts>(from.data());
  const u64 count = facts.sections();
  if (!has_sections(facts) || count > from.size() || from.size() != manifest_bytes_of(count)) return false;
  set_sections(static_cast<u32>(count));
  const std::byte* at = from.data() + sizeof facts;
  for (auto& section : sections) {
    const auto entry = load<ManifestEntry>(at);
    at += sizeof entry;
    const auto number = static_cast<u64>(&section - sections.data());
    if (entry.size > u64{blocks} * 4096 || !may_be(facts, number, entry.size, entry.born)) return false;
    section.size = entry.size;
    section.digest = entry.digest;
    section.born = entry.born;
    section.runs.clear();
  }
  return true;
}

u64 CheckpointTable::encoded_bytes() const {
  u64 bytes = sizeof(TableHead) + sections.size() * sizeof(TableEntry);
  for (const auto& section : sections) bytes += section.runs.size() * sizeof(BlockRun);
  return bytes;
}

void CheckpointTable::encode(u64 offset, MutableBytes to) const {
  check(offset + to.size() <= encoded_bytes());
  TableHead head;
  head.facts = facts;
  head.section_count = static_cast<u32>(sections.size());
  u64 at = sizeof head;
  const auto put = [&](const auto& value) {
    put_overlap(at, bytes_of(value), offset, to);
    at += sizeof value;
  };
  for (const auto& section : sections) {
    put(TableEntry{section.size, section.digest, section.born, static_cast<u32>(section.runs.size()), 0});
    head.run_count += static_cast<u32>(section.runs.size());
  }
  for (const auto& section : sections)
    for (const BlockRun& run : section.runs) put(run);
  put_overlap(0, bytes_of(head), offset, to);
}

bool CheckpointTable::decode(Bytes from, u32 blocks) {
  if (from.size() < sizeof(TableHead)) return false;
  const auto head = load<TableHead>(from.data());
  const u64 expected =
      sizeof head + u64{head.section_count} * sizeof(TableEntry) + u64{head.run_count} * sizeof(BlockRun);
  if (head.magic != table_magic || expected != from.size() || !has_sections(head.facts) ||
      head.facts.sections() != head.section_count)
    return false;
  facts = head.facts;
  set_sections(head.section_count);
  const std::byte* at = from.data() + sizeof head;
  const std::byte* run_at = at + std::size_t{head.section_count} * sizeof(TableEntry);
  u64 runs_left = head.run_count;
  for (auto& section : sections) {
    const auto entry = load<TableEntry>(at);
    at += sizeof entry;
    section.size = entry.size;
    section.digest = entry.digest;
    section.born = entry.born;
    section.runs.clear();
    const auto number = static_cast<u64>(&section - sections.data());
    if (entry.zero != 0 || entry.run_count > runs_left || !may_be(facts, number, entry.size, entry.born)) return false;
    runs_left -= entry.run_count;
    u64 held = 0;
    for (u32 i = 0; i < entry.run_count; ++i) {
      const auto run = load<BlockRun>(run_at);
      run_at += sizeof run;
      if (run.empty() || run.first >= blocks || run.count > blocks - run.first) return false;
      held += run.count;
      push_growing(section.runs, run);
    }
    if (entry.size > u64{blocks} * 4096 || held != blocks_for(entry.size)) return false;
  }
  return runs_left == 0;
}

}  // namespace keelson
