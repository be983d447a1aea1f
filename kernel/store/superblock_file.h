// SuperblockFile: the superblock zone of one shard, from reading its four copies to a new one that is durable.
//
// Who uses it: recovery: open() first, then one update() per start. A state machine over Read and Write effects:
// damaged copies are written again one at a time, an update writes copies 0 and 1, then 2 and 3. Not here: what the
// bytes mean (superblock.h).
#pragma once

#include "keelson/base/counters.h"
#include "keelson/store/io_ids.h"
#include "keelson/store/page_buffer.h"
#include "keelson/store/superblock.h"
#include "keelson/wire/bag.h"

namespace keelson {

class SuperblockFile {
 public:
  enum class State : u8 {
    closed,
    opening,
    ready,  // current() holds, all copies are whole
    updating,
    scrubbing,  // as ready, but busy
    refused
  };
  SuperblockFile(const SuperblockOwner& owner, IoIds& ids, Counters& counters);

  void open(EffectBag& out);
  // From ready. Sequence, parent and checksum are set here; ready again when every copy's Write is done.
  void update(Superblock next, EffectBag& out);
  // From ready. Copies that can't be read, or aren't what they were written as, are written again.
  void scrub(EffectBag& out);
  bool on_completion(const Completion& completion, EffectBag& out);  // false: not its id

  State state() const { return state_; }
  const Superblock& current() const { return current_; }
  const ShardRefusal& refusal() const { return refusal_; }

 private:
  static constexpr u8 none = 0xff;

  void read_all(IoClass io_class, EffectBag& out);
  void read_done(u32 copy, bool ok, EffectBag& out);
  void opened(EffectBag& out);
  void compared(EffectBag& out);
  void repair_next(EffectBag& out);
  void write(u32 copy, const Superblock& superblock, EffectBag& out);
  void write_done(bool ok, EffectBag& out);
  void refuse(const ShardRefusal& refusal);

  const SuperblockOwner owner_;
  IoIds& ids_;
  Counters& counters_;
  State state_ = State::closed;
  ShardRefusal refusal_;
  Superblock current_;
  Superblock next_;  // while updating
  SuperblockOpening opening_;
  u32 repaired_ = 0;  // of opening_.repair

  PageBuffer pages_;  // one per copy: read into, written from; behind them one to compare with
  Bytes parts_[superblock_copies];
  IoId in_flight_[superblock_copies];  // of a copy; 0: none
  bool read_ok_[superblock_copies] = {};
  u32 busy_ = 0;     // I/Os in flight
  u32 written_ = 0;  // of this update, stored
  u32 failed_ = 0;
};

}  // namespace keelson
