// The superblock: whose data a shard's file holds, and which life of the node used it last. Four copies; pure
// functions.
//
// Who uses it: SuperblockFile (superblock_file.h) reads and writes the copies, format.h makes the first ones, tools
// print them. A copy is 4 KiB, 64 KiB apart from the next; an update writes copies 0 and 1, then 2 and 3, so that two
// intact copies of the old or of the new exist at each instant. Not here: I/O, and what lies in the other zones.
#pragma once

#include <span>

#include "keelson/base/bytes.h"
#include "keelson/base/limits.h"
#include "keelson/store/refusal.h"

namespace keelson {

inline constexpr u32 superblock_copies = 4;
inline constexpr u64 superblock_copy_bytes = 4096;
inline constexpr u64 superblock_stride = 64 * 1024;
inline constexpr u32 superblock_quorum = 2;          // copies that make a superblock believable
inline constexpr u32 superblock_magic = 0x534c454b;  // "KELS"
inline constexpr u16 superblock_version = 4;
inline constexpr u32 former_lives_max = 64;

// From which number on a life counted its batches.
struct LifeBegin {
  BatchNo first;
  Incarnation life;
  u32 unused = 0;
};

// As it lies at the start of a copy; the rest of the 4 KiB is zero. Checksum, copy, version and magic stay where they
// are in every later version, and the checksum always covers the whole copy.
struct Superblock {
  Digest checksum;  // XXH3-128 of bytes 18..4095: all copies of one superblock have the same
  u16 copy = 0;     // which copy this is; not covered
  u16 version = superblock_version;
  u32 magic = superblock_magic;
  u64 sequence = 0;  // rises by one with each update
  Digest parent;     // checksum of the superblock before
  ClusterId cluster;
  Generation generation;
  Incarnation incarnation;  // process starts on this file; 0: never started
  NodeId node;
  ShardId shard;
  u16 shard_count = 0;
  u8 clean = 0;  // 1: stopped in order
  u8 unused_byte = 0;
  Release release_format;
  u32 unused_small = 0;
  Digest limits_digest;
  u64 first_live_segment = 0;
  BatchNo durable_batch;  // highest batch of an earlier incarnation known to be durable
  BatchNo first_batch;    // batches of this incarnation are numbered from here
  BatchNo freed_batch;    // this one and all before it lay in segments before first_live_segment
  PageNo first_page;      // ... and its pages from here
  u64 unused[6] = {};
  // For each life that may have left something in the log, oldest first: the highest batch that was known to be durable
  // when it began. Zeros behind them.
  BatchNo former_durable[former_lives_max];
  // Where lives before this one began, oldest first, each further on than the one before it. Zeros behind them.
  LifeBegin former_begins[former_lives_max];

  // Notes what is known as a life begins. What lies in freed segments is forgotten, and the oldest where there is no
  // room.
  void add_former(BatchNo durable);
  // Of a next life, which begins at `next`, called before it is written down here: where this one began is noted, and
  // of all noted ones those are forgotten that say nothing beside the newer ones.
  void add_begin(BatchNo next);
  // The life that first went on without what `author` may have left, and where. Not later than this life.
  LifeBegin begin_after(Incarnation author) const;
};
static_assert(sizeof(Superblock) == 192 + (8 + sizeof(LifeBegin)) * former_lives_max &&
              std::has_unique_object_representations_v<Superblock>);
static_assert(offsetof(Superblock, copy) == 16 && offsetof(Superblock, version) == 18);
static_assert(offsetof(Superblock, magic) == 20 && offsetof(Superblock, sequence) == 24);
static_assert(offsetof(Superblock, cluster) == 48 && offsetof(Superblock, generation) == 64);
static_assert(offsetof(Superblock, node) == 72 && offsetof(Superblock, limits_digest) == 88);
static_assert(offsetof(Superblock, first_live_segment) == 104 && offsetof(Superblock, freed_batch) == 128);
static_assert(offsetof(Superblock, former_durable) == 192 && offsetof(Superblock, former_begins) == 704);

// Whose data it must be.
struct SuperblockOwner {
  ClusterId cluster;
  NodeId node;
  Generation generation;
  ShardId shard;
  u16 shard_count = 0;
  Digest limits_digest;
};

constexpr u64 superblock_offset(u32 copy) { return copy * superblock_stride; }

// Writes one copy, checksum and all; `to` is superblock_copy_bytes long. Returns the checksum.
Digest encode_superblock(const Superblock& superblock, u32 copy, MutableBytes to);

// What a place held. Unreadable sectors are an empty span.
using SuperblockPlaces = std::span<const Bytes, superblock_copies>;

// One place's content. The number a copy carries counts: a misdirected write must not count twice.
struct SuperblockCopy {
  bool intact = false;
  u32 number = 0;
  Superblock superblock;  // whatever the bytes say, where there are enough of them
};
SuperblockCopy read_superblock_copy(Bytes bytes, u32 place);

struct SuperblockOpening {
  ShardRefusal refusal;  // code null: `current` is the superblock
  Superblock current;
  u8 repair[superblock_copies] = {};  // places to write again, in this order, one at a time
  u32 repair_count = 0;
};

// The superblock with the highest sequence of which two copies are intact. Total on any bytes.
SuperblockOpening open_superblock(SuperblockPlaces places);

// Code null: it is the owner's.
ShardRefusal check_owner(const Superblock& superblock, const SuperblockOwner& owner);

}  // namespace keelson
