// What a freshly formatted data file holds beyond zeros: the superblock.
//
// Who uses it: the drivers' format commands and tests. The caller really writes every byte of the file (a sparse extent
// would have to be converted at flush time) and makes it durable. Not here: files.
#pragma once

#include "keelson/base/bytes.h"
#include "keelson/base/limits.h"

namespace keelson {

struct FormatConfig {
  ClusterId cluster;
  NodeId node;
  Generation generation;
  ShardId shard;
  u16 shard_count = 1;
  Limits limits;
};

// `zone` is the whole superblock zone (StoreLayout), zeroed by the caller.
void format_superblock(const FormatConfig& config, MutableBytes zone);

}  // namespace keelson
