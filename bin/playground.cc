#include "keelson/io/playground.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "keelson/io/exit_code.h"

#include "commands.h"
#include "options.h"

namespace keelson::bin {
namespace {

namespace fs = std::filesystem;

struct Options {
  io::PlaygroundOptions playground;
  bool write_only = false;
};

int write_and_run(const Options& options) {
  const auto nodes = io::write_playground(options.playground);
  if (!nodes) {
    tell(nodes.error().problems, false, "nothing was started");
    return nodes.error().exit_code;
  }
  if (!options.write_only) return io::run_playground(*nodes, "/proc/self/exe");
  for (const auto& node : *nodes) std::cout << to_json(node, std::nullopt) << std::endl;
  return io::exit_code::done;
}

// Without --dir: a folder of its own that goes with the playground.
int run(Options options) {
  std::error_code ignored;
  if (!options.playground.dir.empty()) {
    options.playground.dir = fs::absolute(options.playground.dir).lexically_normal().string();
    while (options.playground.dir.size() > 1 && options.playground.dir.back() == '/') options.playground.dir.pop_back();
    return write_and_run(options);
  }
  if (options.write_only) {
    std::cerr << "error: --write-only needs --dir DIR: say where\n";
    return io::exit_code::usage;
  }
  std::string folder = (fs::temp_directory_path() / "keelson-playground-XXXXXX").string();
  if (!::mkdtemp(folder.data())) {
    std::cerr << "error: cannot make a folder in " << fs::temp_directory_path() << "; give one with --dir\n";
    return io::exit_code::cannot_create;
  }
  options.playground.dir = folder;
  std::cerr << "playground: in " << folder << ", removed at the end; --dir DIR keeps it" << std::endl;
  const int exit_code = write_and_run(options);
  fs::remove_all(folder, ignored);
  return exit_code;
}

}  // namespace

void add_playground(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand(
      "playground", "a whole cluster on this machine: configurations, data and processes; Ctrl-C stops it");
  auto& playground = options->playground;
  command->add_option("--nodes", playground.nodes, "how many")->capture_default_str()->check(CLI::Range(1, 6));
  command->add_option("--dir", playground.dir, "keep everything there: DIR/node-0, DIR/node-1 ...");
  command->add_option("--base-port", playground.base_port, "node i: clients at P + 10 i, nodes at P + 10 i + 1")
      ->capture_default_str()
      ->check(CLI::Range(1, 65000));
  command->add_option("--wal-mib", playground.wal_mib, "the log of a node; its data takes twice that")
      ->capture_default_str()
      ->check(CLI::Range(64, 16384));
  command->add_flag("--write-only", options->write_only, "write and format, start nothing");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace keelson::bin
