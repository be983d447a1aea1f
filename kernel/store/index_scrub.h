// IndexScrub: reads the index pages of settled segments, a few at a time, and says which segment has a damaged one.
//
// Who uses it: the shard's scrub tour. A damaged page is never repaired in place, since a page is written once per lap:
// the shard gives back the log up to and with its segment instead. Not here: records (their replicas read them), which
// pages should be there but are blank.
#pragma once

#include "keelson/base/limits.h"
#include "keelson/store/io_ids.h"
#include "keelson/store/page_buffer.h"
#include "keelson/wire/bag.h"

namespace keelson {

class IndexScrub {
 public:
  IndexScrub(const Limits& limits, u64 seed, IoIds& ids);

  void begin(u64 segment);
  // The next pages, all in segments of [first, end). False: there are none.
  bool read(u64 first, u64 end, EffectBag& out);
  bool reading() const { return id_ != IoId(); }
  bool reads_before(u64 segment) const { return reading() && segment_ < segment; }  // so it can't be freed yet
  bool on_completion(const Completion& completion);                                 // false: not its id
  // Behind the last segment with a damaged page since begin(); 0: there is none.
  u64 damaged_end() const { return damaged_end_; }

 private:
  bool is_damaged(const Completion& completion);

  const Limits& limits_;
  const u64 seed_;
  IoIds& ids_;
  PageBuffer pages_;
  IoId id_;
  u64 segment_ = 0;
  u32 page_ = 0;   // of it, the next one
  u32 count_ = 0;  // being read
  u64 damaged_end_ = 0;
};

}  // namespace keelson
