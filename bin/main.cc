#include <CLI/CLI.hpp>

#include "commands.h"
#include "usage.h"
#include "version.h"

int main(int argc, char** argv) {
  using namespace keelson::bin;
  CLI::App app{"keelson: a deterministic consensus kernel and the cluster that runs on it", "keelson"};
  app.require_subcommand(1);
  app.set_version_flag("--version", build_text(), "print version and revision");
  int exit_code = 0;
  add_sim(app, exit_code);
  add_replay(app, exit_code);
  add_shrink(app, exit_code);
  add_fork(app, exit_code);
  add_check(app, exit_code);
  add_mutants(app, exit_code);
  add_bench(app, exit_code);
  add_playground(app, exit_code);
  add_server(app, exit_code);
  add_format(app, exit_code);
  add_kv(app, exit_code);
  add_shell(app, exit_code);
  add_inspect(app, exit_code);
  add_repair(app, exit_code);
  add_version(app, exit_code);
  // Last: subcommands would inherit it.
  app.footer(
      "Break a cluster from a seed: keelson sim\n"
      "A cluster on this machine:   keelson playground\n"
      "Talk to it:                  keelson kv put greeting hello && keelson kv get greeting\n"
      "All about one command:       keelson COMMAND --help");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return teach(app, error, argc, argv);
  }
  return exit_code;
}
