// Tapes as files named on a command line: read, or refused with what is wrong and where.
#pragma once

#include <optional>
#include <string>

#include "keelson/sim/run/recording.h"

#include "tool.h"

namespace keelson::bin {

struct NamedTape {
  std::string path;
  sim::TapeFile file;
  sim::pb::Scenario scenario;
};

// Missing, damaged, cut, of another version, without a scenario that this build can read: said on stderr, empty then.
std::optional<NamedTape> read_tape(const std::string& command, const std::string& path, const Tool& tool);

}  // namespace keelson::bin
