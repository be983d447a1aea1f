#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/io/inspect/report.h"

#include "commands.h"
#include "inspect_options.h"

namespace keelson::bin {
namespace {

namespace inspect = io::inspect;

struct Options {
  InspectOptions file;
  bool records = false;
  std::optional<u64> group;
  u64 from = 0;
  u64 to = ~u64{0};
};

int code_of(const inspect::Survey& survey) { return survey.refusal ? survey.refusal->exit_code : io::exit_code::done; }

int run_superblock(const Options& options) {
  return with_survey(options.file, false, [&](const inspect::Survey& survey) {
    std::cout << (options.file.json ? inspect::superblock_json(survey) + "\n"
                                    : inspect::superblock_text(survey, options.file.style()));
    return code_of(survey);
  });
}

int run_wal(const Options& options) {
  return with_survey(options.file, false, [&](const inspect::Survey& survey) {
    inspect::WalOptions wal;
    wal.records = options.records || options.group || options.from != 0 || options.to != ~u64{0};
    if (options.group) wal.group = GroupId(*options.group);
    wal.from = Op(options.from);
    wal.to = Op(options.to);
    wal.rows_max = options.file.limit;
    std::cout << (options.file.json ? inspect::wal_json(survey, wal) + "\n"
                                    : inspect::wal_text(survey, wal, options.file.style()));
    return code_of(survey);
  });
}

int run_groups(const Options& options) {
  return with_survey(options.file, false, [&](const inspect::Survey& survey) {
    std::cout << (options.file.json ? inspect::groups_json(survey, options.file.limit) + "\n"
                                    : inspect::groups_text(survey, options.file.style()));
    return code_of(survey);
  });
}

int run_checkpoint(const Options& options) {
  return with_survey(options.file, false, [&](const inspect::Survey& survey) {
    std::cout << (options.file.json ? inspect::checkpoint_json(survey, options.file.limit) + "\n"
                                    : inspect::checkpoint_text(survey, options.file.style()));
    return code_of(survey);
  });
}

int run_verify(const Options& options) {
  return with_survey(options.file, false, [&](const inspect::Survey& survey) {
    const inspect::Findings findings = inspect::find_all(survey, options.file.limit);
    std::cout << (options.file.json ? inspect::verify_json(survey, findings) + "\n"
                                    : inspect::verify_text(survey, findings, options.file.style()));
    return inspect::exit_code_of(survey, findings);
  });
}

using Run = int (*)(const Options&);

CLI::App* add(CLI::App& to, const std::shared_ptr<Options>& options, const char* name, const char* about, Run run,
              int& exit_code) {
  auto* command = to.add_subcommand(name, about);
  options->file.add_to(*command);
  command->callback([options, run, &exit_code] { exit_code = run(*options); });
  return command;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("inspect", "look at a node's data, damaged or not; writes nothing");
  command->require_subcommand(1);
  command->footer(
      "Exit: 0 as asked; 1 verify found damage that the next start copes with, or fences a group for;\n"
      "65 or 78 what that start would end with; 73, 74, 77 the file can't be opened (docs/operations.md)");
  add(*command, options, "superblock", "its four copies, and which of them is opened", run_superblock, exit_code);
  auto* wal = add(*command, options, "wal", "batches or records of the log, and where it ends", run_wal, exit_code);
  wal->add_flag("--records", options->records, "each record instead of each batch");
  wal->add_option("--group", options->group, "records of this group only");
  wal->add_option("--from", options->from, "records from this op on")->type_name("OP");
  wal->add_option("--to", options->to, "records up to this op")->type_name("OP");
  add(*command, options, "checkpoint", "each group's newest checkpoint: its table twice, and its sections",
      run_checkpoint, exit_code);
  add(*command, options, "groups", "what a start would find of each group", run_groups, exit_code);
  add(*command, options, "verify",
      "read all of the log and its checkpoints: exit 0 if whole, 1 if damaged, else what a start would end with",
      run_verify, exit_code);
}

}  // namespace keelson::bin
