// DataDir: a node's data directory: whose it is, that nobody else uses it, and the file of its shard.
//
// Who uses it: `keelson server` opens one, `keelson format` makes one. Opening writes nothing, not even a time stamp:
// whatever is wrong is refused with the reason and the way out. Layout: LOCK (flock, never deleted), identity.textproto
// (written once, last), shard-000.log (superblock, wal and index zones, preallocated). Not here: what the zones hold.
#pragma once

#include <tl/expected.hpp>

#include "keelson/io/config.h"
#include "keelson/io/unique_fd.h"

namespace keelson::io {

inline constexpr u32 data_format_version = 1;

struct Identity {
  ClusterId cluster;
  NodeId node;
  Generation generation;
  u16 shards = 1;
  u32 wal_mib = 0;
  Digest limits_digest;
};

class DataDir {
 public:
  static tl::expected<DataDir, Refusal> open(const ServerConfig& config);

  const Identity& identity() const { return identity_; }
  const std::string& file_path() const { return file_path_; }
  u64 file_bytes() const { return file_bytes_; }
  UniqueFd take_file() { return std::move(file_); }

 private:
  UniqueFd lock_;  // held as long as this lives
  UniqueFd file_;
  std::string file_path_;
  u64 file_bytes_ = 0;
  Identity identity_;
};

// Makes a directory for the node of the configuration, every byte of its file written and durable. Refuses to touch one
// that holds data. The identity comes last: a directory without it was never finished.
tl::expected<Identity, Refusal> format_data_dir(const ServerConfig& config, Generation generation);

// Whose a directory says it is. `way_out`: what to do where it was never formatted.
tl::expected<Identity, Refusal> read_identity(const std::string& data_dir, const std::string& way_out);

// Why a node of this configuration doesn't start on it; empty: it does.
Problems identity_mismatches(const ServerConfig& config, const Identity& identity);

// The process that holds the lock, if it can be found out; 0 otherwise.
int lock_holder(const std::string& data_dir);

}  // namespace keelson::io
