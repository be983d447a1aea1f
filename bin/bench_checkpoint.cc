// keelson bench checkpoint: what clients notice of checkpoints.
#include <cstdio>

#include "bench_machine.h"
#include "bench_storage.h"

namespace keelson::bin {
namespace {

constexpr u32 keys_while_checkpointing = 50'000;

// Latencies of requests while checkpoints are made, and of the same requests without any.
bool measure_checkpoints(const StorageOptions& options, bool with, Latencies& out, double& ops_per_s, u64& made) {
  sim::LockstepConfig config;
  config.clients = 256;
  config.requests_per_bag = 16;
  config.in_flight_max = 64;
  config.keys = keys_while_checkpointing;
  config.limits.wal_segments = 256;
  if (!with) config.limits.checkpoint_ops = 1 << 19;
  BenchMachine machine(options.folder, config.limits);
  config.machine = &machine;
  sim::Lockstep cluster(config);
  if (!cluster.run(config.keys)) return stuck("filling the map");
  static_cast<void>(cluster.take_latencies());
  const u64 before = cluster.shard(0)->counters()[Counter::checkpoints_done];
  const Instant begin = cluster.now();
  if (!cluster.run(options.checkpoint_ops)) return stuck("checkpointing");
  ops_per_s = static_cast<double>(options.checkpoint_ops) / seconds_of(cluster.now().since(begin));
  made = cluster.shard(0)->counters()[Counter::checkpoints_done] - before;
  out = latencies_of(cluster.take_latencies());
  return true;
}

}  // namespace

bool bench_checkpoint(const StorageOptions& options) {
  Latencies with, without;
  double ops_with = 0, ops_without = 0;
  u64 made = 0, none = 0;
  if (!measure_checkpoints(options, false, without, ops_without, none)) return false;
  if (none > 0) return stuck("the half without checkpoints made some: its log was full; fewer --ops");
  if (!measure_checkpoints(options, true, with, ops_with, made)) return false;
  const double ratio = with.p99 / without.p99;
  if (options.json)
    std::printf(
        "{\"bench\":\"checkpoint\",\"ops\":%llu,\"checkpoints\":%llu,\"ops_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":"
        "%.3f,\"p999_ms\":%.3f,\"without_ops_per_s\":%.0f,\"without_p50_ms\":%.3f,\"without_p99_ms\":%.3f,"
        "\"without_p999_ms\":%.3f,\"p99_ratio\":%.2f}\n",
        static_cast<unsigned long long>(options.checkpoint_ops), static_cast<unsigned long long>(made), ops_with,
        with.p50, with.p99, with.p999, ops_without, without.p50, without.p99, without.p999, ratio);
  else
    std::printf(
        "checkpoint  %llu ops while %llu checkpoints of %u MiB are made: %.0f ops/s, p50 %.2f ms, p99 %.2f ms, p99.9 "
        "%.2f ms; without: %.0f ops/s, p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms (p99 x %.2f)\n",
        static_cast<unsigned long long>(options.checkpoint_ops), static_cast<unsigned long long>(made),
        keys_while_checkpointing / 1024, ops_with, with.p50, with.p99, with.p999, ops_without, without.p50, without.p99,
        without.p999, ratio);
  std::fflush(stdout);
  return true;
}

}  // namespace keelson::bin
