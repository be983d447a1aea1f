#include "tests/damage/file_damage.h"

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <unistd.h>

namespace keelson::test {
namespace {

constexpr std::size_t copied_at_once = 1 << 20;

std::string read_at(int fd, u64 offset, std::size_t bytes) {
  std::string content(bytes, '\0');
  const ssize_t got = ::pread(fd, content.data(), bytes, static_cast<off_t>(offset));
  check(got == static_cast<ssize_t>(bytes));
  return content;
}
void write_at(int fd, u64 offset, const std::string& content) {
  check(::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset)) ==
        static_cast<ssize_t>(content.size()));
}

bool all_zeros(const std::string& content) { return content.find_first_not_of('\0') == std::string::npos; }

}  // namespace

const char* name_of(DamageKind kind) {
  constexpr const char* names[] = {"flip", "zero", "duplicate", "truncate"};
  return names[static_cast<std::size_t>(kind)];
}
const char* name_of(DamagePlace place) {
  constexpr const char* names[] = {"superblock", "wal", "index", "checkpoint", "batch"};
  return names[static_cast<std::size_t>(place)];
}

std::optional<DamagePlace> damage_place(const std::string& name) {
  for (const auto place :
       {DamagePlace::superblock, DamagePlace::wal, DamagePlace::index, DamagePlace::checkpoint, DamagePlace::batch})
    if (name == name_of(place)) return place;
  return std::nullopt;
}

FileDamage::FileDamage(std::string file, const io::inspect::Survey& survey, u64 seed)
    : file_(std::move(file)), prng_(seed), file_bytes_(survey.bytes) {
  find_extents(survey);
}
FileDamage::~FileDamage() = default;

void FileDamage::find_extents(const io::inspect::Survey& survey) {
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    extents_[DamagePlace::superblock].push_back({superblock_offset(copy), superblock_copy_bytes});
  const Limits& limits = survey.profile->limits;
  const LogFacts& facts = survey.run->recovery().facts();
  extents_[DamagePlace::wal].push_back({survey.file_offset(Zone::wal, 0), facts.wal_end.raw() * page_bytes});
  for (u64 segment = 0, slots = facts.slots_end; slots > 0; ++segment) {
    const u64 here = std::min<u64>(slots, limits.index_pages_per_segment);
    extents_[DamagePlace::index].push_back(
        {survey.file_offset(Zone::index, index_offset(limits, segment, 0)), here * page_bytes});
    slots -= here;
  }
  for (const BatchFact& batch : facts.batches) {
    if (!batch.has_head() || batch.page_count == 0) continue;
    const u64 segment = batch.first_slot / limits.index_pages_per_segment;
    const auto slot = static_cast<u32>(batch.first_slot % limits.index_pages_per_segment);
    batches_.emplace_back(survey.file_offset(Zone::index, index_offset(limits, segment, slot)),
                          survey.file_offset(Zone::wal, wal_offset(limits, batch.first_page)));
  }
  log_end_ = survey.file_offset(Zone::checkpoint, 0);
  const auto add = [&](u32 first, u64 bytes) {
    const Extent extent{survey.file_offset(Zone::checkpoint, u64{first} * page_bytes), bytes};
    extents_[DamagePlace::checkpoint].push_back(extent);
    log_end_ = std::max(log_end_, extent.offset + extent.bytes);
  };
  for (std::size_t i = 0; i < survey.groups.size(); ++i) {
    if (!survey.groups[i].has_checkpoint) continue;
    for (const u32 first : facts.checkpoints[i].record.table_block) add(first, facts.checkpoints[i].record.table_bytes);
    for (const SavedSection& section : survey.groups[i].checkpoint.sections) {
      u64 left = section.size;
      for (const BlockRun& run : section.runs) {
        const u64 bytes = std::min<u64>(left, u64{run.count} * page_bytes);
        add(run.first, bytes);
        left -= bytes;
      }
    }
  }
}

FileDamage::Sector FileDamage::sector_of(const Extent& extent, u64 i) {
  return {extent.offset + i * sector_bytes, std::min(sector_bytes, extent.bytes - i * sector_bytes)};
}

const FileDamage::Extent& FileDamage::any_extent(DamagePlace place) {
  const auto& extents = extents_[place];
  u64 bytes = 0;
  for (const Extent& extent : extents) bytes += extent.bytes;
  u64 at = prng_.below(bytes);
  for (const Extent& extent : extents) {
    if (at < extent.bytes) return extent;
    at -= extent.bytes;
  }
  return extents.back();
}

FileDamage::Sector FileDamage::any_sector(DamagePlace place) {
  const Extent& extent = any_extent(place);
  return sector_of(extent, prng_.below(sectors_of(extent)));
}

void FileDamage::strike(std::optional<DamagePlace> only) {
  const bool has_checkpoint = !extents_[DamagePlace::checkpoint].empty();
  const u64 place = prng_.below(has_checkpoint ? 11 : 8);
  place_ = place < 2   ? DamagePlace::superblock
           : place < 5 ? DamagePlace::wal
           : place < 7 ? DamagePlace::index
           : place < 8 ? DamagePlace::batch
                       : DamagePlace::checkpoint;
  if (only && (*only != DamagePlace::checkpoint || has_checkpoint)) place_ = *only;
  const u64 kind = prng_.below(20);
  kind_ = kind == 19 ? DamageKind::truncate : static_cast<DamageKind>(kind % 3);
  if (place_ == DamagePlace::batch) return strike_batch();
  if (kind_ == DamageKind::truncate) return cut();
  // Single sectors, a few at random, or a run as a scratch leaves it.
  const u64 shape = prng_.below(4);
  const u64 count = shape == 0 ? 1 : 1 + prng_.below(shape == 3 ? 200 : 12);
  if (shape < 3) {
    for (u64 i = 0; i < count; ++i) strike_sector(any_sector(place_));
    return;
  }
  const Extent& extent = any_extent(place_);
  const u64 sectors = sectors_of(extent);
  const u64 first = prng_.below(sectors);
  for (u64 i = first; i < std::min(first + count, sectors); ++i) strike_sector(sector_of(extent, i));
}

// What is left names neither the records nor what they were.
void FileDamage::strike_batch() {
  if (kind_ == DamageKind::truncate) kind_ = DamageKind::zero;
  const auto [index, log] = batches_[prng_.below(batches_.size())];
  strike_sector({index, sector_bytes});
  strike_sector({log, sector_bytes});
}

void FileDamage::strike_sector(const Sector& sector) {
  const u64 offset = sector.offset;
  const int fd = ::open(file_.c_str(), O_RDWR | O_CLOEXEC);
  check(fd >= 0);
  const std::string was = read_at(fd, offset, sector_bytes);
  std::string is = was;
  switch (kind_) {
    case DamageKind::flip:
      for (u64 bits = 1 + prng_.below(8); bits > 0; --bits) {
        const u64 at = prng_.below(sector.used);
        is[at] = static_cast<char>(is[at] ^ (1 << prng_.below(8)));
      }
      break;
    case DamageKind::zero:
      is.assign(sector_bytes, '\0');
      break;
    case DamageKind::duplicate: {
      DamagePlace from = static_cast<DamagePlace>(prng_.below(4));
      if (extents_[from].empty()) from = DamagePlace::wal;
      is = read_at(fd, any_sector(from).offset, sector_bytes);
      break;
    }
    case DamageKind::truncate:
      break;
  }
  remember(offset, was);
  write_at(fd, offset, is);
  ::close(fd);
}

void FileDamage::remember(u64 offset, const std::string& was) { former_.try_emplace(offset, was); }

void FileDamage::cut() {
  const int fd = ::open(file_.c_str(), O_RDWR | O_CLOEXEC);
  check(fd >= 0);
  cut_at_ = any_sector(place_).offset;
  for (u64 at = cut_at_; at < log_end_; at += copied_at_once) {
    const std::string was = read_at(fd, at, std::min<u64>(copied_at_once, log_end_ - at));
    if (!all_zeros(was)) remember(at, was);
  }
  check(::ftruncate(fd, static_cast<off_t>(cut_at_)) == 0);
  ::close(fd);
}

void FileDamage::undo() {
  const int fd = ::open(file_.c_str(), O_RDWR | O_CLOEXEC);
  check(fd >= 0);
  if (kind_ == DamageKind::truncate) check(::ftruncate(fd, static_cast<off_t>(file_bytes_)) == 0);
  for (const auto& [offset, was] : former_) write_at(fd, offset, was);
  check(::fdatasync(fd) == 0);
  ::close(fd);
}

u64 FileDamage::superblock_copies_hit() const {
  if (kind_ == DamageKind::truncate && place_ == DamagePlace::superblock) return superblock_copies;
  std::set<u64> copies;
  for (const auto& [offset, was] : former_)
    if (offset < superblock_zone_bytes) copies.insert(offset / superblock_stride);
  return copies.size();
}

std::string FileDamage::describe() const {
  std::string text = std::string(name_of(kind_)) + " " + name_of(place_);
  if (kind_ == DamageKind::truncate) return text + " to " + std::to_string(cut_at_) + " bytes";
  text += ", " + std::to_string(former_.size()) + " sectors:";
  std::size_t shown = 0;
  for (const auto& [offset, was] : former_) {
    if (shown++ == 6) return text + " ...";
    text += " " + std::to_string(offset);
  }
  return text;
}

}  // namespace keelson::test
