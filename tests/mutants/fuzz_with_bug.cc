// Switches the planted bug on that KEELSON_MUTANT names, before a fuzz target runs: fuzz/target/run_tape.cc, linked
// with the kernel of the planted bugs, has to find it.
#include <cstdio>
#include <cstdlib>

#include "tests/mutants/mutant.h"

namespace keelson::mutants {
namespace {

const bool chosen = [] {
  const char* name = std::getenv("KEELSON_MUTANT");
  const Mutant* mutant = name ? find_mutant(name) : nullptr;
  if (!mutant) {
    std::fprintf(stderr, "KEELSON_MUTANT: the name of a planted bug is expected; keelson mutants --list has them\n");
    std::exit(64);
  }
  selected = mutant->id;
  return true;
}();

}  // namespace
}  // namespace keelson::mutants
