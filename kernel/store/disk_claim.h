// DiskClaim: what a node says of its log, with each promise and each beat. Whoever was told that a batch is stored, and
// then meets a life that begins below it, knows that this life has an older copy of the disk.
//
// Who uses it: the shard keeps it, replicas and beats carry it (Header::first_batch, stored_batch), peers compare it
// (node/peers.h). Not here: what follows from it (docs/protocol.md, "An old copy of a disk").
#pragma once

#include "keelson/base/types.h"

namespace keelson {

struct DiskClaim {
  BatchNo first;   // of this life, above all that its start found; 0: the log's end is damaged, so it can't say
  BatchNo stored;  // the highest one of which replicas were told; 0: none in this life
  // Drawn at the start. Two lives that began from copies of one file have the same incarnation and the same `first`.
  u16 tag = 0;

  // As headers carry it: the tag above the number.
  BatchNo tagged_first() const {
    const bool says = first != BatchNo() && first.raw() >> tag_shift == 0;
    return says ? BatchNo(u64{tag} << tag_shift | first.raw()) : BatchNo();
  }
  static constexpr BatchNo first_of(BatchNo tagged) { return BatchNo(tagged.raw() & ((u64{1} << tag_shift) - 1)); }
  static constexpr u32 tag_shift = 48;
};

}  // namespace keelson
