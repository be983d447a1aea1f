#include "keelson/io/playground.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

#include "keelson/io/clock.h"
#include "keelson/io/data_dir.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/json.h"

namespace keelson::io {
namespace {

namespace fs = std::filesystem;

Address client_address(const PlaygroundOptions& options, u16 node) {
  return {"127.0.0.1", static_cast<u16>(options.base_port + 10 * node)};
}
Address replica_address(const PlaygroundOptions& options, u16 node) {
  return {"127.0.0.1", static_cast<u16>(options.base_port + 10 * node + 1)};
}

std::string config_text(const PlaygroundOptions& options, u16 node, const std::string& cluster) {
  std::ostringstream text;
  text << "# Node " << node << " of a playground; keys: docs/operations.md\n"
       << "cluster {\n  id: \"" << cluster << "\"\n  node_id: " << node << "\n";
  for (u16 i = 0; i < options.nodes; ++i)
    text << "  member { node_id: " << i << " address: \"" << to_string(replica_address(options, i))
         << "\" client_address: \"" << to_string(client_address(options, i)) << "\" }\n";
  text << "}\n"
       << "data { dir: " << json_string(options.dir + "/node-" + std::to_string(node) + "/data")
       << " wal_mib: " << options.wal_mib << " }\n"
       << "replica { listen: \"" << to_string(replica_address(options, node)) << "\" }\n"
       << "client { listen: \"" << to_string(client_address(options, node)) << "\" }\n";
  return text.str();
}

std::string new_uuid() {
  const auto entropy = read_entropy();
  // Version 4, variant 1: random, and said to be.
  return uuid_of({(entropy[0] & ~(u64{3} << 62)) | u64{2} << 62, (entropy[1] & ~u64{0xf000}) | 0x4000});
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Refusal cannot(const std::string& path, const std::string& why) {
  return refuse(exit_code::cannot_create, {path, 0, 0, "CANNOT_CREATE", "cannot write: " + why, {}, {}, {}});
}

// The id of the playground that is there; a new one where there is none.
tl::expected<std::string, Refusal> cluster_of(const std::string& first_config) {
  if (!fs::exists(first_config)) return new_uuid();
  const auto there = load_config(first_config);
  if (there) return uuid_of(there->cluster);
  return tl::unexpected(Refusal{exit_code::configuration, there.error()});
}

}  // namespace

tl::expected<std::vector<PlaygroundNode>, Refusal> write_playground(const PlaygroundOptions& options) {
  const auto config_path = [&](u16 node) {
    return options.dir + "/node-" + std::to_string(node) + "/server.textproto";
  };
  const auto cluster = cluster_of(config_path(0));
  if (!cluster) return tl::unexpected(cluster.error());
  std::vector<PlaygroundNode> nodes;
  for (u16 node = 0; node < options.nodes; ++node) {
    const std::string path = config_path(node);
    const std::string text = config_text(options, node, *cluster);
    if (fs::exists(path) && read_text(path) != text)
      return tl::unexpected(refuse(exit_code::cannot_create, {path,
                                                              0,
                                                              0,
                                                              "ANOTHER_PLAYGROUND",
                                                              "not what these flags would write",
                                                              {},
                                                              {},
                                                              "give the flags it was made with, or another --dir"}));
    nodes.push_back({node, client_address(options, node), path});
  }
  for (const PlaygroundNode& node : nodes) {
    std::error_code error;
    fs::create_directories(fs::path(node.config).parent_path(), error);
    if (error) return tl::unexpected(cannot(node.config, error.message()));
    if (!fs::exists(node.config)) {
      std::ofstream file(node.config, std::ios::binary);
      file << config_text(options, node.node, *cluster);
      file.close();
      if (!file) return tl::unexpected(cannot(node.config, std::strerror(errno)));
    }
    const auto config = load_config(node.config);
    if (!config) return tl::unexpected(Refusal{exit_code::configuration, config.error()});
    if (fs::exists(config->data_dir + "/identity.textproto")) continue;
    if (const auto made = format_data_dir(*config, Generation(1)); !made) return tl::unexpected(made.error());
  }
  return nodes;
}

std::string to_json(const PlaygroundNode& node, std::optional<int> pid) {
  return "{\"node\":" + std::to_string(node.node) + ",\"pid\":" + (pid ? std::to_string(*pid) : "null") +
         ",\"client\":" + json_string(to_string(node.client)) + ",\"config\":" + json_string(node.config) + "}";
}

}  // namespace keelson::io
