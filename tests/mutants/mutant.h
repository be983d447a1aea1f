// One planted bug as people name it, and what became of the hunt for it.
//
// Who uses it: hunt.h looks for them, main.cc prints the table. Not here: how a bug is wrong (include/keelson).
#pragma once

#include <string>
#include <vector>

#include "keelson/mutants/active.h"
#include "keelson/sim/run/verdict.h"

namespace keelson::mutants {

struct Mutant {
  Id id = Id::none;
  std::string name;  // "vsr.nack_one"
  std::string wrong;
  std::vector<std::string> scenarios;  // files and folders under scenarios/
};

const std::vector<Mutant>& all_mutants();
// Null: there is none of that name.
const Mutant* find_mutant(const std::string& name);
// The names that are closest to a wrong one.
std::vector<std::string> meant(const std::string& name);

struct Hunt {
  bool found = false;
  std::string checker;   // checker.invariant
  std::string scenario;  // as it can be named on the command line
  u64 seed = 0;
  bool tiny = false;
  std::string detail;
  u64 seeds = 0;  // runs, up to and including the one that found it
  u64 busy_ns = 0;
  bool exhausted = false;            // every seed that it was given is used up
  std::vector<std::string> healthy;  // runs that fail without the bug as well: not its doing, and never to be ignored
};

}  // namespace keelson::mutants
