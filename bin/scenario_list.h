// What each scenario shows, as text or as the page docs/scenarios.md: the same words, those at the top of its file.
#pragma once

#include <string>
#include <vector>

#include "tool.h"

namespace keelson::bin {

enum class ListAs { text, page };

// The exit code; none named: the folder scenarios.
int list_scenarios(std::vector<std::string> named, ListAs as, const Tool& tool);

}  // namespace keelson::bin
