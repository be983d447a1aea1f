// A checkpoint's table: what is encoded is decoded, hostile bytes are refused or harmless, the id says what replicas
// have in common and nothing else.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "keelson/store/checkpoint_table.h"

namespace keelson {
namespace {

constexpr u32 zone_blocks = 1000;

CheckpointTable any_table() {
  CheckpointTable table;
  table.facts.group = GroupId(*rc::gen::arbitrary<u64>());
  table.facts.op = Op(*rc::gen::arbitrary<u32>());
  table.facts.machine_sections = *rc::gen::inRange(1u, 6u);
  table.facts.session_sections = *rc::gen::inRange(1u, 3u);
  table.set_sections(table.facts.machine_sections + table.facts.session_sections);
  for (auto& section : table.sections) {
    section.digest = Digest{*rc::gen::arbitrary<u64>(), 1};
    u32 blocks = 0;
    for (u32 run = *rc::gen::inRange(0u, 4u); run > 0; --run) {
      const u32 count = *rc::gen::inRange(1u, 9u);
      push_growing(section.runs, BlockRun{*rc::gen::inRange(0u, zone_blocks - count), count});
      blocks += count;
    }
    if (blocks > 0) section.size = u64{blocks} * 4096 - *rc::gen::inRange(0u, 4096u);
  }
  return table;
}

std::vector<std::byte> encoded(const CheckpointTable& table) {
  std::vector<std::byte> bytes(table.encoded_bytes());
  const u32 part = *rc::gen::inRange(1u, 5000u);
  for (u64 at = 0; at < bytes.size(); at += part)
    table.encode(at, MutableBytes(bytes).subspan(at, std::min<u64>(part, bytes.size() - at)));
  return bytes;
}

RC_GTEST_PROP(CheckpointTableProperty, DecodeIsTheInverseOfEncode, ()) {
  const CheckpointTable table = any_table();
  const auto bytes = encoded(table);
  CheckpointTable back;
  RC_ASSERT(back.decode(bytes, zone_blocks));
  RC_ASSERT(back.id() == table.id());
  RC_ASSERT(encoded(back) == bytes);
  RC_ASSERT(!CheckpointTable().decode(Bytes(bytes).first(bytes.size() - 1), zone_blocks));
}

RC_GTEST_PROP(CheckpointTableProperty, DamageIsRefusedOrStaysWithinTheZone, ()) {
  auto bytes = encoded(any_table());
  for (const auto& [at, value] : *rc::gen::container<std::vector<std::pair<u32, u8>>>(
           rc::gen::pair(rc::gen::arbitrary<u32>(), rc::gen::arbitrary<u8>())))
    bytes[at % bytes.size()] = std::byte{value};
  CheckpointTable table;
  if (!table.decode(bytes, zone_blocks)) return;
  for (const auto& section : table.sections) {
    u64 held = 0;
    for (const BlockRun& run : section.runs) {
      RC_ASSERT(run.count > 0 && run.first < zone_blocks && run.count <= zone_blocks - run.first);
      held += run.count;
    }
    RC_ASSERT(held == blocks_for(section.size));
  }
}

RC_GTEST_PROP(CheckpointTableProperty, TheIdCoversContentAndNotPlaces, ()) {
  CheckpointTable table = any_table();
  RC_PRE(!table.sections.empty());
  const Digest id = table.id();
  auto& section = table.sections[*rc::gen::inRange(std::size_t{0}, table.sections.size())];
  for (BlockRun& run : section.runs) run.first = (run.first + 17) % 900;
  RC_ASSERT(table.id() == id);
  section.digest.lo ^= 1;
  RC_ASSERT(table.id() != id);
  section.digest.lo ^= 1;
  table.facts.op = table.facts.op + 1;
  RC_ASSERT(table.id() != id);
}

}  // namespace
}  // namespace keelson
