// sim::main: the main() of a program that simulates a machine of its own. It has the subcommands of keelson that are
// about simulation: sim, replay, shrink.
//
// Who uses it: embedders link keelson::sim_main and `return keelson::sim::main(argc, argv, simulation);`
// (docs/bring-your-own.md). Exit codes are those of `keelson sim`. Not here: what a Simulation is (simulation.h); and
// this function's body, which belongs to the command (bin/sim_main.cc).
#pragma once

#include "keelson/sim/simulation.h"

namespace keelson::sim {

int main(int argc, char** argv, const Simulation& simulation);

}  // namespace keelson::sim
