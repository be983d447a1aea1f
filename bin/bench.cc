// keelson bench: what the kernel costs, measured here and now.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "keelson/io/exit_code.h"
#include "keelson/sim/bench/lockstep.h"
#include "keelson/sim/memory.h"

#include "bench_storage.h"
#include "commands.h"
#include "instructions.h"

namespace keelson::bin {
namespace {

struct Options {
  std::vector<u32> requests_per_bag{1, 8, 64};
  u32 body = 1024;
  u32 keys = 1024;
  u64 ops = 200'000;
  u32 repeats = 5;
  bool json = false;
};

// Of one repetition. Time is CPU time of this thread: other programs disturb it less than the clock on the wall.
struct Sample {
  double ns_per_op = 0;
  double instructions_per_op = 0;  // 0: this machine does not count them
  double allocations_per_op = 0;
  double disk_bytes_per_op = 0;
  double wire_bytes_per_op = 0;
  std::vector<double> slices;  // ns per op of each slice, sorted
};

double cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Each repetition is a cluster of its own: a log only grows. Memory that a checkpoint needs is taken by the first two.
bool measure(const Options& options, u32 requests_per_bag, Sample& sample) {
  constexpr u64 slice_ops = 512;
  sim::LockstepConfig config;
  config.requests_per_bag = requests_per_bag;
  config.clients = std::min(config.limits.sessions_max, requests_per_bag * 8);
  config.value_bytes = options.body;
  config.keys = options.keys;
  config.limits.wal_segments = 1024;
  sim::Lockstep cluster(config);
  const u64 two_checkpoints = u64{9} * config.limits.checkpoint_ops / 4 * requests_per_bag;
  if (!cluster.run(std::max(options.ops / 10, two_checkpoints))) return false;

  sample.slices.reserve(options.ops / slice_ops + 1);
  InstructionCounter instructions;
  const u64 allocations = sim::allocations_so_far(), disk = cluster.bytes_written(), wire = cluster.bytes_sent();
  const u64 before = cluster.answered(), counted = instructions.read();
  const double begin = cpu_ns();
  for (double at = begin; cluster.answered() - before < options.ops;) {
    const u64 answered = cluster.answered();
    if (!cluster.run(slice_ops)) return false;
    const double now = cpu_ns();
    sample.slices.push_back((now - at) / static_cast<double>(cluster.answered() - answered));
    at = now;
  }
  const auto ops = static_cast<double>(cluster.answered() - before);
  sample.ns_per_op = (cpu_ns() - begin) / ops;
  sample.instructions_per_op = static_cast<double>(instructions.read() - counted) / ops;
  sample.allocations_per_op = static_cast<double>(sim::allocations_so_far() - allocations) / ops;
  sample.disk_bytes_per_op = static_cast<double>(cluster.bytes_written() - disk) / ops;
  sample.wire_bytes_per_op = static_cast<double>(cluster.bytes_sent() - wire) / ops;
  std::sort(sample.slices.begin(), sample.slices.end());
  return true;
}

double quantile(const Sample& sample, double q) {
  const auto last = static_cast<double>(sample.slices.size() - 1);
  return sample.slices[static_cast<std::size_t>(std::lround(q * last))];
}

long peak_rss_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void print_json(const Options& options, u32 requests_per_bag, const Sample& s, double min, double max) {
  std::printf(
      "{\"bench\":\"kernel\",\"requests_per_bag\":%u,\"body_bytes\":%u,\"keys\":%u,\"ops\":%llu,\"cpu_ns_per_op\":%.1f,"
      "\"cpu_ns_per_op_min\":%.1f,\"cpu_ns_per_op_max\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
      "\"instructions_per_op\":%.0f,\"allocations_per_op\":%.6f,\"disk_bytes_per_op\":%.0f,\"wire_bytes_per_op\":%.0f,"
      "\"peak_rss_kib\":%ld}\n",
      requests_per_bag, options.body, options.keys, static_cast<unsigned long long>(options.ops), s.ns_per_op, min, max,
      quantile(s, 0.5), quantile(s, 0.99), quantile(s, 0.999), s.instructions_per_op, s.allocations_per_op,
      s.disk_bytes_per_op, s.wire_bytes_per_op, peak_rss_kib());
}

void print_row(u32 requests_per_bag, const Sample& s, double min, double max) {
  char instructions[32] = "-";
  if (s.instructions_per_op > 0) std::snprintf(instructions, sizeof instructions, "%.0f", s.instructions_per_op);
  std::printf("%8u %8.0f %7.0f-%-7.0f %7.0f %7.0f %7.0f %8s %8.4f %8.0f %8.0f\n", requests_per_bag, s.ns_per_op, min,
              max, quantile(s, 0.5), quantile(s, 0.99), quantile(s, 0.999), instructions, s.allocations_per_op,
              s.disk_bytes_per_op, s.wire_bytes_per_op);
}

int bench_kernel(const Options& options) {
  if (!options.json)
    std::printf(
        "kernel: 3 replicas in one thread, no I/O, %u-byte values, %u keys, %llu ops, median of %u; per committed op\n"
        "requests      CPU         best-     slices of 512 ops, ns\n"
        " per bag       ns         worst     p50     p99   p99.9   instr.   allocs  to disk  on wire (bytes)\n",
        options.body, options.keys, static_cast<unsigned long long>(options.ops), options.repeats);
  for (const u32 requests_per_bag : options.requests_per_bag) {
    std::vector<Sample> samples(options.repeats);
    for (Sample& sample : samples)
      if (!measure(options, requests_per_bag, sample)) {
        std::cerr << "keelson bench kernel: the cluster stopped making progress\n";
        return io::exit_code::internal;
      }
    std::sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.ns_per_op < b.ns_per_op; });
    const Sample& median = samples[samples.size() / 2];
    const double min = samples.front().ns_per_op, max = samples.back().ns_per_op;
    options.json ? print_json(options, requests_per_bag, median, min, max)
                 : print_row(requests_per_bag, median, min, max);
    std::fflush(stdout);
  }
  if (!options.json)
    std::printf("peak RSS %.1f MiB (a log of %llu ops in memory, three times)\n",
                static_cast<double>(peak_rss_kib()) / 1024, static_cast<unsigned long long>(options.ops));
  return 0;
}

// ---------------------------------------------------------------- many groups on one log

struct GroupsOptions {
  std::vector<u32> groups{1, 16, 256};
  u32 requests_per_bag = 64;
  u32 requests_per_prepare = 1;
  u32 body = 1024;
  u64 ops = 100'000;
  bool json = false;
};

u64 resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  u64 size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<u64>(::sysconf(_SC_PAGESIZE));
}

// Taken with operator new and not given back, whatever of it was ever touched.
u64 heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct GroupsSample {
  double ns_per_op = 0;
  double flushes_per_bag = 0;
  double disk_bytes_per_op = 0;  // of one node
  u64 asleep_bytes = 0;          // resident, all nodes, when all groups sleep again
  u64 asleep_heap = 0;           // allocated of them
  double asleep_sent = 0;        // bytes that one node sends per second meanwhile
  double asleep_us = 0;          // ... and microseconds of CPU that it takes
};

constexpr u32 turns_per_s = 1000;  // 64,000 requests per second, about what three real nodes answer

// The requests of a bag go to as many groups as there are: at most one each, while there are more groups than requests.
bool measure_groups(const GroupsOptions& options, u32 groups, GroupsSample& sample) {
  sim::LockstepConfig config;
  config.groups = groups;
  config.requests_per_bag = options.requests_per_bag;
  config.clients = std::max(options.requests_per_bag * 8, groups);
  config.value_bytes = options.body;
  config.keys = groups;
  config.turn_time = seconds(1) / turns_per_s;
  config.limits.wal_segments = 1024;
  config.limits.batch_requests_max = options.requests_per_prepare;
  ::malloc_trim(0);
  const u64 before_any = resident_bytes(), heap_before = heap_bytes();
  sim::Lockstep cluster(config);
  if (!cluster.run(config.clients + groups)) return false;
  cluster.idle(5 * turns_per_s);
  ::malloc_trim(0);
  sample.asleep_bytes = resident_bytes() - before_any;
  sample.asleep_heap = heap_bytes() - heap_before;
  const u64 sent = cluster.bytes_sent();
  const double asleep = cpu_ns();
  cluster.idle(turns_per_s);
  sample.asleep_us = (cpu_ns() - asleep) / 1000 / config.nodes;
  sample.asleep_sent = static_cast<double>(cluster.bytes_sent() - sent) / config.nodes;

  if (!cluster.run(options.ops / 4)) return false;
  const u64 answered = cluster.answered(), bags = cluster.bags(), flushes = cluster.flushes();
  const u64 disk = cluster.bytes_written();
  const double begin = cpu_ns();
  if (!cluster.run(options.ops)) return false;
  const auto ops = static_cast<double>(cluster.answered() - answered);
  sample.ns_per_op = (cpu_ns() - begin) / ops;
  sample.flushes_per_bag =
      static_cast<double>(cluster.flushes() - flushes) / static_cast<double>(cluster.bags() - bags);
  sample.disk_bytes_per_op = static_cast<double>(cluster.bytes_written() - disk) / ops / config.nodes;
  return true;
}

int bench_groups(const GroupsOptions& options) {
  if (!options.json)
    std::printf(
        "groups: 3 replicas of each in one thread, no I/O, %u-byte values, %u requests per bag, %u per prepare, %llu "
        "ops\n"
        "  groups   CPU ns  against  flushes   to one disk | asleep: MiB  a replica: bytes   bytes sent  CPU us\n"
        "           per op    first  per bag  bytes per op |   per node  resident    heap        per s   per s\n",
        options.body, options.requests_per_bag, options.requests_per_prepare,
        static_cast<unsigned long long>(options.ops));
  double first = 0;
  double base_bytes = 0, base_heap = 0;
  u32 base_groups = 0;
  for (const u32 groups : options.groups) {
    GroupsSample s;
    if (!measure_groups(options, groups, s)) {
      std::cerr << "keelson bench groups: the cluster stopped making progress\n";
      return io::exit_code::internal;
    }
    if (first == 0) {
      first = s.ns_per_op;
      base_bytes = static_cast<double>(s.asleep_bytes);
      base_heap = static_cast<double>(s.asleep_heap);
      base_groups = groups;
    }
    const double more = 3.0 * (groups - base_groups);
    const double each = groups > base_groups ? (static_cast<double>(s.asleep_bytes) - base_bytes) / more : 0;
    const double heap = groups > base_groups ? (static_cast<double>(s.asleep_heap) - base_heap) / more : 0;
    const double mib = static_cast<double>(s.asleep_bytes) / 3 / (1 << 20);
    if (options.json)
      std::printf(
          "{\"bench\":\"groups\",\"groups\":%u,\"requests_per_bag\":%u,\"requests_per_prepare\":%u,"
          "\"body_bytes\":%u,\"ops\":%llu,\"cpu_ns_per_op\":%.1f,\"speed_against_first\":%.3f,"
          "\"flushes_per_bag\":%.3f,\"disk_bytes_per_op\":%.0f,\"asleep_mib_per_node\":%.1f,"
          "\"asleep_bytes_per_replica\":%.0f,\"asleep_heap_per_replica\":%.0f,\"asleep_bytes_sent_per_s\":%.0f,"
          "\"asleep_cpu_us_per_s\":%.0f}\n",
          groups, options.requests_per_bag, options.requests_per_prepare, options.body,
          static_cast<unsigned long long>(options.ops), s.ns_per_op, first / s.ns_per_op, s.flushes_per_bag,
          s.disk_bytes_per_op, mib, each, heap, s.asleep_sent, s.asleep_us);
    else
      std::printf("%8u %8.0f %7.0f%% %8.3f %13.0f | %10.1f %9.0f %7.0f %12.0f %7.0f\n", groups, s.ns_per_op,
                  100 * first / s.ns_per_op, s.flushes_per_bag, s.disk_bytes_per_op, mib, each, heap, s.asleep_sent,
                  s.asleep_us);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto* bench = app.add_subcommand("bench", "measure the kernel and the simulator on this machine");
  bench->require_subcommand(1);
  auto* kernel = bench->add_subcommand("kernel", "three replicas in one thread, a perfect driver, no I/O");
  auto options = std::make_shared<Options>();
  kernel->add_option("--requests-per-bag", options->requests_per_bag, "requests that reach the primary in one turn")
      ->check(CLI::Range(1, 128))
      ->capture_default_str();
  kernel->add_option("--body", options->body, "bytes of a value")->check(CLI::Range(1, 60'000))->capture_default_str();
  kernel->add_option("--keys", options->keys, "keys written in turn")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  kernel->add_option("--ops", options->ops, "operations of one repetition")
      ->check(CLI::Range(1000, 900'000))
      ->capture_default_str();
  kernel->add_option("--repeats", options->repeats, "repetitions; the median is shown")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  kernel->add_flag("--json", options->json, "one JSON object per row");
  kernel->callback([options, &exit_code] { exit_code = bench_kernel(*options); });

  auto* groups = bench->add_subcommand("groups", "many groups that share one log: speed, flushes and memory of each");
  auto many = std::make_shared<GroupsOptions>();
  groups->add_option("--groups", many->groups, "how many, one row each; the first is what others are compared with")
      ->check(CLI::Range(1u, Limits::standard().groups_max))
      ->capture_default_str();
  groups->add_option("--requests-per-bag", many->requests_per_bag, "requests that reach the primaries in one turn")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  groups->add_option("--requests-per-prepare", many->requests_per_prepare, "at most; 1: every group prepares as much")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  groups->add_option("--body", many->body, "bytes of a value")->check(CLI::Range(1, 60'000))->capture_default_str();
  groups->add_option("--ops", many->ops, "operations of a row")
      ->check(CLI::Range(1000, 900'000))
      ->capture_default_str();
  groups->add_flag("--json", many->json, "one JSON object per row");
  groups->callback([many, &exit_code] { exit_code = bench_groups(*many); });
  add_bench_storage(*bench, exit_code);
  add_bench_sim(*bench, exit_code);
}

}  // namespace keelson::bin
