// FileDamage: what disks do to a real data file, done to it on purpose: sectors flipped, zeroed, written over with
// others, a file cut short. And taken back.
//
// Who uses it: the real-file damage command (real_damage.cc). Places are drawn where the file holds something, as the
// survey of inspect finds them. Nobody has the file open meanwhile. Not here: what a start should make of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keelson/base/random.h"
#include "keelson/io/inspect/survey.h"

namespace keelson::test {

enum class DamageKind : u8 { flip, zero, duplicate, truncate };
// batch: the entries of one batch in the index, and its records in the log.
enum class DamagePlace : u8 { superblock, wal, index, checkpoint, batch };
const char* name_of(DamageKind kind);
const char* name_of(DamagePlace place);
std::optional<DamagePlace> damage_place(const std::string& name);

class FileDamage {
 public:
  static constexpr u64 sector_bytes = 512;

  // `survey`: of the file before anything happens to it.
  FileDamage(std::string file, const io::inspect::Survey& survey, u64 seed);
  ~FileDamage();
  FileDamage(const FileDamage&) = delete;
  FileDamage& operator=(const FileDamage&) = delete;

  // Where there is nothing of `only` yet, anywhere.
  void strike(std::optional<DamagePlace> only = std::nullopt);
  // Puts back what was there.
  void undo();

  DamageKind kind() const { return kind_; }
  DamagePlace place() const { return place_; }
  u64 superblock_copies_hit() const;
  std::string describe() const;  // kind, place, sectors by offset

 private:
  struct Extent {
    u64 offset = 0;
    u64 bytes = 0;
  };
  void find_extents(const io::inspect::Survey& survey);
  struct Sector {
    u64 offset = 0;
    u64 used = sector_bytes;  // of its bytes: the rest is padding, a bit of which is nobody's loss
  };
  static u64 sectors_of(const Extent& extent) { return (extent.bytes + sector_bytes - 1) / sector_bytes; }
  static Sector sector_of(const Extent& extent, u64 i);
  const Extent& any_extent(DamagePlace place);  // by size
  Sector any_sector(DamagePlace place);
  void strike_batch();
  void strike_sector(const Sector& sector);
  void remember(u64 offset, const std::string& was);
  void cut();

  std::string file_;
  Prng prng_;
  std::map<DamagePlace, std::vector<Extent>> extents_;
  std::vector<std::pair<u64, u64>> batches_;  // where their index pages and their log pages begin
  u64 file_bytes_ = 0;
  u64 log_end_ = 0;  // of what is worth keeping behind a cut
  DamageKind kind_ = DamageKind::flip;
  DamagePlace place_ = DamagePlace::wal;
  std::map<u64, std::string> former_;  // by offset
  u64 cut_at_ = 0;
};

}  // namespace keelson::test
