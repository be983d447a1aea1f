#include "keelson/io/shell.h"

#include <iostream>

#include "keelson/io/exit_code.h"

#include "commands.h"
#include "options.h"

namespace keelson::bin {

void add_shell(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ClusterOptions>();
  auto* command = app.add_subcommand("shell", "key-value commands from stdin, one JSON line each to stdout");
  options->add_to(*command);
  command->footer(
      "Commands, one per line:\n"
      "  put KEY VALUE | get KEY | delete KEY | cas KEY EXPECTED NEW\n"
      "A word with blanks is a JSON string. In a cas, the bare word null stands for no value.\n"
      "Answers, in order:\n"
      "  {\"ok\":true,\"value\":...|null,\"op\":N,\"ns\":N}        cas adds \"swapped\"; value is what is held now\n"
      "  {\"ok\":false,\"error\":\"...\",\"unknown\":true|false,\"detail\":\"...\"}");
  command->callback([options, &exit_code] {
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    io::ClusterCaller caller(options->client(), GroupId(options->group));
    io::run_shell(caller, std::cin, std::cout);
    exit_code = io::exit_code::done;
  });
}

}  // namespace keelson::bin
