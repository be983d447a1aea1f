// What this binary was built from. Used by `keelson version` and by every report that must be reproducible.
// Not for decisions: no behaviour depends on a version string.
#pragma once

#include <string>
#include <string_view>

namespace keelson::bin {

std::string_view version();   // "0.1.0"
std::string_view revision();  // git revision, with "-dirty" where the tree had changes; "unknown" outside git
std::string build_text();     // both, for people

}  // namespace keelson::bin
