// DryRun: the kernel's own recovery, run to its end over an image whose writes go nowhere.
//
// Who uses it: the survey. It is the driver of Recovery: reads come from the image, writes are counted and called done,
// so that what a tool says and what a start does are one piece of code. Recovery never reads back what it writes. Not
// here: what is told of it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "keelson/io/inspect/image.h"
#include "keelson/store/recovery.h"

namespace keelson::io::inspect {

class DryRun {
 public:
  // `assumed`: what the superblock zone shall read as, where the one on disk leads nowhere.
  DryRun(const Image& image, const RecoveryConfig& config, const std::optional<Superblock>& assumed);
  // To the end: done or refused.
  void run();

  Recovery& recovery() { return *recovery_; }
  const Recovery& recovery() const { return *recovery_; }

  struct Written {
    Zone zone = Zone::wal;
    u64 offset = 0;  // within the zone
    u64 bytes = 0;
  };
  const std::vector<Written>& written() const { return written_; }

 private:
  bool read(const Read& read) const;
  void take(EffectBag& out);

  const Image& image_;
  const StoreLayout layout_;
  std::vector<std::byte> superblock_;  // empty: the image's
  Slabs slabs_;
  LogChunks chunks_;
  IoIds ids_;
  Counters counters_;
  std::deque<Completion> done_;
  std::vector<Written> written_;
  EffectBag out_;
  std::unique_ptr<Recovery> recovery_;
};

}  // namespace keelson::io::inspect
