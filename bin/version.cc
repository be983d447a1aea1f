#include "version.h"

#include <iostream>

#include "commands.h"
#include "revision.h"

namespace keelson::bin {

std::string_view version() { return KEELSON_VERSION; }
std::string_view revision() { return KEELSON_REVISION; }
std::string build_text() { return std::string("keelson ") + KEELSON_VERSION + " (" + KEELSON_REVISION + ")"; }

void add_version(CLI::App& app, int& exit_code) {
  auto json = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("version", "print version and revision");
  command->add_flag("--json", *json, "as a JSON object");
  command->callback([json, &exit_code] {
    if (*json) {
      std::cout << "{\"version\":\"" << version() << "\",\"revision\":\"" << revision() << "\"}" << std::endl;
    } else {
      std::cout << "keelson " << version() << " (" << revision() << ")" << std::endl;
    }
    exit_code = 0;
  });
}

}  // namespace keelson::bin
