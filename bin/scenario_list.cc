#include "scenario_list.h"

#include <algorithm>
#include <iostream>

#include "keelson/io/exit_code.h"

#include "scenario_files.h"

namespace keelson::bin {
namespace {

// A cell of a table in Markdown.
std::string cell(std::string text) {
  for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  return text;
}

void print_page(const std::vector<ScenarioFile>& files) {
  std::cout
      << "# Scenarios\n\nMade by `./keelson sim --list --markdown > docs/scenarios.md`; what is said of a scenario "
         "is the comment at the top of its file. How to read and write them: "
         "[simulation.md](simulation.md#scenario-files).\n\n"
      << files.size() << " scenarios. `./keelson sim FILE --seed N` runs one, `./keelson sim scenarios --seeds "
      << "1..200` all of them ([campaigns.md](campaigns.md)).\n";
  std::string folder;
  for (const auto& file : files) {
    const std::filesystem::path path = file.named;
    if (const std::string here = path.parent_path().filename(); here != folder) {
      folder = here;
      std::cout << "\n## " << folder << "\n\n| scenario | shows | nodes |\n| --- | --- | --- |\n";
    }
    const auto& cluster = file.scenario.cluster();
    const std::string nodes = cluster.has_replicas()      ? std::to_string(cluster.replicas())
                              : file.scenario.has_swarm() ? "drawn"
                                                          : "3";
    std::cout << "| [" << path.stem().string() << "](../" << file.named << ") | " << cell(file.about) << " | " << nodes
              << " |\n";
  }
}

}  // namespace

int list_scenarios(std::vector<std::string> named, ListAs as, const Tool& tool) {
  if (named.empty()) {
    const auto folder = need_scenarios_folder(tool);
    if (folder.empty()) return io::exit_code::bad_data;
    named.push_back(folder.string());
  }
  const auto files = find_scenarios(named, tool);
  if (files.empty()) return io::exit_code::bad_data;
  if (as == ListAs::page) {
    print_page(files);
    return 0;
  }
  for (const auto& file : files) std::cout << file.named << "\n    " << file.about << "\n";
  return 0;
}

}  // namespace keelson::bin
