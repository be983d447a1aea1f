#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/sim/main.h"

#include "commands.h"
#include "usage.h"

namespace keelson::sim {

int main(int argc, char** argv, const Simulation& simulation) {
  const std::string name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "program";
  const bin::Tool tool{name, argc > 0 ? argv[0] : name, &simulation};
  if (simulation.own_machine().add == nullptr || simulation.workloads().empty()) {
    std::cerr << name << ": its Simulation has no " << (simulation.own_machine().add ? "workload" : "machine")
              << ": call Simulation::" << (simulation.own_machine().add ? "workload" : "machine<M>")
              << " before main\n";
    return io::exit_code::internal;
  }
  CLI::App app{name + ": simulates the machine `" + simulation.own_machine().name + "` on a cluster of keelson", name};
  app.require_subcommand(1);
  int exit_code = 0;
  bin::add_sim(app, exit_code, tool);
  bin::add_replay(app, exit_code, tool);
  bin::add_shrink(app, exit_code, tool);
  bin::add_fork(app, exit_code, tool);
  bin::add_version(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return bin::teach(app, error, argc, argv);
  }
  return exit_code;
}

}  // namespace keelson::sim
