// keelson bench recovery: a start on a long log.
#include <algorithm>
#include <cstdio>

#include "bench_machine.h"
#include "bench_storage.h"

namespace keelson::bin {

// A log of one voter's groups, read at a start with the index of each of its segments, beside as many bytes of the file
// read one after the other.
bool bench_recovery(const StorageOptions& options) {
  constexpr int repeats = 3;
  constexpr u64 segment_mib = 4;
  sim::LockstepConfig config;
  config.nodes = 1;
  config.groups = options.groups;
  config.clients = std::max(512u, options.groups);
  config.requests_per_bag = 64;
  config.in_flight_max = 512;
  config.limits.wal_segments =
      static_cast<u32>(options.log_mib / segment_mib * 9 / 8 + 8);  // so that nothing is reclaimed
  BenchMachine machine(options.folder, config.limits);
  config.machine = &machine;
  sim::Lockstep node(config);
  while (node.log_bytes_written() < options.log_mib << 20)
    if (!node.run(1000)) return stuck("writing the log");
  const u64 ops = node.answered();
  node.stop(0);
  const std::string path = machine.file_of(0);
  u64 bytes = 0;
  std::vector<double> reading, starting;
  for (int i = 0; i < repeats; ++i) {
    make_cold(path);
    const Instant begin = machine.now();
    node.boot(0);
    if (!node.run_while([&] { return node.shard(0)->state() == ShardState::booting; })) return stuck("starting");
    if (node.shard(0)->state() != ShardState::ready) return stuck("the node refuses its own log");
    starting.push_back(seconds_of(machine.now().since(begin)));
    bytes = machine.bytes_read(0);
    node.stop(0);
    reading.push_back(read_cold(path, bytes));
  }
  const double ratio = median(starting) / median(reading);
  if (options.json)
    std::printf(
        "{\"bench\":\"recovery\",\"log_mib\":%llu,\"groups\":%u,\"ops\":%llu,\"start_s\":%.3f,"
        "\"read_mib\":%llu,\"read_s\":%.3f,\"ratio\":%.2f}\n",
        static_cast<unsigned long long>(options.log_mib), options.groups, static_cast<unsigned long long>(ops),
        median(starting), static_cast<unsigned long long>(bytes >> 20), median(reading), ratio);
  else
    std::printf(
        "recovery    a log of %llu MiB, %u groups, %llu ops: %.2f s from a cold start to ready; reading as many bytes "
        "of the file, %llu MiB: %.2f s (x %.2f)\n",
        static_cast<unsigned long long>(options.log_mib), options.groups, static_cast<unsigned long long>(ops),
        median(starting), static_cast<unsigned long long>(bytes >> 20), median(reading), ratio);
  std::fflush(stdout);
  return true;
}

}  // namespace keelson::bin
