#include "keelson/store/room_filter.h"

#include "keelson/base/checksum.h"
#include "keelson/store/rules.h"

namespace keelson {
namespace {

// Seed of the format; not that of the head's filter, or what that one lets through this one would too.
constexpr u64 room_seed = 0x4b4c524f4f4d;

// The bits of one group, of `bits`: two hashes make all.
class Places {
 public:
  Places(GroupId group, u64 bits) : bits_(bits) {
    const u64 hash = check64_of(bytes_of(group), room_seed);
    at_ = static_cast<u32>(hash);
    step_ = static_cast<u32>(hash >> 32) | 1;
  }
  u64 next() {
    const u64 place = at_ * bits_ >> 32;
    at_ = (at_ + step_) & ~u32{0};
    return place;
  }

 private:
  const u64 bits_;
  u64 at_;  // below 2^32, as is step_
  u64 step_;
};

u32 filter_bytes(const IndexHead& head) {
  const u32 room = room_bytes(head.count);
  return room == 0 ? 0 : room - static_cast<u32>(sizeof(u64));
}

// Chained to the page by its check.
u64 room_check(Bytes filter, const IndexHead& head) { return check64_of(filter, head.check); }

const std::byte* room_of(const std::byte* page, const IndexHead& head) {
  return page + page_bytes - room_bytes(head.count);
}

}  // namespace

void write_room(std::span<const GroupId> groups, std::byte* page) {
  const auto head = load<IndexHead>(page);
  const u32 bytes = filter_bytes(head);
  if (bytes == 0) return;
  std::byte* room = page + page_bytes - room_bytes(head.count);
  for (const GroupId group : groups) {
    Places places(group, u64{bytes} * 8);
    for (u32 i = 0; i < room_hashes; ++i) {
      const u64 bit = places.next();
      room[bit / 8] |= std::byte{1} << bit % 8;
    }
  }
  store(room + bytes, room_check({room, bytes}, head));
}

RoomState read_room(const std::byte* page) {
  const auto head = load<IndexHead>(page);
  const u32 bytes = filter_bytes(head);
  const std::byte* room = room_of(page, head);
  if (all_zero({room, room_bytes(head.count)})) return RoomState::absent;
  return load<u64>(room + bytes) == room_check({room, bytes}, head) ? RoomState::ok : RoomState::bad;
}

RoomFilter::RoomFilter(const std::byte* page) {
  const auto head = load<IndexHead>(page);
  const std::byte* room = room_of(page, head);
  bits_ = Vec<std::byte>(filter_bytes(head));
  for (u32 i = 0; i < filter_bytes(head); ++i) bits_.push_back(room[i]);
}

bool RoomFilter::may_contain(GroupId group) const {
  Places places(group, bits_.size() * 8);
  for (u32 i = 0; i < store_rules::bits_asked(room_hashes); ++i) {
    const u64 bit = places.next();
    if ((bits_[bit / 8] & std::byte{1} << bit % 8) == std::byte{0}) return false;
  }
  return true;
}

}  // namespace keelson
