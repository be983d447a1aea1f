// keelson replay: runs a tape again, decision by decision.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/sim/report/reporting.h"
#include "keelson/sim/run/cluster.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/tape_text.h"

#include "commands.h"
#include "history_files.h"
#include "sim_output.h"
#include "tape_files.h"
#include "version.h"

namespace keelson::bin {
namespace {

struct Options {
  std::string tape, trace, report, history, stream;
  u64 until = 0;
  bool json = false, print = false, all = false;
};

class Replay {
 public:
  Replay(Options options, Tool tool) : options_(std::move(options)), tool_(std::move(tool)) {}

  int run() {
    if (!options_.history.empty() && !sim::notation_of(options_.history)) {
      std::cerr << tool_.name << " replay: " << bad_history_name(options_.history) << "\ntry: " << tool_.name
                << " replay --help\n";
      return io::exit_code::usage;
    }
    auto tape = read_tape("replay", options_.tape, tool_);
    if (!tape) return io::exit_code::bad_data;
    if (options_.print) return print(*tape);
    std::ofstream trace_file;
    if (!options_.trace.empty()) {
      trace_file.open(options_.trace);
      if (!trace_file) return cannot_write(options_.trace);
    }
    std::ofstream page;
    if (!options_.report.empty()) {
      page.open(options_.report, std::ios::binary);
      if (!page) return cannot_write(options_.report);
    }
    HistoryFile history;
    if (!history.open(options_.history)) return cannot_write(options_.history);
    strict_ = sim::replay_kind(tape->file) == sim::ReplayKind::strict;
    sim::JsonTraceSink sink(trace_file);
    sim::Tape decisions(sim::source_of(tape->file));
    const sim::pb::Scenario resolved = sim::resolve(tape->scenario, {}, decisions);
    sim::RunOptions how{command(), tape->file.seed, trace_file.is_open() ? &sink : nullptr, {}};
    how.until_event = options_.until;
    how.own = tool_.own;
    if (options_.until > 0 && !options_.json) how.look = [](sim::RunCluster& cluster) { print_nodes(cluster); };
    history.watch(how);
    sim::Reporting reporting;
    if (page.is_open()) reporting.watch(how, resolved);
    sim::RunReport report = sim::run_scenario(resolved, decisions, how);
    if (options_.until == 0) compare(tape->file, report);
    if (!options_.trace.empty() && !trace_file.flush()) return cannot_write(options_.trace);
    if (!history.finish()) return cannot_write(options_.history);
    if (page.is_open() && !reporting.write_page(page, report, build_text(), command()))
      return cannot_write(options_.report);
    if (options_.json) {
      std::cout << sim::to_json(report) << "\n";
    } else {
      print_run(report, command());
      if (options_.until == 0) tell(tape->file, decisions, report);
    }
    return sim::exit_code_of(report);
  }

 private:
  int print(const NamedTape& tape) const {
    sim::print_tape(std::cout, tape.file, {options_.stream, options_.all});
    return 0;
  }

  std::string command() const {
    return tool_.typed + " replay " + options_.tape +
           (options_.until > 0 ? " --until " + std::to_string(options_.until) : "");
  }

  int cannot_write(const std::string& path) const {
    std::cerr << tool_.name << " replay: cannot write " << path << ": " << std::strerror(errno) << "\n";
    return io::exit_code::cannot_create;
  }

  // A strict replay is the recorded run: everything else is nondeterminism. A loose one is a run of its own.
  void compare(const sim::TapeFile& file, sim::RunReport& report) const {
    if (!strict_ || !file.outcome) return;
    if (report.verdict != sim::Verdict::nondeterministic && sim::hex(file.outcome->trace_hash) != report.trace_hash) {
      report.verdict = sim::Verdict::nondeterministic;
      report.expected = false;
      report.failure =
          sim::Failure{"replay.other_hash", "the recorded run's hash is " + sim::hex(file.outcome->trace_hash),
                       command(),           0,
                       report.events,       "end"};
    }
    report.verified = report.verdict != sim::Verdict::nondeterministic;
  }

  void tell(const sim::TapeFile& file, const sim::Tape& decisions, const sim::RunReport& report) const {
    std::cout << "replay     " << sim::name_of(sim::compare(file, report));
    if (strict_) {
      std::cout << ", strictly\n";
      return;
    }
    const sim::SparseUse use = decisions.sparse_use();
    std::cout << ", loosely" << (file.sites == sim::site_hash() ? "" : " (the tape is of another build)") << ": "
              << use.used << " decisions used, " << use.clamped << " of them cut to what their draw allowed, "
              << use.unused << " not asked for";
    if (file.unknown_sites_dropped > 0) std::cout << ", " << file.unknown_sites_dropped << " of sites that are gone";
    std::cout << "\n";
  }

  // Where every node stands when the run is left early.
  static void print_nodes(sim::RunCluster& cluster) {
    for (u16 n = 0; n < cluster.world.population().nodes; ++n) {
      const NodeId node(n);
      const bool up = cluster.world.state(node) == sim::HostState::up;
      std::cout << "node " << n << (up ? "" : "  not running") << "\n";
      for (u16 s = 0; s < cluster.world.population().shards; ++s) {
        const sim::Program* program = cluster.world.program(node, ShardId(s));
        if (!program) continue;
        for (std::size_t g = 0; g < program->group_count(); ++g) print_group(program->group(g));
      }
    }
  }

  static void print_group(const GroupView& group) {
    std::cout << "  " << sim::text(group.group) << ": " << name_of(group.status) << (group.primary ? ", primary" : "")
              << (group.fenced == FenceReason::none ? "" : ", fenced: ")
              << (group.fenced == FenceReason::none ? "" : name_of(group.fenced)) << ", view " << group.view.raw()
              << ", log view " << group.log_view.raw() << ", head op " << group.head.raw() << ", applied "
              << group.commit_min.raw() << " of " << group.commit_max.raw() << " committed, log above "
              << group.floor.raw() << ", checkpoint " << group.checkpoint_op.raw() << "\n";
  }

  Options options_;
  Tool tool_;
  bool strict_ = false;
};

}  // namespace

void add_replay(CLI::App& app, int& exit_code, const Tool& tool) {
  auto* command = app.add_subcommand("replay", "run a tape again, decision by decision, or show what is on it");
  auto options = std::make_shared<Options>();
  command->add_option("tape", options->tape, "a .ktape file of sim --tape")->required();
  command->add_option("--until", options->until, "leave the run after so many events, and show where every node stands")
      ->type_name("EVENT");
  command->add_option("--trace", options->trace, "write every event to this file, as JSON lines");
  command->add_option("--report", options->report, "write a page that shows the run: an HTML file for any browser");
  command->add_option("--history", options->history,
                      "write what the clients saw: .edn (Knossos), .json or .jsonl (Porcupine)");
  command->add_flag("--json", options->json, "one JSON object");
  auto* print = command->add_flag("--print", options->print, "show the decisions that are not quiet, and run nothing");
  command->add_option("--stream", options->stream, "with --print: only streams whose names begin so, such as nemesis")
      ->needs(print);
  command->add_flag("--all", options->all, "with --print: the quiet decisions, too")->needs(print);
  command->footer(
      std::string(
          "A complete recording of this build is replayed strictly: exit 4 at the first draw that differs. Any other "
          "tape\n"
          "(cut, edited, of another build) gives its decisions by address, clamped to what is allowed; what it doesn't "
          "say\n"
          "is quiet. The last line says what came of it: reproduced, not reproduced, other failure.\n") +
      "Exit codes: as " + tool.name +
      " sim; 65 a tape that is damaged, cut short or of another version.\n\n"
      "Examples:\n  " +
      tool.name + " replay run.ktape --until 5120\n  " + tool.name + " replay run.ktape --print --stream nemesis");
  command->callback([options, tool, &exit_code] { exit_code = Replay(*options, tool).run(); });
}

}  // namespace keelson::bin
