// RealCluster: `keelson server` processes on loopback, each with its own data directory, that a test starts and kills.
//
// Who uses it: real-process tests. Directories are written by `keelson playground --write-only`. Not here: faults that
// a kill cannot show (the simulator has them).
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/lib/io/process.h"
#include "tests/lib/io/temp_dir.h"

namespace keelson::test {

class RealCluster {
 public:
  RealCluster(std::string command, int nodes)
      : command_(std::move(command)),
        nodes_(nodes),
        port_(free_ports(10 * nodes)),
        servers_(static_cast<std::size_t>(nodes)) {
    written = run({command_, "playground", "--nodes", std::to_string(nodes), "--dir", dir_.path(), "--base-port",
                   std::to_string(port_), "--wal-mib", "64", "--write-only"});
  }

  // True once it is ready.
  bool start(int node) {
    server(node).emplace(std::vector<std::string>{command_, "server", "--config", config(node), "--json"});
    if (server(node)->read_line()) return true;
    failure = server(node)->read_errors();
    return false;
  }
  bool start_all() {
    for (int node = 0; node < nodes_; ++node)
      if (!start(node)) return false;
    return true;
  }
  void kill(int node, int signal) {
    server(node)->kill(signal);
    server(node)->wait();
    server(node).reset();
  }
  std::optional<Process>& server(int node) { return servers_[static_cast<std::size_t>(node)]; }

  // The node that said last, in the highest view, that it is the primary of group 1.
  int primary() {
    int primary = -1;
    long highest = -1;
    for (int node = 0; node < nodes_; ++node) {
      if (!server(node)) continue;
      const std::string log = server(node)->read_errors();
      const std::string mark = "kernel.became_primary group 1 view ";
      const auto at = log.rfind(mark);
      if (at == std::string::npos) continue;
      const long view = std::stol(log.substr(at + mark.size()));
      if (view > highest) primary = node;
      highest = std::max(highest, view);
    }
    return primary;
  }

  std::string config(int node) const { return dir_ / ("node-" + std::to_string(node) + "/server.textproto"); }
  unsigned short client_port(int node) const { return static_cast<unsigned short>(port_ + 10 * node); }
  unsigned short replica_port(int node) const { return static_cast<unsigned short>(client_port(node) + 1); }
  std::string addresses() const {
    std::string text;
    for (int node = 0; node < nodes_; ++node)
      text += (node ? ",127.0.0.1:" : "127.0.0.1:") + std::to_string(client_port(node));
    return text;
  }
  Process shell() const { return Process({command_, "shell", "--cluster", addresses(), "--timeout", "20s"}); }

  Finished written;
  std::string failure;

 private:
  std::string command_;
  int nodes_;
  unsigned short port_;
  TempDir dir_;
  std::vector<std::optional<Process>> servers_;
};

}  // namespace keelson::test
