// The data of a report as one JSON object: what the page's script reads.
//
// Who uses it: page.h. Columns instead of objects, times and references as differences: 40 bytes per row, not 400. `<`
// never stands in it, so it may stand in a script element. Its keys are explained in docs/report.md. Not here: the page
// around it.
#pragma once

#include <string>

#include "keelson/sim/report/timeline.h"
#include "keelson/sim/run/verdict.h"

namespace keelson::sim {

struct ReportFacts {
  RunReport run;
  std::string build;     // version and revision
  std::string again;     // the command that does this run once more
  std::string scenario;  // resolved, as text
};

std::string payload_of(const Timeline& timeline, const ReportFacts& facts);

// JSON text without `<`, which could end a script element.
std::string json_in_html(std::string_view text);

}  // namespace keelson::sim
