// RoomFilter: which groups the batch before has records of, in what the entries of an index page leave free.
//
// Who uses it: WAL batches write it, recovery asks it whom a loss may concern whose entries are gone (row 4), beside
// the 128 bits of the head (GroupBloom, page.h). A Bloom filter of all the room but its last 8 bytes, which are its
// check: a page whose free room is torn or rotten is as good as one that has none. It may say yes too often, never no
// wrongly. Not here: of which batch it is (the head's), what a loss means (recovery_group.h).
#pragma once

#include "keelson/base/vec.h"
#include "keelson/store/page.h"

namespace keelson {

inline constexpr u32 room_hashes = 6;  // bits of a group

// What `entries` leave free of an index page.
constexpr u32 room_bytes(u32 entries) {
  return page_bytes - static_cast<u32>(sizeof(IndexHead)) - entries * static_cast<u32>(sizeof(IndexEntry));
}
static_assert(room_bytes(entries_per_index_page) == 0 && room_bytes(0) == 63 * 64);

// absent: zeros, as where the groups aren't known; or the page is full.
enum class RoomState : u8 { absent, ok, bad };

// Into an index page that is otherwise complete, in the order of the batch's; a page without room stays as it is.
void write_room(std::span<const GroupId> groups, std::byte* page);
RoomState read_room(const std::byte* page);  // of an index page that is ok

class RoomFilter {
 public:
  // A copy of what an index page holds, whose room is ok.
  explicit RoomFilter(const std::byte* page);
  bool may_contain(GroupId group) const;
  u64 slot() const { return slot_; }
  void set_slot(u64 slot) { slot_ = slot; }

 private:
  Vec<std::byte> bits_;
  u64 slot_ = 0;  // of the index page, counted over all segments
};

}  // namespace keelson
