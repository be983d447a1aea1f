// ServerConfig: what a node is told by its configuration file, checked as a whole.
//
// Who uses it: `keelson server`, `format`, `playground`. The file is protobuf text (server.proto); whoever holds a
// ServerConfig holds one that passed every check. Nothing is clamped silently, nothing comes from the environment. Not
// here: what the data directory says (data_dir.h).
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "keelson/base/limits.h"
#include "keelson/io/address.h"
#include "keelson/io/connection.h"
#include "keelson/io/problem.h"

namespace keelson::io {

struct MemberConfig {
  NodeId node;
  Address address;
  std::optional<Address> client;
};

enum class LogLevel : u8 { trace, debug, info, warn, error };

struct ServerConfig {
  std::string file;
  ClusterId cluster;
  NodeId node;
  std::vector<MemberConfig> members;  // in order of node id, which are 0 .. size - 1
  u16 kv_groups = 1;
  std::string data_dir;
  u32 wal_mib = 0;
  bool strict_ack = false;
  Address replica_listen;
  Address client_listen;
  ConnectionConfig peer;
  ConnectionConfig client;
  u32 clients_max = 0;
  u32 handshakes_max = 0;
  Duration reconnect_min;
  Duration reconnect_max;
  LogLevel log_level = LogLevel::info;
};

// Reads and checks a file: the configuration, or everything that is wrong with it.
tl::expected<ServerConfig, Problems> load_config(const std::string& path);
// The same for text that is already here; `file` is what problems call it.
tl::expected<ServerConfig, Problems> parse_config(const std::string& text, const std::string& file);

// The bounds that follow from a configuration. All nodes must agree on them, and a data directory was made for them.
Limits limits_of(const ServerConfig& config);
// How it runs; each node as it likes.
Tunables tunables_of(const ServerConfig& config);

std::string uuid_of(ClusterId cluster);
std::optional<ClusterId> parse_uuid(std::string_view text);

}  // namespace keelson::io
