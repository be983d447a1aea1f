// keelson mutants: becomes keelson_mutants, the program beside this one that has the planted bugs. They are in no way
// part of this binary, so neither are the options of that one: all arguments go to it unread.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <unistd.h>

#include "keelson/io/exit_code.h"

#include "commands.h"

namespace keelson::bin {
namespace {

// Returns only if it can't.
int become_mutants(const std::vector<std::string>& arguments) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (own.parent_path() / "keelson_mutants").string();
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  std::cerr << "keelson mutants: cannot start " << program << ": " << std::strerror(errno)
            << "\nThe planted bugs are a program of their own, from the source tree:\n"
            << "  cmake --build --preset release --target keelson_mutants\n";
  return io::exit_code::system;
}

}  // namespace

void add_mutants(CLI::App& app, int& exit_code) {
  auto* mutants = app.add_subcommand("mutants", "hunt for planted bugs: what the simulator finds, and how fast");
  mutants->set_help_flag();
  mutants->prefix_command();
  mutants->callback([mutants, &exit_code] { exit_code = become_mutants(mutants->remaining()); });
}

}  // namespace keelson::bin
