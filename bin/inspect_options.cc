#include "inspect_options.h"

#include <cstdlib>
#include <unistd.h>

#include "keelson/io/exit_code.h"

#include "options.h"

namespace keelson::bin {

void InspectOptions::add_to(CLI::App& command) {
  command.add_option("PATH", path, "a node's data directory, or its data file")->required();
  command.add_option("--config", config, "the node's configuration: says which groups there are, and their voters")
      ->type_name("FILE");
  command.add_option("--voters", voters, "voters of groups that no configuration names; default: several are assumed")
      ->check(CLI::Range(1u, 6u));
  command.add_option("--limit", limit, "rows of any list; 0: all")->capture_default_str();
  command.add_flag("--json", json, "one JSON object");
}

io::inspect::Style InspectOptions::style() const {
  return {::isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR"), limit};
}

int with_survey(const InspectOptions& options, bool configured_only,
                const std::function<int(const io::inspect::Survey&)>& print) {
  std::optional<io::ServerConfig> config;
  if (!options.config.empty()) {
    auto loaded = io::load_config(options.config);
    if (!loaded) {
      tell(loaded.error(), options.json, "nothing was read");
      return io::exit_code::configuration;
    }
    config = std::move(*loaded);
  }
  const auto target = io::inspect::open_target(options.path);
  if (!target) {
    tell(target.error().problems, options.json, "nothing was read");
    return target.error().exit_code;
  }
  auto wanted = config ? io::inspect::options_of(*config) : io::inspect::SurveyOptions();
  wanted.voters = static_cast<u8>(options.voters);
  wanted.configured_only = configured_only;
  return print(io::inspect::make_survey(*target, wanted));
}

}  // namespace keelson::bin
