// Which planted bug is switched on: at most one, for the whole process.
//
// Who uses it: the shadow headers beside this one, which keelson_kernel_mutants is compiled with instead of the rules
// of kernel/ (docs/mutants.md), and the program that selects one. Nothing of it is part of keelson.
#pragma once

namespace keelson::mutants {

enum class Id {
  none,
#define KEELSON_MUTANT(id, wrong, scenarios) id,
#include "keelson/mutants/mutants.def"
#undef KEELSON_MUTANT
};

inline Id selected = Id::none;

inline bool active(Id id) { return selected == id; }

}  // namespace keelson::mutants
