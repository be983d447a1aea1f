// keelson replay: runs a recorded tape again, decision by decision.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "keelson/io/exit_code.h"
#include "keelson/sim/run/run.h"
#include "keelson/sim/tape_file.h"

#include "commands.h"
#include "sim_output.h"

namespace keelson::bin {
namespace {

int replay(const std::string& path, const std::string& trace, bool json) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::cerr << "keelson replay: cannot read " << path << ": " << std::strerror(errno) << "\n";
    return io::exit_code::bad_data;
  }
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  auto file = sim::parse_tape(bytes);
  if (!file) {
    std::cerr << path << ": not a usable tape: " << file.error().describe() << "\n";
    return io::exit_code::bad_data;
  }
  sim::pb::Scenario scenario;
  if (!scenario.ParseFromString(file->scenario)) {
    std::cerr << path << ": its scenario cannot be read; it may be of a newer version of keelson\n";
    return io::exit_code::bad_data;
  }
  const bool strict = file->complete && std::holds_alternative<std::vector<sim::RecordedStream>>(file->streams);
  if (!strict) {
    std::cerr << path << ": not a complete recording; only complete ones are replayed so far\n";
    return io::exit_code::bad_data;
  }
  if (file->sites != sim::site_hash()) std::cerr << path << ": recorded by another build; the replay may diverge\n";
  std::ofstream trace_file;
  if (!trace.empty()) trace_file.open(trace);
  sim::JsonTraceSink sink(trace_file);
  sim::Tape tape(sim::RecordedTape{std::get<std::vector<sim::RecordedStream>>(file->streams), {}});
  const sim::pb::Scenario resolved = sim::resolve(scenario, {}, tape);
  const std::string command = "./keelson replay " + path;
  sim::RunReport report =
      sim::run_scenario(resolved, tape, {command, file->seed, trace_file.is_open() ? &sink : nullptr, {}});
  if (file->outcome && report.verdict != sim::Verdict::nondeterministic &&
      sim::hex(file->outcome->trace_hash) != report.trace_hash) {
    report.verdict = sim::Verdict::nondeterministic;
    report.expected = false;
    report.failure = sim::Failure{"replay.other_hash",
                                  "the recorded run's hash is " + sim::hex(file->outcome->trace_hash),
                                  command,
                                  0,
                                  report.events,
                                  "end"};
  }
  report.verified = file->outcome && report.verdict != sim::Verdict::nondeterministic;
  if (json)
    std::cout << sim::to_json(report) << "\n";
  else
    print_run(report, command);
  return sim::exit_code_of(report);
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
  struct Options {
    std::string tape, trace;
    bool json = false;
  };
  auto* command = app.add_subcommand("replay", "run a recorded tape again and compare the hash");
  auto options = std::make_shared<Options>();
  command->add_option("tape", options->tape, "a .ktape file of keelson sim --tape")->required();
  command->add_option("--trace", options->trace, "write every event to this file, as JSON lines");
  command->add_flag("--json", options->json, "one JSON object");
  command->callback([options, &exit_code] { exit_code = replay(options->tape, options->trace, options->json); });
}

}  // namespace keelson::bin
