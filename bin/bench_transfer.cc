// keelson bench transfer: a state for an empty node.
#include <algorithm>
#include <cstdio>

#include "keelson/store/layout.h"

#include "bench_machine.h"
#include "bench_storage.h"

namespace keelson::bin {

// Two nodes fill maps; the third one comes empty when most of that is in checkpoints only. Beside it what as many bytes
// take to be read from a file and written to another.
bool bench_transfer(const StorageOptions& options) {
  constexpr u64 mib_per_group = 128;
  sim::LockstepConfig config;
  config.groups = static_cast<u32>((options.state_mib + mib_per_group - 1) / mib_per_group);
  config.clients = 1024;
  config.requests_per_bag = 128;
  config.in_flight_max = 512;
  config.keys = static_cast<u32>(options.state_mib << 10);
  config.limits.wal_segments = static_cast<u32>(std::max<u64>(16, options.state_mib / 16));  // a quarter of it
  config.absent = 2;
  BenchMachine machine(options.folder, config.limits);
  config.machine = &machine;
  sim::Lockstep cluster(config);
  if (!cluster.run(config.keys)) return stuck("filling the maps");
  const Shard& source = *cluster.shard(0);
  std::vector<Op> targets;
  for (u32 i = 0; i < config.groups; ++i) targets.push_back(source.view(i).commit_min);
  const auto log_bytes = StoreLayout::of(config.limits).preallocated_bytes();
  const double read_mib_per_s =
      static_cast<double>(log_bytes) / bytes_per_mib / read_cold(machine.file_of(0), log_bytes);
  make_cold(machine.file_of(0));
  make_cold(machine.file_of(1));
  const u64 sent = cluster.bytes_sent();
  const Instant begin = machine.now();
  cluster.boot(2);
  const Shard& empty = *cluster.shard(2);
  const auto is_behind = [&](u32 i) { return empty.view(i).commit_min < targets[i]; };
  const auto lacks = [&] {
    bool any = empty.state() != ShardState::ready;
    for (u32 i = 0; i < config.groups && !any; ++i) any = is_behind(i);
    return any;
  };
  if (!cluster.run_while(lacks)) return stuck("transferring");
  const double time = seconds_of(machine.now().since(begin));
  const double moved = static_cast<double>(cluster.bytes_sent() - sent) / bytes_per_mib;
  const u64 states = empty.counters()[Counter::syncs_done];
  if (states == 0) return stuck("the log was enough: no state was transferred");
  const double bound =
      moved / read_mib_per_s + write_through(machine.folder(), static_cast<u64>(moved * bytes_per_mib));
  if (options.json)
    std::printf(
        "{\"bench\":\"transfer\",\"states\":%llu,\"mib\":%.0f,\"seconds\":%.2f,\"mib_per_s\":%.1f,\"bound_s\":%.2f,"
        "\"against_bound\":%.3f}\n",
        static_cast<unsigned long long>(states), moved, time, moved / time, bound, bound / time);
  else
    std::printf(
        "transfer    %llu states, %.0f MiB to an empty node in %.2f s: %.0f MiB/s; reading and writing as much: %.2f s "
        "(%.0f %%)\n",
        static_cast<unsigned long long>(states), moved, time, moved / time, bound, 100 * bound / time);
  std::fflush(stdout);
  return true;
}

}  // namespace keelson::bin
