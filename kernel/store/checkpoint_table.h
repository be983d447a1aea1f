// CheckpointTable: what one checkpoint of a group consists of: which sections, their digests, and where their bytes
// lie. First those of the state (machine, sessions, one of the body index for each blob), then the blobs: prepares
// whose bodies are retained (vsr/body_index.h).
//
// Who uses it: the checkpointer builds one and replaces it, recovery decodes one. On disk a table lies twice, and the
// group_checkpoint record in the log says where and with which digest. What the replicas of a group have in common is
// hashed into the checkpoint's id; places are each one's own. Not here: sections' contents, I/O.
#pragma once

#include "keelson/base/checksum.h"
#include "keelson/base/limits.h"
#include "keelson/store/blocks.h"
#include "keelson/wire/header.h"

namespace keelson {

// The same on every replica that checkpoints after this op.
struct CheckpointFacts {
  GroupId group;
  Epoch epoch;
  u32 machine_sections = 0;  // first; behind them:
  u32 session_sections = 0;  // behind them:
  u32 blobs = 0;             // that many of the body index, and last as many blobs
  Release release;
  u32 unused = 0;
  Op op;
  Digest identity;  // of op
  Timestamp timestamp;

  // What a start reads.
  constexpr u64 state_sections() const { return u64{machine_sections} + session_sections + blobs; }
  constexpr u64 sections() const { return state_sections() + blobs; }
};
static_assert(std::has_unique_object_representations_v<CheckpointFacts>);

struct SavedSection {
  u64 size = 0;
  Digest digest;
  Op born;             // of a blob: the checkpoint that made it; 0: there is none of this number
  Vec<BlockRun> runs;  // in order of the bytes; the last block of the last one is padded with zeros
};

struct CheckpointTable {
  CheckpointFacts facts;
  Vec<SavedSection> sections;

  // The first ones stay what they are. Memory is taken here and kept: a table that is built again takes no more, unless
  // its sections grow in number or size.
  void set_sections(u32 count);
  // Of the manifest's bytes.
  Digest id() const;
  // Facts, and each section's size and digest: what replicas tell each other. `to` gets what lies from `offset` on.
  u64 manifest_bytes() const;
  void encode_manifest(u64 offset, MutableBytes to) const;
  // Total on any bytes: false where there are no sections of the machine or of the sessions. Sections get no places.
  [[nodiscard]] bool decode_manifest(Bytes from, u32 blocks);
  u64 encoded_bytes() const;
  // `to` gets what lies from `offset` on.
  void encode(u64 offset, MutableBytes to) const;
  // Total on any bytes. False: this is no table of a zone of `blocks` blocks.
  [[nodiscard]] bool decode(Bytes from, u32 blocks);
};

// Of a manifest of so many sections.
u64 manifest_bytes_of(u64 sections);

// More sections than that no table of so many bytes names.
u32 sections_max(u64 table_bytes);

// Both states are cut into the same sections: as many of the machine, as many of the sessions.
constexpr bool same_sections(const CheckpointFacts& a, const CheckpointFacts& b) {
  return a.machine_sections == b.machine_sections && a.session_sections == b.session_sections;
}

// What has number `section` in a checkpoint of `from` has this number in one of `to`; no_section: nothing has.
inline constexpr u32 no_section = ~u32{0};
constexpr u32 counterpart(u32 section, const CheckpointFacts& from, const CheckpointFacts& to) {
  const u32 fixed_from = from.machine_sections + from.session_sections;
  const u32 fixed_to = to.machine_sections + to.session_sections;
  if (section < fixed_from) return section < fixed_to ? section : no_section;
  const bool blob = section >= fixed_from + from.blobs;
  const u32 number = section - fixed_from - (blob ? from.blobs : 0);
  return number < to.blobs ? fixed_to + (blob ? to.blobs : 0) + number : no_section;
}

constexpr u64 blocks_for(u64 bytes) { return (bytes + 4095) / 4096; }
constexpr u64 table_bytes_max(const Limits& limits) { return u64{limits.checkpoint_table_blocks} * 4096; }

}  // namespace keelson
