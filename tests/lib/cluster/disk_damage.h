// Damage to a simulated disk where it matters: at the record of an op, at its entry in the index, at a superblock copy.
//
// Who uses it: Cluster::corrupt() and its relatives. It finds the place as recovery would, by reading index pages. Not
// here: what becomes of it (kernel/store), random damage (sim/storage.h).
#pragma once

#include <optional>
#include <vector>

#include "keelson/sim/storage.h"
#include "keelson/store/page.h"

namespace keelson::test {

// A place on a disk, as a story names it.
struct Place {
  enum class Kind : u8 { record, entry, superblock_copy, table, section, blob };
  Kind kind = Kind::record;
  Command command = Command::prepare;  // record, entry: of this kind
  u64 number = 0;                      // of the op, as stories count; of the copy; of a section or blob that has bytes
};
constexpr Place record(u64 op) { return {Place::Kind::record, Command::prepare, op}; }
constexpr Place entry(u64 op) { return {Place::Kind::entry, Command::prepare, op}; }
constexpr Place promise() { return {Place::Kind::record, Command::group_state, 0}; }  // the newest group_state
constexpr Place promise_entry() { return {Place::Kind::entry, Command::group_state, 0}; }
constexpr Place checkpoint() { return {Place::Kind::record, Command::group_checkpoint, 0}; }  // the newest record
constexpr Place checkpoint_table(u64 copy) { return {Place::Kind::table, Command::group_checkpoint, copy}; }
constexpr Place checkpoint_section(u64 n) { return {Place::Kind::section, Command::group_checkpoint, n}; }
constexpr Place checkpoint_blob(u64 n) { return {Place::Kind::blob, Command::group_checkpoint, n}; }
constexpr Place superblock_copy(u64 copy) { return {Place::Kind::superblock_copy, Command::prepare, copy}; }

// Whole pages of one zone.
struct Stretch {
  Zone zone = Zone::wal;
  u64 offset = 0;
  u64 pages = 0;
  u64 heart = 0;  // where a changed bit can't go unnoticed
};

struct DiskOwner {
  ClusterId cluster;
  ShardId shard;
  Limits limits;
};

// Where the newest record of this op (of any op, for a group_state) or its index entry lies; nothing: nowhere.
std::optional<Stretch> find_on_disk(const sim::Disk& disk, const DiskOwner& owner, GroupId group, Place::Kind kind,
                                    Command command, Op op);
Stretch superblock_stretch(u64 copy);
// A copy of the newest checkpoint's table, or the first block of its nth section that has bytes; nothing: there is
// none.
std::optional<Stretch> find_in_checkpoint(const sim::Disk& disk, const DiskOwner& owner, GroupId group, Place place);

using PageBytes = std::vector<std::byte>;
PageBytes read_stretch(const sim::Disk& disk, const Stretch& stretch);
void write_stretch(sim::Disk& disk, const Stretch& stretch, const PageBytes& bytes);

}  // namespace keelson::test
