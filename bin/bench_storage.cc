// keelson bench: what the log, its recovery, checkpoints and transfers cost on a real disk.
#include "bench_storage.h"

#include <algorithm>
#include <iostream>

#include "keelson/base/limits.h"
#include "keelson/io/clock.h"
#include "keelson/io/exit_code.h"

namespace keelson::bin {
namespace {

template <class Bench>
void run_bench(Bench bench, const StorageOptions& options, int& exit_code) {
  try {
    exit_code = bench(options) ? 0 : io::exit_code::internal;
  } catch (const std::exception& problem) {
    std::cerr << "keelson bench: " << problem.what() << "\n";
    exit_code = io::exit_code::cannot_create;
  }
}

void add_common(CLI::App& bench, StorageOptions& options) {
  bench.add_option("--data", options.folder, "a folder on the disk to be measured; files there are removed at the end")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  bench.add_flag("--json", options.json, "one JSON object");
}

}  // namespace

double cpu_seconds() { return static_cast<double>(io::read_clock(CLOCK_PROCESS_CPUTIME_ID)) / 1e9; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Latencies latencies_of(std::vector<Duration> all) {
  std::sort(all.begin(), all.end());
  const auto at = [&](double q) {
    return 1000 * seconds_of(all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))]);
  };
  return all.empty() ? Latencies{} : Latencies{at(0.5), at(0.99), at(0.999)};
}

bool stuck(const char* what) {
  std::cerr << "keelson bench: the cluster stopped making progress: " << what << "\n";
  return false;
}

void add_bench_storage(CLI::App& bench, int& exit_code) {
  auto options = std::make_shared<StorageOptions>();
  auto* log = bench.add_subcommand("log", "group commit: requests of many groups on one log");
  add_common(*log, *options);
  log->add_option("--groups", options->many_groups,
                  "how many, one row each; the first is what others are compared with")
      ->check(CLI::Range(1u, Limits::standard().groups_max))
      ->capture_default_str();
  log->add_option("--requests-per-bag", options->requests_per_bag, "requests that reach the primaries in one turn")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  log->add_option("--requests-per-prepare", options->requests_per_prepare, "at most; 1: every group prepares as much")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  log->add_option("--bags-in-flight", options->bags_in_flight, "of requests that wait for answers")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  log->add_option("--body", options->body, "bytes of a value")->check(CLI::Range(1, 60'000))->capture_default_str();
  log->add_option("--ops", options->ops, "operations of a row")
      ->check(CLI::Range(1000, 10'000'000))
      ->capture_default_str();
  log->callback([options, &exit_code] { run_bench(bench_log, *options, exit_code); });

  auto* recovery = bench.add_subcommand("recovery", "a start on a long log, beside reading the file");
  add_common(*recovery, *options);
  recovery->add_option("--log-mib", options->log_mib, "of log")->check(CLI::Range(8, 65'536))->capture_default_str();
  recovery->add_option("--groups", options->groups, "in it")
      ->check(CLI::Range(1u, Limits::standard().groups_max))
      ->capture_default_str();
  recovery->callback([options, &exit_code] { run_bench(bench_recovery, *options, exit_code); });

  auto* checkpoint = bench.add_subcommand("checkpoint", "latencies while checkpoints are made, and without");
  add_common(*checkpoint, *options);
  checkpoint->add_option("--ops", options->checkpoint_ops, "requests of each half")
      ->check(CLI::Range(1000, 10'000'000))
      ->capture_default_str();
  checkpoint->callback([options, &exit_code] { run_bench(bench_checkpoint, *options, exit_code); });

  auto* transfer = bench.add_subcommand("transfer", "a state to an empty node, beside reading and writing as much");
  add_common(*transfer, *options);
  transfer->add_option("--state-mib", options->state_mib, "of values")
      ->check(CLI::Range(1, 16'384))
      ->capture_default_str();
  transfer->callback([options, &exit_code] { run_bench(bench_transfer, *options, exit_code); });
}

}  // namespace keelson::bin
