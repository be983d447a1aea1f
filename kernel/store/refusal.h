// Why a shard's data can't be used. The driver prints it with the file's name.
#pragma once

#include "keelson/base/types.h"

namespace keelson {

struct ShardRefusal {
  const char* code = nullptr;  // stable: "not_formatted", "wrong_cluster", "version_too_new", "damaged_superblock" ...
  const char* text = nullptr;  // one sentence with what to do; {0}, {1} ... stand for detail[0], detail[1] ...
  u64 detail[4] = {};
};

}  // namespace keelson
