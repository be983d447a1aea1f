#include "tape_files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "keelson/sim/simulation.h"

namespace keelson::bin {

std::optional<NamedTape> read_tape(const std::string& command, const std::string& path, const Tool& tool) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, ignored)) {
    std::cerr << tool.name << " " << command << ": cannot read " << path << ": " << std::strerror(in ? EISDIR : errno)
              << "\n";
    return {};
  }
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  auto file = sim::parse_tape(bytes);
  if (!file) {
    std::cerr << path << ": not a usable tape: " << file.error().describe() << "\n"
              << tool.name << " sim FILE --seed N --tape run.ktape records one\n";
    return {};
  }
  NamedTape tape{path, std::move(*file), {}};
  if (tape.scenario.ParseFromString(tape.file.scenario)) {
    // A recording may come from anywhere: its scenario must be as sound as one in a file.
    if (const auto sound = sim::parse_scenario(sim::print(tape.scenario), tape.scenario.name() + ".textproto", {})) {
      const auto refused = sim::adopt(tape.scenario, path, tool.own);
      if (refused.empty()) return tape;
      std::cerr << refused.front().describe() << "\n";
    } else {
      std::cerr << path << ": its scenario is not one of this build: " << sound.error().front().describe() << "\n";
    }
    return {};
  }
  std::cerr << path << ": its scenario cannot be read; it may be of a newer version of keelson\n";
  return {};
}

}  // namespace keelson::bin
