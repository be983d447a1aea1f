// keelson bench: what the kernel costs, measured here and now.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>

#include "keelson/io/exit_code.h"
#include "keelson/sim/bench/lockstep.h"

#include "allocations.h"
#include "commands.h"

namespace keelson::bin {
namespace {

struct Options {
  u32 requests_per_bag = 1;
  u32 body = 1024;
  u32 keys = 1024;
  u64 ops = 200'000;
  u32 repeats = 5;
  bool json = false;
};

struct Sample {
  double ns_per_op = 0;
  double allocations_per_op = 0;
  double disk_bytes_per_op = 0;
  double wire_bytes_per_op = 0;
};

// Each repetition is a cluster of its own: without checkpoints a log only grows.
bool measure(const Options& options, Sample& sample) {
  sim::LockstepConfig config;
  config.requests_per_bag = options.requests_per_bag;
  config.clients = std::min(config.limits.sessions_max, options.requests_per_bag * 8);
  config.value_bytes = options.body;
  config.keys = options.keys;
  config.limits.wal_segments = 1024;
  sim::Lockstep cluster(config);
  if (!cluster.run(options.ops / 10)) return false;
  const u64 allocations = allocations_so_far(), disk = cluster.bytes_written(), wire = cluster.bytes_sent();
  const auto begin = std::chrono::steady_clock::now();
  if (!cluster.run(options.ops)) return false;
  const auto ns = static_cast<double>((std::chrono::steady_clock::now() - begin).count());
  const auto ops = static_cast<double>(options.ops);
  sample = {ns / ops, static_cast<double>(allocations_so_far() - allocations) / ops,
            static_cast<double>(cluster.bytes_written() - disk) / ops,
            static_cast<double>(cluster.bytes_sent() - wire) / ops};
  return true;
}

int bench_kernel(const Options& options) {
  std::vector<Sample> samples;
  for (u32 i = 0; i < options.repeats; ++i) {
    Sample sample;
    if (!measure(options, sample)) {
      std::cerr << "keelson bench kernel: the cluster stopped making progress\n";
      return io::exit_code::internal;
    }
    samples.push_back(sample);
  }
  std::sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.ns_per_op < b.ns_per_op; });
  const Sample& median = samples[samples.size() / 2];
  if (options.json) {
    std::printf(
        "{\"bench\":\"kernel\",\"requests_per_bag\":%u,\"body_bytes\":%u,\"ops\":%llu,\"ns_per_op\":%.1f,"
        "\"ns_per_op_min\":%.1f,\"ns_per_op_max\":%.1f,\"allocations_per_op\":%.6f,\"disk_bytes_per_op\":%.0f,"
        "\"wire_bytes_per_op\":%.0f}\n",
        options.requests_per_bag, options.body, static_cast<unsigned long long>(options.ops), median.ns_per_op,
        samples.front().ns_per_op, samples.back().ns_per_op, median.allocations_per_op, median.disk_bytes_per_op,
        median.wire_bytes_per_op);
    return 0;
  }
  std::printf(
      "kernel   3 replicas in one thread, %u request%s per bag, %u-byte values, %u keys, median of %u\n"
      "         %.0f ns per committed op (%.0f to %.0f), %.6f allocations per op\n"
      "         %.0f bytes per op to all disks, %.0f between nodes\n",
      options.requests_per_bag, options.requests_per_bag == 1 ? "" : "s", options.body, options.keys, options.repeats,
      median.ns_per_op, samples.front().ns_per_op, samples.back().ns_per_op, median.allocations_per_op,
      median.disk_bytes_per_op, median.wire_bytes_per_op);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto* bench = app.add_subcommand("bench", "measure the kernel on this machine");
  bench->require_subcommand(1);
  auto* kernel = bench->add_subcommand("kernel", "three replicas in one thread, a perfect driver, no I/O");
  auto options = std::make_shared<Options>();
  kernel->add_option("--requests-per-bag", options->requests_per_bag, "requests that reach the primary in one turn")
      ->check(CLI::Range(1, 128));
  kernel->add_option("--body", options->body, "bytes of a value")->check(CLI::Range(1, 60'000));
  kernel->add_option("--keys", options->keys, "keys written in turn")->check(CLI::Range(1, 1'000'000));
  kernel->add_option("--ops", options->ops, "operations of one repetition")->check(CLI::Range(1000, 900'000));
  kernel->add_option("--repeats", options->repeats, "repetitions; the median is shown")->check(CLI::Range(1, 100));
  kernel->add_flag("--json", options->json, "one JSON object");
  kernel->callback([options, &exit_code] { exit_code = bench_kernel(*options); });
}

}  // namespace keelson::bin
