// The report of a run as one HTML file that needs nothing else: style, script and data are in it.
//
// Who uses it: `--report FILE`. The parts of the page are files beside this one, taken into the binary when it is
// built. Not here: what the data are (payload.h).
#pragma once

#include <string>

#include "keelson/sim/report/payload.h"

namespace keelson::sim {

inline constexpr std::size_t report_rows_max = 200'000;

// A longer timeline is cut.
std::string page_of(Timeline& timeline, const ReportFacts& facts);

}  // namespace keelson::sim
