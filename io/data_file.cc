#include "keelson/io/data_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "keelson/io/unique_fd.h"
#include "keelson/store/layout.h"

namespace keelson::io {
namespace {

constexpr std::size_t chunk_bytes = 1 << 20;

using Pages = std::unique_ptr<void, decltype(&std::free)>;

Pages zeros(std::size_t bytes) {
  Pages pages(std::aligned_alloc(page_bytes, bytes), &std::free);
  if (pages) std::memset(pages.get(), 0, bytes);
  return pages;
}

}  // namespace

int write_all(int fd, Bytes bytes, u64 offset) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<u64>(written);
  }
  return 0;
}

// Zeros through the whole file: an extent that was only reserved would be converted at the first flush of each page.
// Past the page cache where the filesystem allows it, which is several times as fast.
// The checkpoint zone takes space when checkpoints do.
int make_data_file(const std::string& path, const FormatConfig& config) {
  const StoreLayout layout = StoreLayout::of(config.limits);
  const u64 bytes = layout.preallocated_bytes();
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600));
  if (!file && errno == EINVAL) file = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return errno;
  if (const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0) return error;
  const Pages chunk = zeros(chunk_bytes);
  const Pages zone = zeros(layout.superblock_bytes);
  if (!chunk || !zone) return ENOMEM;
  const MutableBytes superblock{static_cast<std::byte*>(zone.get()), layout.superblock_bytes};
  format_superblock(config, superblock);
  for (u64 at = superblock.size(); at < bytes; at += chunk_bytes) {
    const Bytes part{static_cast<const std::byte*>(chunk.get()), std::min<u64>(chunk_bytes, bytes - at)};
    if (const int error = write_all(file.get(), part, at); error != 0) return error;
  }
  if (::ftruncate(file.get(), static_cast<off_t>(layout.file_bytes())) != 0) return errno;
  if (const int error = write_all(file.get(), superblock, 0); error != 0) return error;
  return ::fsync(file.get()) == 0 ? 0 : errno;
}

}  // namespace keelson::io
