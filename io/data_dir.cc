#include "keelson/io/data_dir.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>

#include "keelson/io/data_dir_files.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/server.pb.h"
#include "keelson/io/text_proto.h"
#include "keelson/store/layout.h"

namespace keelson::io {
namespace {

constexpr std::size_t identity_bytes_max = 64 * 1024;
constexpr int lock_attempts = 5;  // a killed process may keep its lock for some milliseconds
constexpr auto lock_pause = std::chrono::milliseconds(50);

Refusal cannot(const std::string& path, const std::string& what, int error) {
  const int code = error == EACCES || error == EPERM ? exit_code::permission : exit_code::io_error;
  return refuse(code, {path,
                       0,
                       0,
                       code == exit_code::permission ? "PERMISSION" : "UNREADABLE",
                       what + ": " + std::strerror(error),
                       {},
                       {},
                       "run as the user who formatted the directory, and look at the system's log for disk errors"});
}

std::string format_first(const ServerConfig& config) { return "run `keelson format --config " + config.file + "`"; }

Refusal not_formatted(const std::string& data_dir, const std::string& what, const std::string& way_out) {
  return refuse(exit_code::cannot_create, {data_dir, 0, 0, "NOT_FORMATTED", what, {}, {}, way_out});
}
Refusal not_formatted(const ServerConfig& config, const std::string& what) {
  return not_formatted(config.data_dir, what, format_first(config));
}

tl::expected<UniqueFd, Refusal> take_lock(const ServerConfig& config) {
  const std::string path = config.data_dir + "/" + lock_name;
  UniqueFd lock(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock && errno == ENOENT) return tl::unexpected(not_formatted(config, "holds no data of a node"));
  if (!lock) return tl::unexpected(cannot(path, "cannot open", errno));
  for (int attempt = 1;; ++attempt) {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return tl::unexpected(cannot(path, "cannot lock", errno));
    if (attempt == lock_attempts) break;
    std::this_thread::sleep_for(lock_pause);
  }
  const int pid = lock_holder(config.data_dir);
  return tl::unexpected(refuse(
      exit_code::temporary, {config.data_dir,
                             0,
                             0,
                             "LOCKED",
                             "another process uses this directory" + (pid ? " (pid " + std::to_string(pid) + ")" : ""),
                             {},
                             {},
                             "stop it first, or give this node a directory of its own"}));
}

Problem mismatch(const std::string& path, const std::string& key, const std::string& disk, const std::string& config,
                 const std::string& hint) {
  return {path,
          0,
          0,
          "IDENTITY_MISMATCH",
          "this directory was formatted for another " + key,
          disk,
          config + " (the configuration)",
          hint};
}

}  // namespace

tl::expected<DataDir, Refusal> DataDir::open(const ServerConfig& config) {
  DataDir dir;
  struct stat info {};
  if (::stat(config.data_dir.c_str(), &info) != 0) {
    if (errno == ENOENT) return tl::unexpected(not_formatted(config, "no such directory"));
    return tl::unexpected(cannot(config.data_dir, "cannot look at it", errno));
  }
  auto lock = take_lock(config);
  if (!lock) return tl::unexpected(lock.error());
  dir.lock_ = std::move(*lock);
  const auto identity = read_identity(config.data_dir, format_first(config));
  if (!identity) return tl::unexpected(identity.error());
  if (Problems wrong = identity_mismatches(config, *identity); !wrong.empty())
    return tl::unexpected(Refusal{exit_code::configuration, std::move(wrong)});
  dir.identity_ = *identity;

  dir.file_path_ = config.data_dir + "/" + shard_file_name;
  dir.file_bytes_ = StoreLayout::of(limits_of(config)).file_bytes();
  dir.file_ = UniqueFd(::open(dir.file_path_.c_str(), O_RDWR | O_CLOEXEC));
  const bool lost = !dir.file_ && errno == ENOENT;
  if (!dir.file_ && !lost) return tl::unexpected(cannot(dir.file_path_, "cannot open", errno));
  if (!lost && ::fstat(dir.file_.get(), &info) != 0)
    return tl::unexpected(cannot(dir.file_path_, "cannot look at it", errno));
  if (lost || static_cast<u64>(info.st_size) != dir.file_bytes_)
    return tl::unexpected(refuse(exit_code::bad_data, {dir.file_path_, 0, 0, lost ? "FILE_LOST" : "LAYOUT_TRUNCATED",
                                                       lost ? "missing" : "not the size it was made with",
                                                       lost ? "" : std::to_string(info.st_size) + " bytes",
                                                       std::to_string(dir.file_bytes_) + " bytes",
                                                       "restore the file as a whole, or leave the node off: one "
                                                       "formatted anew takes no part in the groups it was in"}));
  // Never act on what a dead process wrote and did not flush; then read the medium, not what is left in memory.
  if (::fdatasync(dir.file_.get()) != 0) return tl::unexpected(cannot(dir.file_path_, "cannot flush", errno));
  ::posix_fadvise(dir.file_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return dir;
}

tl::expected<Identity, Refusal> read_identity(const std::string& data_dir, const std::string& way_out) {
  const std::string path = data_dir + "/" + identity_name;
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT)
    return tl::unexpected(not_formatted(data_dir, "formatting was never finished", way_out));
  if (!file) return tl::unexpected(cannot(path, "cannot read", errno));
  std::string text(identity_bytes_max, 0);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  config::v1::Identity read;
  const Problems problems = parse_text(text, path, read, nullptr);
  if (read.format_version() > data_format_version)
    return tl::unexpected(refuse(
        exit_code::bad_data,
        {path, 0, 0, "FORMAT_TOO_NEW", "written by a newer release", "format " + std::to_string(read.format_version()),
         "at most " + std::to_string(data_format_version), "upgrade this node"}));
  const auto cluster = parse_uuid(read.cluster_id());
  const auto limits = digest_of_hex(read.limits_digest());
  const bool whole = problems.empty() && read.format_version() > 0 && cluster && read.has_node_id() &&
                     read.has_generation() && read.shards() > 0 && read.has_wal_mib() && limits;
  if (!whole)
    return tl::unexpected(refuse(exit_code::bad_data, {path,
                                                       0,
                                                       0,
                                                       "IDENTITY_DAMAGED",
                                                       "not what format wrote",
                                                       {},
                                                       {},
                                                       "restore the directory as a whole, or leave the node off: one "
                                                       "formatted anew takes no part in the groups it was in"}));
  return Identity{*cluster,
                  NodeId(static_cast<u16>(read.node_id())),
                  Generation(read.generation()),
                  static_cast<u16>(read.shards()),
                  read.wal_mib(),
                  *limits};
}

Problems identity_mismatches(const ServerConfig& config, const Identity& identity) {
  const std::string path = config.data_dir + "/" + identity_name;
  const std::string wrong_place = "check data.dir and the cluster section of " + config.file;
  const std::string limits = hex_of(limits_of(config).digest());
  if (identity.cluster != config.cluster)
    return {mismatch(path, "cluster", uuid_of(identity.cluster), uuid_of(config.cluster), wrong_place)};
  if (identity.node != config.node)
    return {
        mismatch(path, "node", std::to_string(identity.node.raw()), std::to_string(config.node.raw()), wrong_place)};
  if (identity.shards != 1)
    return {mismatch(path, "number of shards", std::to_string(identity.shards), "1", "use the release that wrote it")};
  if (identity.wal_mib != config.wal_mib)
    return {mismatch(path, "data.wal_mib", std::to_string(identity.wal_mib), std::to_string(config.wal_mib),
                     "it is fixed at format: put the old value back")};
  if (hex_of(identity.limits_digest) != limits)
    return {mismatch(path, "set of limits", hex_of(identity.limits_digest), limits, "use the release that wrote it")};
  return {};
}

int lock_holder(const std::string& data_dir) {
  struct stat info {};
  if (::stat((data_dir + "/" + lock_name).c_str(), &info) != 0) return 0;
  std::ifstream locks("/proc/locks");
  std::string line;
  while (std::getline(locks, line)) {
    std::istringstream words(line);
    std::string number, kind, mode, access, place;
    int pid = 0;
    words >> number >> kind >> mode >> access >> pid >> place;
    const auto colon = place.rfind(':');
    if (kind == "FLOCK" && colon != std::string::npos && place.substr(colon + 1) == std::to_string(info.st_ino))
      return pid;
  }
  return 0;
}

}  // namespace keelson::io
