// Damage to what a disk holds: what it hits, and what the disk remembers for it.
#include <algorithm>

#include "keelson/sim/storage.h"

namespace keelson::sim {
namespace {

constexpr u64 bits_max = 8;
// Of the damage that may strike anywhere. In the order of site disk.damage_zone.
constexpr Zone struck_zones[] = {Zone::wal, Zone::index, Zone::superblock, Zone::checkpoint};
constexpr u64 struck_weights[] = {5, 4, 1, 2};

// Three of four are in a byte that isn't zero: a page that is sparse is read for these.
void flip(std::byte* content, u64 length, const Stream& stream) {
  u16 filled[page_bytes];
  u64 count = 0;
  for (u64 at = 0; at < length; ++at)
    if (content[at] != std::byte{0}) filled[count++] = static_cast<u16>(at);
  const u64 bits = 1 + stream.below(Site::disk_damage_bits, bits_max);
  for (u64 i = 0; i < bits; ++i) {
    const u64 bit = stream.below(Site::disk_damage_at, 4 * length * 8);
    const u64 at = bit / 8 % length;
    content[bit / 8 < length || count == 0 ? at : filled[at * count / length]] ^= std::byte{1} << (bit % 8);
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
  // Superblock copies and blocks of checkpoints are written again and again.
  if (!keeps_log(written.zone)) {
    const auto same =
        std::find_if(known.begin(), known.end(), [&](const Extent& e) { return e.first_page == written.first_page; });
    if (same != known.end()) {
      *same = written;
      return;
    }
  }
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
    case DamageZone::checkpoint:
      return where == Zone::checkpoint;
  }
  return false;
}

// ---------------------------------------------------------------- what a mark covers

bool Disk::keeps_log(Zone where) { return where == Zone::wal || where == Zone::index; }

void Disk::learned(IoId write) {
  std::erase_if(unlearned_, [write](const auto& done) { return done.first == write; });
}

// A page of the index says that every batch before it is stored, as far as its writer knows: all turns before the
// oldest one of which it hasn't heard everything.
u64 Disk::covered_now() const {
  u64 unsure = turn_;
  for (const auto& operation : operations_)
    if (operation.in_flight && operation.kind == IoKind::write && keeps_log(operation.zone))
      unsure = std::min(unsure, operation.turn);
  for (const auto& [id, turn] : unlearned_) unsure = std::min(unsure, turn);
  return unsure - 1;
}

void Disk::confirm(Operation& write) {
  Confirmed done{write.turn, {write.zone, write.offset / page_bytes, write.bytes / page_bytes}, {}, Doom::none};
  remember(done.where);
  if (!keeps_log(write.zone)) return land(write);
  unlearned_.emplace_back(write.id, write.turn);
  const u64 covers = write.covers;
  u64 page_no = done.where.first_page;
  for (Page* page = write.pages; page; ++page_no) {
    Page* next = std::exchange(page->next, nullptr);
    damaged_.erase({write.zone, page_no});
    Page* former = zone(write.zone).exchange(page_no, page);
    if (former && done.former.empty()) done.former.resize(done.where.pages);
    if (former) done.former[page_no - done.where.first_page] = former;
    page = next;
  }
  write.pages = nullptr;
  forget(write);
  if (strikes(done.where.zone)) {
    if (stream_.chance(Site::disk_revert, settings_.revert_ppm)) done.doom = Doom::revert;
    if (stream_.chance(Site::disk_misdirect_write, settings_.misdirect_write_ppm)) done.doom = Doom::misdirect;
  }
  unmarked_.push_back(std::move(done));
  if (covers > 0) mark(covers);
}

void Disk::mark(u64 turn) {
  std::vector<Confirmed> settled;
  std::vector<Confirmed> left;
  for (Confirmed& write : unmarked_) (write.turn <= turn ? settled : left).push_back(std::move(write));
  unmarked_ = std::move(left);
  for (Confirmed& write : settled) settle(write);
}

// The mark may be on the medium after a crash, or not: neither damage nor a lie touches what it covers.
void Disk::keep_marked(u64 turn) {
  for (Confirmed& write : unmarked_)
    if (write.turn <= turn) release(write);
  std::erase_if(unmarked_, [turn](const Confirmed& write) { return write.turn <= turn; });
}

// Its loss can be noticed from now on.
void Disk::settle(Confirmed& write) {
  if (write.doom == Doom::revert) bring_back(write, Fault::reverted_write);
  if (write.doom == Doom::misdirect) misdirect(write);
  release(write);
  marked_[static_cast<std::size_t>(write.where.zone)].push_back(write.where);
}

void Disk::bring_back(Confirmed& write, Fault fault) {
  const Extent& where = write.where;
  for (u64 i = 0; i < where.pages; ++i) {
    zone(where.zone)
        .put(where.first_page + i, write.former.empty() ? nullptr : std::exchange(write.former[i], nullptr));
    damaged_.insert({where.zone, where.first_page + i});
  }
  note(fault, where.zone, where.first_page * page_bytes);
  hurt_ = hurt_ || fault != Fault::lost_flush;
}

// Over another marked write, never over a page that marks.
void Disk::misdirect(Confirmed& write) {
  const auto& targets = marked_[static_cast<std::size_t>(write.where.zone)];
  if (targets.empty()) return;
  const Extent over = targets[stream_.below(Site::disk_damage_page, targets.size())];
  Medium& medium = zone(write.where.zone);
  for (u64 i = 0; i < std::min(write.where.pages, over.pages); ++i) {
    std::byte content[page_bytes];
    medium.read_page(write.where.first_page + i, content);
    medium.put(over.first_page + i, pages_.make(content));
    damaged_.insert({over.zone, over.first_page + i});
  }
  bring_back(write, Fault::misdirected_write);
}

void Disk::release(Confirmed& write) {
  for (Page*& page : write.former)
    if (Page* former = std::exchange(page, nullptr)) pages_.release(former);
}

// A crash: nothing will mark these any more. With a device that lies about its flushes some of them are gone.
void Disk::forget_unmarked(CrashKind kind) {
  const bool lies =
      kind == CrashKind::power && !unmarked_.empty() && stream_.chance(Site::disk_lost_flush, settings_.lost_flush_ppm);
  for (Confirmed& write : unmarked_) {
    if (lies && stream_.below(Site::disk_lost_write, 2) == 1) bring_back(write, Fault::lost_flush);
    release(write);
  }
  unmarked_.clear();
  unlearned_.clear();
}

// ---------------------------------------------------------------- damage

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
  rot_page(Fault::bit_rot, where, page_no);
  return true;
}

void Disk::rot_page(Fault fault, Zone where, u64 page_no) {
  std::byte content[page_bytes];
  Medium& medium = zone(where);
  medium.read_page(page_no, content);
  const Page* page = medium.at(page_no);
  const u8 unreadable = page ? page->unreadable : u8{0};
  flip(content, page && page->length > 0 ? page->length : page_bytes, stream_);
  Page* rotten = pages_.make(content);
  rotten->unreadable = unreadable;
  medium.put(page_no, rotten);
  damaged(fault, where, page_no);
}

// A device is at its weakest where it wrote when the power went. Both zones: of a batch neither its records nor what
// names them may be left.
void Disk::rot_tail(Fault fault) {
  constexpr u64 depth_max = 4;
  const bool only_checkpoints = settings_.damage_zone == DamageZone::checkpoint;
  for (const Zone where : {Zone::wal, Zone::index, Zone::checkpoint}) {
    const auto& known = written_[static_cast<std::size_t>(where)];
    if (!strikes(where) || (where == Zone::checkpoint && !only_checkpoints) || known.empty()) continue;
    const u64 depth = std::min<u64>(1 + stream_.below(Site::disk_rot_depth, depth_max), known.size());
    for (u64 i = 0; i < depth; ++i) {
      const Extent& extent = known[known.size() - 1 - i];
      for (u64 page = 0; page < extent.pages; ++page) {
        const u64 page_no = extent.first_page + page;
        if (fault == Fault::weak_tail) weak_.push_back({where, page_no, copy_of(where, page_no)});
        rot_page(fault, where, page_no);
      }
    }
  }
}

Page* Disk::copy_of(Zone where, u64 page_no) {
  std::byte content[page_bytes];
  zone(where).read_page(page_no, content);
  Page* copy = pages_.make(content);
  if (const Page* page = zone(where).at(page_no)) copy->unreadable = page->unreadable;
  return copy;
}

// What was written there meanwhile stays.
void Disk::heal_tail() {
  for (const Weak& weak : weak_) {
    if (damaged_.erase({weak.zone, weak.page_no}) > 0)
      zone(weak.zone).put(weak.page_no, weak.sound);
    else
      pages_.release(weak.sound);
  }
  weak_.clear();
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

// Another write's pages, as far as they go.
void Disk::misdirect_read(const Operation& read) {
  const auto& known = written_[static_cast<std::size_t>(read.zone)];
  if (known.empty() || !strikes(read.zone) || !may_damage(read.zone, read.offset / page_bytes)) return;
  const Extent& other = known[stream_.below(Site::disk_damage_page, known.size())];
  const auto pages = written_in(read.zone, read.offset, read.bytes);
  if (pages.empty()) return;
  const u64 from = pages[stream_.below(Site::disk_damage_page, pages.size())];
  const u64 count = std::min(other.pages, (read.offset + read.bytes) / page_bytes - from);
  if (other.first_page == from) return;
  for (u64 i = 0; i < count; ++i)
    zone(read.zone).read_page(other.first_page + i, read.into.data() + ((from + i) * page_bytes - read.offset));
  hurt_ = true;
  note(Fault::misdirected_read, read.zone, from * page_bytes);
}

// ---------------------------------------------------------------- whole disks

void Disk::wipe() {
  check(writes_in_flight_ == 0 && reads_in_flight_ == 0 && unmarked_.empty());
  for (std::size_t i = 0; i < zone_count; ++i) {
    zones_[i]->wipe();
    written_[i].clear();
    marked_[i].clear();
  }
  damaged_.clear();
  for (const Weak& weak : weak_) pages_.release(weak.sound);
  weak_.clear();
  hurt_ = true;
}

void Disk::save_image() {
  for (std::size_t i = 0; i < zone_count; ++i) {
    image_[i] = std::make_unique<Medium>(pages_, shape_.zone_bytes[i]);
    image_[i]->copy_from(*zones_[i]);
  }
}

void Disk::restore_image() {
  check(has_image());
  wipe();
  for (std::size_t i = 0; i < zone_count; ++i) zones_[i] = std::move(image_[i]);
}

}  // namespace keelson::sim
