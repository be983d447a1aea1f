#include "keelson/io/inspect/image.h"

#include <cerrno>
#include <unistd.h>

namespace keelson::io::inspect {

bool FileImage::read(u64 offset, MutableBytes into) const {
  if (offset > bytes_ || into.size() > bytes_ - offset) return false;
  while (!into.empty()) {
    const ssize_t got = ::pread(file_.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<u64>(got);
  }
  return true;
}

}  // namespace keelson::io::inspect
