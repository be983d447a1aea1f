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
};

}  // namespace keelson
