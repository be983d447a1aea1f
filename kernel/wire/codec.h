// A codec for whole bags: one turn of a shard as bytes and back, for bag logs and for digests of what a step did.
//
// Who uses it: a driver that records (flight recorder, --export bags) and `keelson replay`. Decoding is total: any
// bytes give a bag or a CodecError, take no more memory than the bag and the slabs given, and what a driver promises
// about messages (steps 1-7 and 11 of validate.h) is proven again. Equal bags give equal bytes; no address is in them.
// Not here: the log's file format, what a message means.
#pragma once

#include "keelson/wire/bag.h"

namespace keelson {

inline constexpr u8 bag_codec_version = 1;

enum class CodecError : u8 {
  none,
  truncated,     // fewer bytes than their counts say
  version,       // of another codec
  kind,          // an effect bag where an event bag was wanted, or the reverse
  value,         // a number that is no value of its enum or flag
  too_many,      // more of something than the bag holds
  message,       // a message that no driver would hand on
  no_slab,       // the pool is exhausted
  unknown_read,  // bytes of a read that nobody issued, or of another size
  trailing,      // bytes behind the bag
};
const char* name_of(CodecError error);

// The buffers that issued reads will be completed into: a completion names only the id, so a log carries the bytes, and
// a replay puts them where its own shard wants them.
class ReadsInFlight {
 public:
  explicit ReadsInFlight(const Limits& limits) : reads_(limits.reads_max()) {}
  void issued(const EffectBag& bag);
  void completed(const EventBag& bag);
  const MutableBytes* find(IoId id) const;  // null: no such read
  std::size_t size() const { return reads_.size(); }

 private:
  struct Issued {
    IoId id;
    MutableBytes into;
  };
  Vec<Issued> reads_;
};

// Writes the bag to `out` and returns its size; one larger than `out` means that nothing usable was written. Without
// `reads`, a completed read carries no bytes.
std::size_t encode(const EventBag& bag, const ReadsInFlight* reads, MutableBytes out);
std::size_t encode(const EffectBag& bag, MutableBytes out);

// Fills an empty bag; after an error it is empty again. Submitted bodies are slices of `in`. The bytes of completed
// reads are copied to where `reads` says.
[[nodiscard]] CodecError decode(Bytes in, Slabs& slabs, const Limits& limits, const ReadsInFlight* reads,
                                EventBag& out);

// What an effect bag said, for whoever looks at a log: nobody carries it out a second time. A write's gather list comes
// back as one part, a slice of the input; a read has no buffer, only its size.
struct RecordedEffects {
  EffectBag bag;
  Vec<Bytes> written;   // one per write
  Vec<u64> read_bytes;  // one per read

  explicit RecordedEffects(const Limits& limits)
      : bag(limits), written(limits.writes_max()), read_bytes(limits.reads_max()) {}
  void clear();
};
[[nodiscard]] CodecError decode(Bytes in, Slabs& slabs, const Limits& limits, RecordedEffects& out);

// Everything that a bag says. Messages count by their checksums, which cover all their bytes.
Digest content_digest(const EventBag& bag);
Digest content_digest(const EffectBag& bag);

}  // namespace keelson
