// Damage to what a disk holds: what it hits, and what the disk remembers for it.
#include <algorithm>

#include "keelson/sim/storage.h"

namespace keelson::sim {
namespace {

constexpr u64 bits_max = 8;
// Of the damage that may strike anywhere. In the order of site disk.damage_zone.
constexpr Zone struck_zones[] = {Zone::wal, Zone::index, Zone::superblock};
constexpr u64 struck_weights[] = {5, 4, 1};

void flip(std::byte* content, u64 length, const Stream& stream) {
  const u64 bits = 1 + stream.below(Site::disk_damage_bits, bits_max);
  for (u64 i = 0; i < bits; ++i) {
    const u64 bit = stream.below(Site::disk_damage_at, length * 8);
    content[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

}  // namespace

// Fresh content, whatever was wrong with the page before.
void Disk::put(Zone where, u64 page_no, Page* page) {
  damaged_.erase({where, page_no});
  zone(where).put(page_no, page);
}

void Disk::note(Fault fault, Zone where, u64 offset) {
  faults_.add(fault);
  damage_.push_back({fault, where, offset});
}

void Disk::remember(const Extent& written) {
  auto& known = written_[static_cast<std::size_t>(written.zone)];
  // Superblock copies are written again and again.
  if (written.zone == Zone::superblock &&
      std::any_of(known.begin(), known.end(), [&](const Extent& e) { return e.first_page == written.first_page; }))
    return;
  known.push_back(written);
}

bool Disk::strikes(Zone where) const {
  switch (settings_.damage_zone) {
    case DamageZone::any:
      return true;
    case DamageZone::superblock:
      return where == Zone::superblock;
    case DamageZone::wal:
      return where == Zone::wal;
    case DamageZone::index:
      return where == Zone::index;
  }
  return false;
}

Zone Disk::draw_zone() {
  if (settings_.damage_zone == DamageZone::any)
    return struck_zones[stream_.weighted(Site::disk_damage_zone, struck_weights)];
  return *std::find_if(std::begin(struck_zones), std::end(struck_zones), [&](Zone where) { return strikes(where); });
}

// Of the superblock's copies one at a time: the format is made to survive that, and no more.
bool Disk::may_damage(Zone where, u64 page_no) {
  if (where != Zone::superblock) return true;
  const bool another = std::any_of(damaged_.begin(), damaged_.end(), [&](const auto& page) {
    return page.first == Zone::superblock && page.second != page_no;
  });
  if (another) note(Fault::damage_vetoed, where, page_no * page_bytes);
  return !another;
}

void Disk::damaged(Fault fault, Zone where, u64 page_no) {
  damaged_.insert({where, page_no});
  hurt_ = true;
  note(fault, where, page_no * page_bytes);
}

bool Disk::rot() {
  const Zone where = draw_zone();
  const auto& known = written_[static_cast<std::size_t>(where)];
  if (known.empty()) return false;
  const Extent& extent = known[stream_.below(Site::disk_damage_page, known.size())];
  const u64 page_no = extent.first_page + stream_.below(Site::disk_damage_page, extent.pages);
  if (!may_damage(where, page_no)) return false;
  std::byte content[page_bytes];
  Medium& medium = zone(where);
  medium.read_page(page_no, content);
  const Page* page = medium.at(page_no);
  const u8 unreadable = page ? page->unreadable : u8{0};
  flip(content, page && page->length > 0 ? page->length : page_bytes, stream_);
  Page* rotten = pages_.make(content);
  rotten->unreadable = unreadable;
  medium.put(page_no, rotten);
  damaged(Fault::bit_rot, where, page_no);
  return true;
}

// Pages of a stretch that hold something.
std::vector<u64> Disk::written_in(Zone where, u64 offset, u64 bytes) const {
  std::vector<u64> pages;
  for (u64 page_no = offset / page_bytes; page_no < (offset + bytes) / page_bytes; ++page_no)
    if (const Page* page = zone(where).at(page_no); page && page->length > 0) pages.push_back(page_no);
  return pages;
}

void Disk::lose_sector(const Operation& read) {
  const auto pages = written_in(read.zone, read.offset, read.bytes);
  if (pages.empty() || !strikes(read.zone)) return;
  const u64 page_no = pages[stream_.below(Site::disk_damage_page, pages.size())];
  if (!may_damage(read.zone, page_no)) return;
  const u64 sector = stream_.below(Site::disk_damage_at, sectors_per_page);
  zone(read.zone).spoil_sector(page_no * page_bytes + sector * sector_bytes);
  damaged(Fault::latent_error, read.zone, page_no);
}

void Disk::flip_read(const Operation& read) {
  const auto pages = written_in(read.zone, read.offset, read.bytes);
  if (pages.empty() || !strikes(read.zone)) return;
  const u64 page_no = pages[stream_.below(Site::disk_damage_page, pages.size())];
  if (!may_damage(read.zone, page_no)) return;
  flip(read.into.data() + (page_no * page_bytes - read.offset), zone(read.zone).at(page_no)->length, stream_);
  hurt_ = true;
  note(Fault::read_flip, read.zone, page_no * page_bytes);
}

}  // namespace keelson::sim
