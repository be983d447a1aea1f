// Making a data directory: every byte written and durable before the identity says that it is one.
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <google/protobuf/text_format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "keelson/io/data_dir.h"
#include "keelson/io/data_dir_files.h"
#include "keelson/io/data_file.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/server.pb.h"
#include "keelson/store/layout.h"
#include "keelson/store/superblock.h"

namespace keelson::io {
namespace {

Refusal failed(const std::string& path, const std::string& what, int error) {
  const int code = error == EACCES || error == EPERM ? exit_code::permission
                   : error == EIO                    ? exit_code::io_error
                                                     : exit_code::cannot_create;
  const char* hint = error == ENOSPC ? "free space, or choose a smaller data.wal_mib" : "";
  return refuse(code, {path, 0, 0, "CANNOT_CREATE", what + ": " + std::strerror(error), {}, {}, hint});
}

int sync_directory(const std::string& path) {
  const UniqueFd dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return dir && ::fsync(dir.get()) == 0 ? 0 : errno;
}

int write_identity(const std::string& dir, const Identity& identity) {
  config::v1::Identity message;
  message.set_format_version(data_format_version);
  message.set_cluster_id(uuid_of(identity.cluster));
  message.set_node_id(identity.node.raw());
  message.set_generation(identity.generation.raw());
  message.set_shards(identity.shards);
  message.set_wal_mib(identity.wal_mib);
  message.set_limits_digest(hex_of(identity.limits_digest));
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  text = "# Written by `keelson format`, once. Not for editing.\n" + text;
  const std::string path = dir + "/" + identity_name;
  const std::string temporary = path + ".tmp";
  {
    const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return errno;
    if (const int error = write_all(file.get(), std::as_bytes(std::span(text)), 0); error != 0) return error;
    if (::fsync(file.get()) != 0) return errno;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return errno;
  return sync_directory(dir);
}

// A file of an unfinished format: no process was ever started on it, so nothing can be lost with it.
bool never_started(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<std::array<std::byte, superblock_copy_bytes>, superblock_copies> copies;
  std::array<Bytes, superblock_copies> places;
  for (u32 i = 0; i < superblock_copies; ++i) {
    const ssize_t got =
        ::pread(file.get(), copies[i].data(), copies[i].size(), static_cast<off_t>(superblock_offset(i)));
    if (got == static_cast<ssize_t>(copies[i].size())) places[i] = copies[i];
  }
  const SuperblockOpening opening = open_superblock(places);
  return !opening.refusal.code && opening.current.incarnation == incarnation_before_first(opening.current.generation);
}

// Only a directory that is empty, or that an earlier format left unfinished, may be written to.
bool holds_data(const std::string& dir) {
  if (std::filesystem::exists(dir + "/" + identity_name)) return true;
  const std::string file = dir + "/" + shard_file_name;
  return std::filesystem::exists(file) && !never_started(file);
}

}  // namespace

tl::expected<Identity, Refusal> format_data_dir(const ServerConfig& config, Generation generation) {
  const std::string& dir = config.data_dir;
  const std::filesystem::path parent = std::filesystem::path(dir).parent_path();
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) return tl::unexpected(failed(parent.string(), "cannot create the folder", error.value()));
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return tl::unexpected(failed(dir, "cannot create", errno));
  if (holds_data(dir))
    return tl::unexpected(refuse(exit_code::cannot_create, {dir,
                                                            0,
                                                            0,
                                                            "ALREADY_FORMATTED",
                                                            "holds a node's data; nothing was written",
                                                            {},
                                                            {},
                                                            "to give the node up, move the directory away first"}));
  const UniqueFd lock(::open((dir + "/" + lock_name).c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return tl::unexpected(failed(dir, "cannot create the lock", errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return tl::unexpected(
        refuse(exit_code::temporary, {dir, 0, 0, "LOCKED", "another process uses this directory", {}, {}, {}}));

  const Identity identity{config.cluster, config.node, generation, 1, config.wal_mib, limits_of(config).digest()};
  const Limits limits = limits_of(config);
  const std::string path = dir + "/" + shard_file_name;
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());
  int failure = make_data_file(temporary, {config.cluster, config.node, generation, ShardId(0), 1, limits});
  if (failure == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) failure = sync_directory(dir);
  if (failure == 0) failure = sync_directory(parent.string());
  if (failure == 0) failure = write_identity(dir, identity);
  if (failure != 0) {
    ::unlink(temporary.c_str());
    return tl::unexpected(failed(
        path, "cannot write " + std::to_string(StoreLayout::of(limits).preallocated_bytes() >> 20) + " MiB", failure));
  }
  return identity;
}

}  // namespace keelson::io
