// RecoveryStart and ProcessStart: a start from a data file, by recovery alone and by a whole shard without peers.
//
// Who uses it: the fuzz target of the open path; tests that compare a tool with it. Every operation is carried out at
// once, and one that breaks the step contract aborts, as does a start that has no end. Not here: what the start should
// have found.
#pragma once

#include <cstdlib>
#include <deque>
#include <functional>

#include "keelson/store/recovery.h"

#include "fuzz/gen/require.h"
#include "fuzz/gen/store_image.h"

namespace keelson::gen {

inline void require_in_zone(const ZonePages& pages, Zone zone, u64 offset, u64 bytes) {
  const u64 end = pages.layout().zone_bytes(zone);
  require(bytes > 0 && bytes % page_bytes == 0 && offset % page_bytes == 0, "I/O that is not whole pages");
  require(bytes <= end && offset <= end - bytes, "I/O outside its zone");
}

inline void carry_out(EffectBag& out, ZonePages& pages, std::deque<Completion>& done) {
  for (const Read& read : out.reads) {
    require_in_zone(pages, read.zone, read.offset, read.into.size());
    const bool ok = pages.read(read.zone, read.offset, read.into);
    done.push_back({IoKind::read, read.id, ok ? IoStatus::ok : IoStatus::io_error});
  }
  for (const Write& write : out.writes) {
    u64 bytes = 0;
    for (const Bytes part : write.parts) bytes += part.size();
    require_in_zone(pages, write.zone, write.offset, bytes);
    pages.write(write.zone, write.offset, write.parts);
    done.push_back({IoKind::write, write.id, IoStatus::ok});
  }
  out.clear();
}

struct RecoveryStart {
  RecoveryStart(const StoreImage& image, ZonePages& pages, Slabs& slabs) : chunks(image.limits.log_entries_max) {
    EffectBag out(image.limits);
    std::vector<RecoveryConfig::Group> groups;
    for (const GroupConfig& group : image.groups)
      groups.push_back({group.group, static_cast<u8>(group.members.size())});
    RecoveryConfig config{test_cluster, StoreImage::node, Generation(1), ShardId(0), 1,
                          image.limits, Tunables::tiny(), groups,        true};
    recovery = std::make_unique<Recovery>(config, slabs, chunks, ids, counters);
    std::deque<Completion> done;
    recovery->start(Instant(1), out);
    carry_out(out, pages, done);
    for (u32 steps = 0; !done.empty(); ++steps) {
      require(steps < 100'000, "recovery does not end");
      const Completion completion = done.front();
      done.pop_front();
      require(recovery->on_completion(Instant(1), completion, out), "a completion of nobody");
      carry_out(out, pages, done);
    }
    require(recovery->state() != Recovery::State::running, "recovery waits for nothing");
  }
  bool refused() const { return recovery->state() == Recovery::State::refused; }

  IoIds ids;
  Counters counters;
  LogChunks chunks;
  std::unique_ptr<Recovery> recovery;
};

class ProcessStart {
 public:
  // `each_step`: told of the shard after each. `turns`: in which something is due, an op to be applied among others.
  ProcessStart(const StoreImage& image, ZonePages& pages, Slabs& slabs,
               std::function<void(const Shard&)> each_step = {}, u32 turns = 20)
      : pages_(pages),
        in_(image.limits),
        out_(image.limits),
        shard_(image.config(), slabs),
        each_step_(std::move(each_step)) {
    in_.node.push_back(Boot{{1, 2, 3, 4}});
    step();
    for (u32 steps = 0; !done_.empty(); ++steps) {
      require(steps < 100'000, "a start does not end");
      step();
    }
    // Timers: what is tried again, and what waits for peers.
    for (u32 i = 0; i < turns && shard_.state() == ShardState::ready && shard_.deadline() != Instant::never(); ++i) {
      now_ = std::max(now_, shard_.deadline());
      step();
    }
    for (u32 steps = 0; !done_.empty() && steps < 1000; ++steps) step();
  }
  const Shard& shard() const { return shard_; }

 private:
  void step() {
    in_.now = now_;
    in_.wall = WallTime(1'700'000'000'000'000'000 + now_.ns());
    while (!done_.empty() && !in_.completions.full()) {
      in_.completions.push_back(done_.front());
      done_.pop_front();
    }
    shard_.step(in_, out_);
    in_.clear();
    carry_out(out_, pages_, done_);
    if (each_step_ && shard_.state() == ShardState::ready) each_step_(shard_);
  }

  ZonePages& pages_;
  std::deque<Completion> done_;
  EventBag in_;
  EffectBag out_;
  Shard shard_;
  const std::function<void(const Shard&)> each_step_;
  Instant now_{1'000'000'000};
};

}  // namespace keelson::gen
