// The subcommands of `keelson bench` that need a disk: what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::bin {

struct StorageOptions {
  std::string folder = ".";
  bool json = false;
  std::vector<u32> many_groups{1, 100, 10'000};
  u32 requests_per_bag = 64;
  u32 requests_per_prepare = 1;
  u32 bags_in_flight = 4;
  u32 body = 1024;
  u64 ops = 100'000;
  u64 log_mib = 1024;
  u32 groups = 1000;
  u64 checkpoint_ops = 600'000;
  u64 state_mib = 1024;
};

struct Latencies {
  double p50 = 0, p99 = 0, p999 = 0;  // ms
};
Latencies latencies_of(std::vector<Duration> all);

inline constexpr double bytes_per_mib = 1 << 20;
constexpr double seconds_of(Duration time) { return static_cast<double>(time.ns()) / 1e9; }
double median(std::vector<double> values);
double cpu_seconds();          // of all threads
bool stuck(const char* what);  // says so; false

// Each prints its figures with their yardstick, measured in the same run. False: it could not.
bool bench_log(const StorageOptions& options);
bool bench_recovery(const StorageOptions& options);
bool bench_checkpoint(const StorageOptions& options);
bool bench_transfer(const StorageOptions& options);

void add_bench_storage(CLI::App& bench, int& exit_code);
void add_bench_sim(CLI::App& bench, int& exit_code);

}  // namespace keelson::bin
