// What several subcommands share: how a cluster is named on the command line, and how problems are told.
#pragma once

#include <CLI/CLI.hpp>

#include "keelson/io/client.h"
#include "keelson/io/problem.h"

#include "duration.h"

namespace keelson::bin {

// --cluster, --timeout, --group
struct ClusterOptions {
  std::string addresses = "127.0.0.1:7700";
  std::string timeout = "5s";
  u64 group = 1;

  void add_to(CLI::App& command);
  io::ClientOptions client() const;  // the flags were validated
};

// To stderr: text, or one JSON object per problem; then what did not happen because of them.
void tell(const io::Problems& problems, bool json, const std::string& consequence);

std::string json_error(const std::string& code, const std::string& message);

}  // namespace keelson::bin
