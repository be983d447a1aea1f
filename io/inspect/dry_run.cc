#include "keelson/io/inspect/dry_run.h"

#include <algorithm>

namespace keelson::io::inspect {

DryRun::DryRun(const Image& image, const RecoveryConfig& config, const std::optional<Superblock>& assumed)
    : image_(image),
      layout_(StoreLayout::of(config.limits)),
      slabs_(config.limits),
      chunks_(config.limits.log_entries_max),
      out_(config.limits),
      recovery_(std::make_unique<Recovery>(config, slabs_, chunks_, ids_, counters_)) {
  if (!assumed) return;
  superblock_.resize(layout_.superblock_bytes);
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    encode_superblock(*assumed, copy,
                      MutableBytes(superblock_).subspan(superblock_offset(copy), superblock_copy_bytes));
}

void DryRun::run() {
  recovery_->start(Instant(), out_);
  take(out_);
  while (!done_.empty()) {
    const Completion completion = done_.front();
    done_.pop_front();
    const bool known = recovery_->on_completion(Instant(), completion, out_);
    check(known);
    take(out_);
  }
  check(recovery_->state() != Recovery::State::running);
}

bool DryRun::read(const Read& read) const {
  if (read.zone != Zone::superblock || superblock_.empty())
    return image_.read(layout_.zone_offset(read.zone) + read.offset, read.into);
  copy(read.into, Bytes(superblock_).subspan(read.offset, read.into.size()));
  return true;
}

void DryRun::take(EffectBag& out) {
  for (const Read& r : out.reads) done_.push_back({IoKind::read, r.id, read(r) ? IoStatus::ok : IoStatus::io_error});
  for (const Write& write : out.writes) {
    u64 bytes = 0;
    for (const Bytes part : write.parts) bytes += part.size();
    written_.push_back({write.zone, write.offset, bytes});
    done_.push_back({IoKind::write, write.id, IoStatus::ok});
  }
  out.clear();
}

}  // namespace keelson::io::inspect
