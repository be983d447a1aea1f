// Finds made small: a planted bug's run shrunk into a scenario of its own, and such files run again.
//
// Who uses it: main.cc, for --shrink and --shrunk. A candidate is taken if it fails with the bug as the run did and the
// kernel without the bug passes it, so what is left is the bug's failure and nobody else's. Files are called like their
// mutants and say on top how they fail. Not here: shrinking (sim/shrink), hunting (hunt.h).
#pragma once

#include <chrono>
#include <filesystem>

#include "keelson/sim/shrink/shrinker.h"
#include "tests/mutants/mutant.h"

#include "bin/scenario_files.h"

namespace keelson::mutants {

struct ShrinkOptions {
  std::chrono::seconds budget{60};  // of wall time, each
  unsigned jobs = 1;
  std::filesystem::path folder;
};

struct Shrunk {
  sim::ShrinkResult result;    // no signature: the run doesn't fail any more
  std::filesystem::path file;  // empty: not written, since it doesn't hold
  u64 took_ms = 0;
};

// A run as it was found; nothing if the file can't be used, which was said.
std::optional<Shrunk> shrink_find(const Mutant& mutant, const std::string& scenario, u64 seed, bool tiny,
                                  const ShrinkOptions& options);

// What a file of a find says, and what became of it.
struct Again {
  const Mutant* mutant = nullptr;
  std::string wanted;   // the signature that it had
  std::string bug;      // the one that it has with the bug; empty: none
  std::string healthy;  // and without
  u64 events = 0;
  bool holds() const { return mutant && !wanted.empty() && bug == wanted && healthy.empty(); }
};
Again run_again(const bin::ScenarioFile& file);

}  // namespace keelson::mutants
