// What `keelson inspect` and `keelson repair` share: the path, who the groups are, how to print.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "keelson/io/inspect/survey.h"
#include "keelson/io/inspect/table.h"

namespace keelson::bin {

struct InspectOptions {
  std::string path;
  std::string config;
  u32 voters = 0;
  std::size_t limit = 50;
  bool json = false;

  void add_to(CLI::App& command);
  io::inspect::Style style() const;
};

// Surveys the file and returns what `print` does; or says why there is none.
int with_survey(const InspectOptions& options, bool configured_only,
                const std::function<int(const io::inspect::Survey&)>& print);

}  // namespace keelson::bin
