#include "keelson/store/format.h"

#include "keelson/store/superblock.h"

namespace keelson {

void format_superblock(const FormatConfig& config, MutableBytes zone) {
  check(zone.size() >= superblock_offset(superblock_copies - 1) + superblock_copy_bytes);
  check(config.shard.raw() < config.shard_count);
  check(config.generation.raw() <= generations_max);
  Superblock first;
  first.sequence = 1;
  first.cluster = config.cluster;
  first.node = config.node;
  first.generation = config.generation;
  first.incarnation = incarnation_before_first(config.generation);
  first.shard = config.shard;
  first.shard_count = config.shard_count;
  first.clean = 1;
  first.limits_digest = config.limits.digest();
  first.first_batch = BatchNo(1);
  for (u32 copy = 0; copy < superblock_copies; ++copy)
    encode_superblock(first, copy, zone.subspan(superblock_offset(copy), superblock_copy_bytes));
}

}  // namespace keelson
