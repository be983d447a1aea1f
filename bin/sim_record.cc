#include "sim_record.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/sim/report/exports.h"
#include "keelson/sim/report/reporting.h"
#include "keelson/sim/run/recording.h"
#include "keelson/sim/tape_text.h"

#include "history_files.h"
#include "sim_output.h"
#include "version.h"

namespace keelson::bin {
namespace {

int cannot_write(const SimRuns& runs, const std::string& path) {
  std::cerr << runs.tool().name << " sim: cannot write " << path << ": " << std::strerror(errno) << "\n";
  return io::exit_code::cannot_create;
}

bool write_tape_file(const std::string& path, const sim::pb::Scenario& scenario, const sim::Tape& tape,
                     const sim::RunReport& report) {
  const auto bytes = sim::write_tape(sim::recording_of(scenario, tape, report));
  std::ofstream out(path, std::ios::binary);
  return bytes && out.write(bytes->data(), static_cast<std::streamsize>(bytes->size())).flush();
}

// Other runs have other names: file, seed, and limits where given.
void keep_verdict(const SimRuns& runs, const sim::RunReport& report) {
  std::error_code error;
  const auto folder = reports_folder();
  std::filesystem::create_directories(folder, error);
  const std::string& limits = runs.options().limits;
  std::string name = std::filesystem::path(runs.files()[0].named).replace_extension().string();
  std::replace(name.begin(), name.end(), '/', '-');
  name.erase(0, name.find_first_not_of("-."));
  name += "-" + std::to_string(report.seed) + (limits.empty() ? "" : "-" + limits);
  if (const auto& fork = runs.request().fork)
    name += "-fork-" + std::to_string(fork->event) + "-" + std::to_string(fork->seed);
  name += ".json";
  std::ofstream out(folder / name);
  if (out << sim::to_json(report) << "\n") return;
}

}  // namespace

void show_single(const SimRuns& runs, const sim::RunReport& report) {
  if (runs.options().json)
    std::cout << sim::to_json(report) << "\n";
  else
    print_run(report, runs.again_text({0, report.seed}));
  if (const auto& fork = runs.request().fork; fork && fork->event > report.events)
    std::cerr << runs.tool().name << " sim: not forked: the run ended at event " << report.events << ", before "
              << fork->event << "\n";
  keep_verdict(runs, report);
}

int run_recorded(const SimRuns& runs) {
  const SimOptions& options = runs.options();
  const ScenarioFile& file = runs.files()[0];
  const u64 seed = runs.request().seeds.from;
  std::ofstream trace_file;
  if (!options.trace.empty()) {
    trace_file.open(options.trace);
    if (!trace_file) return cannot_write(runs, options.trace);
  }
  std::ofstream page;
  if (!options.report.empty()) {
    page.open(options.report, std::ios::binary);
    if (!page) return cannot_write(runs, options.report);
  }
  std::ofstream exported;
  if (!options.exported.empty()) {
    exported.open(options.exported[1], std::ios::binary);
    if (!exported) return cannot_write(runs, options.exported[1]);
  }
  HistoryFile history;
  if (!history.open(options.history)) return cannot_write(runs, options.history);
  sim::Tape tape(sim::source_of(file.scenario, seed), sim::Recording::on);
  const auto scenario = sim::resolve(file.scenario, runs.request().overrides, tape);
  sim::JsonTraceSink sink(trace_file);
  const std::string repeat = runs.again_text({0, seed});
  sim::RunOptions how{repeat, seed, trace_file.is_open() ? &sink : nullptr, {}};
  how.own = runs.tool().own;
  how.fork = runs.request().fork;
  history.watch(how);
  sim::Reporting reporting;
  if (page.is_open() || exported.is_open()) reporting.watch(how, scenario);
  const auto report = sim::run_scenario(scenario, tape, how);
  if (exported.is_open()) {
    sim::write_export(exported, *sim::export_named(options.exported[0]), reporting.timeline());
    if (!exported.flush()) return cannot_write(runs, options.exported[1]);
  }
  if (!history.finish()) return cannot_write(runs, options.history);
  if (page.is_open() && !reporting.write_page(page, report, build_text(), repeat))
    return cannot_write(runs, options.report);
  if (!options.tape.empty() && !write_tape_file(options.tape, scenario, tape, report))
    return cannot_write(runs, options.tape);
  show_single(runs, report);
  return sim::exit_code_of(report);
}

}  // namespace keelson::bin
