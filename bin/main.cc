#include <CLI/CLI.hpp>
#include <iostream>

#include "version.h"

int main(int argc, char** argv) {
  constexpr int exit_usage = 64;
  CLI::App app{"keelson: a deterministic consensus kernel and the cluster that runs on it", "keelson"};
  app.require_subcommand(1);
  app.add_subcommand("version", "print version and revision")->callback([] {
    std::cout << "keelson " << keelson::bin::version() << " (" << keelson::bin::revision() << ")\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  return 0;
}
