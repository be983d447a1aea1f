#include "scenario_files.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <set>

#include "keelson/sim/simulation.h"

namespace keelson::bin {
namespace {

namespace fs = std::filesystem;

std::string leading_comment(const fs::path& file) {
  std::ifstream in(file);
  std::string text, line;
  while (std::getline(in, line) && !line.empty() && line[0] == '#') {
    const auto from = line.find_first_not_of("# ");
    if (from == std::string::npos) continue;
    text += (text.empty() ? "" : " ") + line.substr(from);
  }
  return text;
}

void collect(const fs::path& path, std::set<fs::path>& files) {
  if (!fs::is_directory(path)) {
    files.insert(path);
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator(path))
    if (entry.is_regular_file() && entry.path().extension() == ".textproto") files.insert(entry.path());
}

// Relative to the current folder where that is shorter.
std::string typed(const fs::path& file) {
  std::error_code error;
  const auto relative = fs::relative(file, fs::current_path(), error).string();
  return !error && !relative.empty() && relative.rfind("..", 0) != 0 ? relative : file.string();
}

}  // namespace

fs::path need_scenarios_folder(const Tool& tool) {
  std::error_code error;
  const fs::path here = fs::current_path(error) / "scenarios";
  if (fs::is_directory(here, error)) return here;
  const fs::path command = fs::read_symlink("/proc/self/exe", error);  // <checkout>/build/<preset>/bin/keelson
  const fs::path checkout = command.parent_path().parent_path().parent_path().parent_path() / "scenarios";
  if (!tool.own && fs::is_directory(checkout, error)) return checkout;
  if (tool.own) {
    std::cerr << tool.name << ": no scenarios: " << here.string() << " is not a folder; name a file or a folder\n";
    return {};
  }
  std::cerr << "keelson sim: no scenarios: neither " << here.string() << " nor " << checkout.string()
            << " is a folder; name a file or a folder, or run it in a checkout of keelson\n";
  return {};
}

fs::path reports_folder() {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  for (fs::path folder = here; folder.has_relative_path(); folder = folder.parent_path())
    if (fs::exists(folder / "sim" / "scenario.proto", error)) return folder / "build" / "reports";
  return here / "keelson-reports";
}

std::vector<ScenarioFile> find_scenarios(const std::vector<std::string>& named, const Tool& tool) {
  std::set<fs::path> files;
  bool good = true;
  if (named.empty()) {
    const fs::path folder = need_scenarios_folder(tool);
    if (folder.empty()) return {};
    files.insert(tool.own ? folder / (tool.own->own_machine().name + ".textproto")
                          : folder / "smoke" / "default.textproto");
  }
  for (const auto& name : named) {
    if (fs::exists(name)) {
      collect(name, files);
      continue;
    }
    std::cerr << name << ": no such file or folder; `" << tool.name
              << " sim --list` shows the scenarios that there are\n";
    good = false;
  }
  std::vector<ScenarioFile> result;
  std::size_t problems = 0;
  for (const auto& file : files) {
    auto scenario = sim::load_scenario(file);
    std::vector<sim::Problem> refused;
    if (scenario) refused = sim::adopt(*scenario, file.string(), tool.own);
    for (const auto& problem : refused) std::cerr << problem.describe() << "\n";
    problems += refused.size();
    if (scenario) {
      result.push_back({file, typed(file), leading_comment(file), *scenario});
      continue;
    }
    for (const auto& problem : scenario.error()) std::cerr << problem.describe() << "\n";
    problems += scenario.error().size();
  }
  if (problems > 0) std::cerr << problems << (problems == 1 ? " problem" : " problems") << "; nothing was run\n";
  if (files.empty() && good) std::cerr << tool.name << " sim: no .textproto file in there\n";
  if (problems > 0 || !good) result.clear();
  return result;
}

}  // namespace keelson::bin
