// Making the file of a shard: every byte of it written and durable.
//
// Who uses it: format_data_dir, and benches that need disks. Not here: whose it is (data_dir.h), what goes into it
// (store/format.h).
#pragma once

#include <string>

#include "keelson/store/format.h"

namespace keelson::io {

// 0, or errno.
int write_all(int fd, Bytes bytes, u64 offset);

// A new file at `path`; one that is there is refused with EEXIST where the filesystem knows O_DIRECT, else overwritten.
// 0, or errno; then a part of it may be there.
int make_data_file(const std::string& path, const FormatConfig& config);

}  // namespace keelson::io
