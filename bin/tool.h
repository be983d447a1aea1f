// Tool: whose subcommands these are: keelson's own, or those of a program that simulates a machine of its own.
//
// Who uses it: sim, replay and shrink, for what they call themselves and what they run. Not here: sim::main, which
// makes one of a Simulation (sim_main.cc).
#pragma once

#include <string>

namespace keelson::sim {
class Simulation;
}

namespace keelson::bin {

struct Tool {
  std::string name = "keelson";     // in messages
  std::string typed = "./keelson";  // in commands to be typed again
  const sim::Simulation* own = nullptr;
};

}  // namespace keelson::bin
