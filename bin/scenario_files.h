// Which scenario files a command line means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keelson/sim/scenario.h"

#include "tool.h"

namespace keelson::bin {

struct ScenarioFile {
  std::filesystem::path path;
  std::string named;  // as people can type it again
  std::string about;  // the comment at its top
  sim::pb::Scenario scenario;
};

// Files, and folders searched for .textproto; none given: the default scenario, which a tool of an own machine has in
// scenarios/<machine>.textproto. They are for that tool's machine. Bad files and missing ones are printed
// to stderr, all of them; empty then.
std::vector<ScenarioFile> find_scenarios(const std::vector<std::string>& named, const Tool& tool = {});

// The folder `scenarios` here, or of the checkout that the command was built in; empty, and said so, if there is none.
std::filesystem::path need_scenarios_folder(const Tool& tool = {});

// Where verdicts are kept: build/reports of the checkout that the current folder is in, else keelson-reports here.
std::filesystem::path reports_folder();

}  // namespace keelson::bin
