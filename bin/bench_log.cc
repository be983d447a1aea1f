// keelson bench log: group commit on a real disk.
#include <algorithm>
#include <cstdio>

#include "bench_machine.h"
#include "bench_storage.h"

namespace keelson::bin {
namespace {

struct LogSample {
  double ops_per_s = 0, cpu_us_per_op = 0, flushes_per_bag = 0, log_bytes_per_op = 0;
  Latencies latencies;
};

// Three nodes, three files on one disk, as many requests in flight whatever the number of groups.
bool measure_log(const StorageOptions& options, u32 groups, LogSample& sample) {
  sim::LockstepConfig config;
  config.groups = groups;
  config.requests_per_bag = options.requests_per_bag;
  config.in_flight_max = options.requests_per_bag * options.bags_in_flight;
  config.clients = std::max(config.in_flight_max, groups);
  config.value_bytes = options.body;
  config.keys = groups;
  config.limits.wal_segments = 128;
  config.limits.batch_requests_max = options.requests_per_prepare;
  BenchMachine machine(options.folder, config.limits);
  config.machine = &machine;
  sim::Lockstep cluster(config);
  if (!cluster.run(config.clients + options.ops / 4)) return stuck("writing");
  static_cast<void>(cluster.take_latencies());
  const u64 answered = cluster.answered(), bags = cluster.bags(), bytes = cluster.log_bytes_written();
  const u64 flushes = machine.flushes(0);
  const Instant begin = cluster.now();
  const double cpu = cpu_seconds();
  if (!cluster.run(options.ops)) return stuck("writing");
  const auto ops = static_cast<double>(cluster.answered() - answered);
  sample.ops_per_s = ops / seconds_of(cluster.now().since(begin));
  sample.cpu_us_per_op = (cpu_seconds() - cpu) * 1e6 / ops;
  sample.flushes_per_bag =
      static_cast<double>(machine.flushes(0) - flushes) / static_cast<double>(cluster.bags() - bags);
  sample.log_bytes_per_op = static_cast<double>(cluster.log_bytes_written() - bytes) / ops / config.nodes;
  sample.latencies = latencies_of(cluster.take_latencies());
  return true;
}

}  // namespace

bool bench_log(const StorageOptions& options) {
  if (!options.json)
    std::printf(
        "log         3 replicas of each group, %u-byte values, %u requests per bag, %u bags in flight, %u per prepare, "
        "%llu ops\n"
        "  groups    ops/s  against   CPU us  flushes  log bytes | latency, ms\n"
        "                     first   per op  per bag     per op |   p50     p99   p99.9\n",
        options.body, options.requests_per_bag, options.bags_in_flight, options.requests_per_prepare,
        static_cast<unsigned long long>(options.ops));
  double first = 0;
  for (const u32 groups : options.many_groups) {
    LogSample s;
    if (!measure_log(options, groups, s)) return false;
    if (first == 0) first = s.ops_per_s;
    if (options.json)
      std::printf(
          "{\"bench\":\"log\",\"groups\":%u,\"requests_per_bag\":%u,\"requests_per_prepare\":%u,\"body_bytes\":%u,"
          "\"ops\":%llu,\"ops_per_s\":%.0f,\"speed_against_first\":%.3f,\"cpu_us_per_op\":%.2f,"
          "\"flushes_per_bag\":%.3f,\"log_bytes_per_op\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}\n",
          groups, options.requests_per_bag, options.requests_per_prepare, options.body,
          static_cast<unsigned long long>(options.ops), s.ops_per_s, s.ops_per_s / first, s.cpu_us_per_op,
          s.flushes_per_bag, s.log_bytes_per_op, s.latencies.p50, s.latencies.p99, s.latencies.p999);
    else
      std::printf("%8u %8.0f %7.0f%% %8.2f %8.3f %10.0f | %5.2f %7.2f %7.2f\n", groups, s.ops_per_s,
                  100 * s.ops_per_s / first, s.cpu_us_per_op, s.flushes_per_bag, s.log_bytes_per_op, s.latencies.p50,
                  s.latencies.p99, s.latencies.p999);
    std::fflush(stdout);
  }
  return true;
}

}  // namespace keelson::bin
