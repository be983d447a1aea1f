// keelson sim: runs scenarios from seeds.
#include <csignal>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <sys/prctl.h>

#include "keelson/io/exit_code.h"
#include "keelson/sim/run/recording.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/simulation.h"
#include "keelson/sim/tape_text.h"

#include "commands.h"
#include "scenario_list.h"
#include "sim_campaign.h"
#include "sim_record.h"

namespace keelson::bin {
namespace {

// Every restart of a node frees and takes buffers of megabytes: touching fresh pages was half of a run's time. The
// large pools, of which a run touches little, stay mappings of their own.
void keep_freed_memory() {
  constexpr int large = 48 << 20;
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, 4 * large);
}

int usage(const Tool& tool, const std::string& what) {
  std::cerr << tool.name << " sim: " << what << "\ntry: " << tool.name << " sim --help\n";
  return io::exit_code::usage;
}

int too_many_to_record(const SimRuns& runs) {
  const SimOptions& options = runs.options();
  const char* flag = !options.tape.empty()      ? "--tape"
                     : !options.trace.empty()   ? "--trace"
                     : !options.report.empty()  ? "--report"
                     : !options.history.empty() ? "--history"
                                                : "--export";
  return usage(runs.tool(), std::string(flag) + " writes a single run; got " + std::to_string(runs.files().size()) +
                                (runs.files().size() == 1 ? " scenario" : " scenarios") + ", seeds " +
                                std::to_string(runs.request().seeds.from) + ".." +
                                std::to_string(runs.request().seeds.to) +
                                "; expected one file, and --seed N instead of --seeds");
}

int print_resolved(const SimRuns& runs) {
  for (const auto& file : runs.files()) {
    sim::Tape tape(sim::source_of(file.scenario, runs.request().seeds.from));
    std::cout << sim::print(sim::resolve(file.scenario, runs.request().overrides, tape));
  }
  return 0;
}

// For whoever compares; with --trace, also for whoever asks where two runs part.
int print_hash(const SimRuns& runs) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody would read it
  const std::string& path = runs.options().trace;
  std::ofstream trace(path.empty() ? "/dev/null" : path);
  sim::JsonTraceSink sink(trace);
  std::cout << runs.run({0, runs.request().seeds.from}, {}, path.empty() ? nullptr : &sink).trace_hash;
  return 0;
}

int run_sim(const SimOptions& options, const Tool& tool) {
  keep_freed_memory();
  if (options.list) return list_scenarios(options.scenarios, options.markdown ? ListAs::page : ListAs::text, tool);
  const auto request = read_options(options);
  if (!request) return usage(tool, request.error());
  auto files = find_scenarios(options.scenarios, tool);
  if (files.empty()) return io::exit_code::bad_data;
  const SimRuns runs(*request, std::move(files), tool);
  if (options.print) return print_resolved(runs);
  if (options.hash_only) return print_hash(runs);
  if (!options.recorded()) return run_campaign_of(runs, typed_command(tool));
  return runs.single() ? run_recorded(runs) : too_many_to_record(runs);
}

}  // namespace

void add_sim(CLI::App& app, int& exit_code, const Tool& tool) {
  auto* sim = app.add_subcommand("sim", "run seeded simulation scenarios and judge them");
  auto options = std::make_shared<SimOptions>();
  options->add_to(*sim, tool);
  const std::string again = "\n  " + tool.name + " sim ";
  const std::string one = tool.own ? "scenarios/" + tool.own->own_machine().name + ".textproto"
                                   : std::string("scenarios/smoke/default.textproto");
  sim->footer(
      "Exit codes: 0 as expected, 2 safety violated, 3 liveness violated, 4 nondeterministic, or an own machine\n"
      "that breaks its contract, 5 inconclusive, 64 usage, 65 bad scenario or campaign folder, 73 a file or folder\n"
      "that can't be written.\n\nExamples:" +
      again + again + "scenarios --seeds 1..200 --limits tiny" + again + one +
      " --seed 7 --trace events.jsonl --tape run.ktape" + again + one + " --seed 7 --report out.html" + again +
      "scenarios --seeds 1..100000 --budget 8h --out night --resume" + again + "merge night-0 night-1 --out night");
  auto* merge = add_merge(*sim, exit_code, tool);
  sim->callback([options, merge, tool, &exit_code] {
    if (!merge->parsed()) exit_code = run_sim(*options, tool);
  });
}

}  // namespace keelson::bin
