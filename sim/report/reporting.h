// Reporting: what a command needs to leave a report of one run.
//
// Who uses it: `keelson sim`, `keelson replay` and `keelson mutants`: watch() before the run, the rest after it. Not
// here: single parts (recorder.h, page.h, exports.h).
#pragma once

#include <iosfwd>

#include "keelson/sim/report/page.h"
#include "keelson/sim/report/recorder.h"
#include "keelson/sim/run/run.h"

namespace keelson::sim {

class Reporting {
 public:
  // The run's records come here first and then to the sink that the options name.
  void watch(RunOptions& options, const pb::Scenario& resolved);
  // Cuts the timeline, so exports come before. False: `out` can't be written.
  bool write_page(std::ostream& out, const RunReport& run, const std::string& build, const std::string& again);
  Timeline& timeline() { return recorder_.timeline(); }

 private:
  Recorder recorder_;
  std::string scenario_;
};

}  // namespace keelson::sim
