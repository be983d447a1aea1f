// Every subcommand of keelson registers itself with one function; a subcommand that ran leaves the exit code.
//
// Who uses it: main.cc calls them in the order in which --help lists them. One file per subcommand.
#pragma once

#include <CLI/CLI.hpp>

#include "tool.h"

namespace keelson::bin {

void add_sim(CLI::App& app, int& exit_code, const Tool& tool = {});
CLI::App* add_merge(CLI::App& sim, int& exit_code, const Tool& tool);  // of sim
void add_mutants(CLI::App& app, int& exit_code);
void add_replay(CLI::App& app, int& exit_code, const Tool& tool = {});
void add_fork(CLI::App& app, int& exit_code, const Tool& tool = {});
void add_shrink(CLI::App& app, int& exit_code, const Tool& tool = {});
void add_check(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_server(CLI::App& app, int& exit_code);
void add_format(CLI::App& app, int& exit_code);
void add_playground(CLI::App& app, int& exit_code);
void add_kv(CLI::App& app, int& exit_code);
void add_shell(CLI::App& app, int& exit_code);
void add_inspect(CLI::App& app, int& exit_code);
void add_repair(CLI::App& app, int& exit_code);
void add_version(CLI::App& app, int& exit_code);

}  // namespace keelson::bin
