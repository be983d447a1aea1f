#include <iostream>

#include "keelson/io/data_dir.h"
#include "keelson/io/exit_code.h"
#include "keelson/io/json.h"

#include "commands.h"
#include "options.h"

namespace keelson::bin {
namespace {

struct Options {
  std::string config;
  u32 generation = 1;
  bool json = false;
};

int run(const Options& options) {
  const auto config = io::load_config(options.config);
  if (!config) {
    tell(config.error(), options.json, "nothing was written");
    return io::exit_code::configuration;
  }
  const auto made = io::format_data_dir(*config, Generation(options.generation));
  if (!made) {
    tell(made.error().problems, options.json, "nothing was formatted");
    return made.error().exit_code;
  }
  if (options.json) {
    std::cout << "{\"dir\":" << io::json_string(config->data_dir) << ",\"node\":" << made->node.raw()
              << ",\"generation\":" << made->generation.raw() << "}" << std::endl;
  } else {
    std::cout << "formatted " << config->data_dir << " for node " << made->node.raw() << ", generation "
              << made->generation.raw() << std::endl;
  }
  return io::exit_code::done;
}

}  // namespace

void add_format(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("format", "make the data directory of a node; never overwrites one");
  command->add_option("--config", options->config, "the node's configuration")->type_name("FILE")->required();
  command->add_option("--generation", options->generation, "higher than every earlier data directory of this node id")
      ->capture_default_str()
      ->check(CLI::Range(1u, generations_max));
  command->add_flag("--json", options->json, "the result and problems as JSON objects");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace keelson::bin
