// Which scenario files a command line means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keelson/sim/scenario.h"

namespace keelson::bin {

struct ScenarioFile {
  std::filesystem::path path;
  std::string named;  // as people can type it again
  std::string about;  // the comment at its top
  sim::pb::Scenario scenario;
};

// Files, and folders searched for .textproto; none given: the default scenario. Bad files and missing ones are printed
// to stderr, all of them; empty then.
std::vector<ScenarioFile> find_scenarios(const std::vector<std::string>& named);

// The folder `scenarios` of this checkout, or empty.
std::filesystem::path scenarios_folder();

}  // namespace keelson::bin
