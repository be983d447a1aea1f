// Image: the bytes of one shard's data file, for looking at only.
//
// Who uses it: inspect and `repair --dry-run`; tests put damage between. There is no way to write through it, and
// whatever can't be read, past the end included, is said to be so and never made up. Not here: what the bytes mean.
#pragma once

#include <memory>
#include <string>

#include "keelson/base/bytes.h"
#include "keelson/io/unique_fd.h"

namespace keelson::io::inspect {

class Image {
 public:
  virtual ~Image() = default;
  virtual u64 bytes() const = 0;
  // False: not all of it could be read; `into` is then undefined.
  virtual bool read(u64 offset, MutableBytes into) const = 0;
};

class FileImage final : public Image {
 public:
  FileImage(UniqueFd file, u64 bytes) : file_(std::move(file)), bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  bool read(u64 offset, MutableBytes into) const override;

 private:
  UniqueFd file_;  // O_RDONLY
  u64 bytes_;
};

}  // namespace keelson::io::inspect
