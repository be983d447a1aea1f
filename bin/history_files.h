// --history FILE of commands that run something: what clients saw, as a file.
#pragma once

#include <fstream>
#include <string>

#include "keelson/sim/histories/lines.h"
#include "keelson/sim/run/run.h"

namespace keelson::bin {

// Of a name whose extension says no form.
std::string bad_history_name(const std::string& path);

class HistoryFile {
 public:
  // False: it can't be written. An empty path is none, and all that follows does nothing.
  bool open(const std::string& path);
  void watch(sim::RunOptions& options);
  bool finish();

 private:
  std::ofstream out_;
  sim::Notation notation_ = sim::Notation::edn;
};

}  // namespace keelson::bin
