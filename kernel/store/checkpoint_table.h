// CheckpointTable: what one checkpoint of a group consists of: which sections, their digests, and where their bytes
// lie.
//
// Who uses it: the checkpointer builds one and replaces it, recovery decodes one. On disk a table lies twice, and the
// group_checkpoint record in the log says where and with which digest. What the replicas of a group have in common is
// hashed into the checkpoint's id; places are each one's own. Not here: sections' contents, I/O.
#pragma once

#include "keelson/base/checksum.h"
#include "keelson/store/blocks.h"
#include "keelson/wire/header.h"

namespace keelson {

// The same on every replica that checkpoints after this op.
struct CheckpointFacts {
  GroupId group;
  Epoch epoch;
  u32 machine_sections = 0;  // first; behind them:
  u32 session_sections = 0;
  Release release;
  Op op;
  Digest identity;  // of op
  Timestamp timestamp;
};
static_assert(std::has_unique_object_representations_v<CheckpointFacts>);

struct SavedSection {
  u64 size = 0;
  Digest digest;
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
  void encode(MutableBytes to) const;  // of encoded_bytes()
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

constexpr u64 blocks_for(u64 bytes) { return (bytes + 4095) / 4096; }

}  // namespace keelson
