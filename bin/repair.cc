#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/report.h"

#include "commands.h"
#include "inspect_options.h"
#include "options.h"

namespace keelson::bin {
namespace {

struct Options {
  InspectOptions file;
  bool dry_run = false;
};

int run(const Options& options) {
  if (!options.dry_run) {
    tell({{options.file.path,
           0,
           0,
           "NO_SUCH_REPAIR",
           "a node repairs its data by itself when it starts, from its own copies and from its peers",
           {},
           {},
           "add --dry-run to see what that start would do"}},
         options.file.json, "nothing was written");
    return io::exit_code::usage;
  }
  return with_survey(options.file, true, [&](const io::inspect::Survey& survey) {
    std::cout << (options.file.json ? io::inspect::repair_json(survey) + "\n"
                                    : io::inspect::repair_text(survey, options.file.style()));
    return survey.refusal ? survey.refusal->exit_code : io::exit_code::done;
  });
}

}  // namespace

void add_repair(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("repair", "say what the next start would do about damage; writes nothing");
  options->file.add_to(*command);
  command->add_flag("--dry-run", options->dry_run, "required: repair itself is what a start does");
  command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace keelson::bin
