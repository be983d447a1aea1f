// A whole cluster on this machine: configurations, data directories, and the processes if they are wanted.
//
// Who uses it: `keelson playground`, tests that need real nodes. A folder that holds the same playground already is
// used again, with its data; one that holds anything else is refused. Not here: clusters across machines.
#pragma once

#include <tl/expected.hpp>

#include "keelson/io/config.h"

namespace keelson::io {

struct PlaygroundOptions {
  u16 nodes = 3;
  std::string dir;       // absolute
  u16 base_port = 7700;  // node i: clients at base + 10 i, nodes at base + 10 i + 1
  u32 wal_mib = 256;
};

struct PlaygroundNode {
  u16 node = 0;
  Address client;
  std::string config;  // DIR/node-0/server.textproto
};

// Writes what is missing and formats what isn't formatted.
tl::expected<std::vector<PlaygroundNode>, Refusal> write_playground(const PlaygroundOptions& options);

// {"node":0,"pid":N|null,"client":"…","config":"…"}
std::string to_json(const PlaygroundNode& node, std::optional<int> pid);

// Starts the nodes as processes of `binary`, prints a line for each once it is ready, and stays until SIGINT or
// SIGTERM, which it passes on; or until no node is left. Returns the exit code.
int run_playground(const std::vector<PlaygroundNode>& nodes, const std::string& binary);

}  // namespace keelson::io
