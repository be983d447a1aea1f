#include "keelson/io/inspect/target.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>

#include "keelson/io/data_dir_files.h"
#include "keelson/io/exit_code.h"

namespace keelson::io::inspect {
namespace {

namespace fs = std::filesystem;

Refusal cannot(const std::string& path, int error) {
  const bool absent = error == ENOENT || error == ENOTDIR;
  const bool forbidden = error == EACCES || error == EPERM;
  return refuse(absent      ? exit_code::cannot_create
                : forbidden ? exit_code::permission
                            : exit_code::io_error,
                {path,
                 0,
                 0,
                 absent      ? "NOT_FOUND"
                 : forbidden ? "PERMISSION"
                             : "UNREADABLE",
                 std::string("cannot open: ") + std::strerror(error),
                 {},
                 {},
                 absent      ? "name a node's data directory (data.dir), or its data file"
                 : forbidden ? "run as the user who formatted it"
                             : "look at the system's log for disk errors"});
}

Refusal not_a_file(const std::string& path) {
  return refuse(exit_code::bad_data,
                {path, 0, 0, "NOT_A_FILE", "neither a data directory nor a data file", {}, {}, {}});
}

// An exclusive lock of a node makes the shared one fail; that one is given back at once, and a node that starts just
// now tries again.
bool is_locked(const std::string& dir) {
  const UniqueFd lock(::open((dir + "/" + lock_name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock) return false;
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  ::flock(lock.get(), LOCK_UN);
  return false;
}

tl::expected<std::unique_ptr<Image>, Refusal> open_image(const std::string& path) {
  // Not blocking: a FIFO would wait for a writer.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return tl::unexpected(cannot(path, errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return tl::unexpected(cannot(path, errno));
  off_t bytes = info.st_size;
  if (S_ISBLK(info.st_mode)) bytes = ::lseek(file.get(), 0, SEEK_END);
  if ((!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) || bytes < 0) return tl::unexpected(not_a_file(path));
  return std::make_unique<FileImage>(std::move(file), static_cast<u64>(bytes));
}

}  // namespace

tl::expected<Target, Refusal> open_target(const std::string& path) {
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  Target target;
  target.file = folder ? (fs::path(path) / shard_file_name).string() : path;
  auto image = open_image(target.file);
  if (!image) return tl::unexpected(image.error());
  target.image = std::move(*image);

  std::string dir = folder ? path : fs::path(path).parent_path().string();
  if (dir.empty()) dir = ".";
  const bool in_data_dir = folder || fs::path(path).filename() == shard_file_name;
  if (!in_data_dir) return target;  // a copy under another name: what lies beside it is not about it
  if (auto identity = read_identity(dir, "a copy needs the whole directory: its identity.textproto is missing"))
    target.identity = *identity;
  else if (folder || identity.error().exit_code != exit_code::cannot_create)
    target.identity_refusal = identity.error();
  target.live = is_locked(dir);
  if (target.live) target.pid = lock_holder(dir);
  return target;
}

}  // namespace keelson::io::inspect
