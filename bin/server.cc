#include <iostream>
#include <unistd.h>

#include "keelson/io/clock.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/json.h"
#include "keelson/io/log.h"
#include "keelson/io/runtime.h"

#include "commands.h"
#include "options.h"

namespace keelson::bin {
namespace {

struct Options {
  std::string config;
  bool check = false;
  bool json = false;
};

void print_ready(const io::ServerConfig& config, Life life, Duration took, bool json) {
  if (json) {
    std::cout << "{\"ready\":true,\"node\":" << config.node.raw()
              << ",\"cluster\":" << io::json_string(io::uuid_of(config.cluster))
              << ",\"client\":" << io::json_string(to_string(config.client_listen))
              << ",\"replica\":" << io::json_string(to_string(config.replica_listen)) << ",\"pid\":" << ::getpid()
              << ",\"generation\":" << life.generation.raw() << ",\"incarnation\":" << life.incarnation.raw()
              << ",\"start_ns\":" << took.ns() << "}" << std::endl;
    return;
  }
  std::cout << "ready: node " << config.node.raw() << " of cluster " << io::uuid_of(config.cluster) << ", clients at "
            << to_string(config.client_listen) << ", nodes at " << to_string(config.replica_listen) << ", incarnation "
            << life.incarnation.raw() << ", started in " << took.ns() / 1'000'000 << " ms" << std::endl;
}

int run(const Options& options) {
  const Instant began = io::monotonic_now();
  const auto config = io::load_config(options.config);
  if (!config) {
    tell(config.error(), options.json, "nothing was started");
    return io::exit_code::configuration;
  }
  if (options.check) {
    std::cout << options.config << ": ok" << std::endl;
    return io::exit_code::done;
  }
  io::start_log(config->log_level, "node-" + std::to_string(config->node.raw()));
  auto dir = io::DataDir::open(*config);
  if (!dir) {
    tell(dir.error().problems, options.json, "nothing was started, nothing was written");
    return dir.error().exit_code;
  }
  io::Runtime runtime(*config, std::move(*dir),
                      [&](Life life) { print_ready(*config, life, io::monotonic_now().since(began), options.json); });
  const int exit_code = runtime.run();
  if (!runtime.problems().empty()) tell(runtime.problems(), options.json, "the node does not run");
  return exit_code;
}

}  // namespace

void add_server(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("server", "run one node of a cluster until SIGTERM or Ctrl-C");
  command->add_option("--config", options->config, "its configuration, protobuf text (docs/operations.md)")
      ->type_name("FILE")
      ->required();
  command->add_flag("--check", options->check, "only check the configuration");
  command->add_flag("--json", options->json, "the ready line and problems as JSON objects");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace keelson::bin
