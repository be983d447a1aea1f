// Whatever the faults, a World keeps its promises to programs, forgets nothing it should return, and is a function of
// its seed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "keelson/base/random.h"
#include "keelson/sim/world.h"
#include "tests/lib/sim/contract.h"
#include "tests/lib/sim/echo.h"

namespace keelson::sim {
namespace {

Settings wild_settings(Prng& prng) {
  Settings s;
  const auto sometimes = [&prng](u64 ppm_max) { return prng.below(2) == 0 ? u64{0} : prng.below(ppm_max); };
  s.network.mode = static_cast<LinkMode>(prng.below(3));
  s.network.delay_mean = Duration(prng.below(20'000'000));
  s.network.loss_ppm = sometimes(300'000);
  s.network.duplicate_ppm = sometimes(300'000);
  s.network.reorder_ppm = sometimes(300'000);
  s.network.ghost_ppm = sometimes(10'000);
  s.network.slow_ppm = sometimes(10'000);
  s.network.corrupt_ppm = sometimes(10'000);
  s.network.reset_ppm = sometimes(20'000);
  s.network.half_open_max = Duration(sometimes(5'000'000'000));
  s.network.connect_fail_ppm = sometimes(300'000);
  s.network.bandwidth_bytes_per_s = sometimes(1'000'000);
  s.network.send_queue_bytes = 2'000 + prng.below(100'000);
  s.disk.write_mean = Duration(prng.below(20'000'000));
  s.disk.stall_ppm = sometimes(10'000);
  s.disk.stall_max = seconds(1);
  s.clock.drift_ppm_max = sometimes(10'000);
  s.clock.timer_late_mean = Duration(sometimes(20'000'000));
  s.clock.huge_base = prng.below(4) == 0;
  s.mailbox.delay_mean = Duration(prng.below(5'000'000));
  s.mailbox.drop_ppm = sometimes(50'000);
  s.turn.turn = Duration(prng.below(50'000));
  s.turn.event = Duration(prng.below(5'000));
  s.turn.bag_split_ppm = sometimes(1'000'000);
  s.turn.bag_shuffle_ppm = sometimes(1'000'000);
  s.turn.effect_shuffle_ppm = sometimes(1'000'000);
  s.turn.tie_shuffle_ppm = sometimes(1'000'000);
  return s;
}

struct Outcome {
  std::string hash;
  std::string violation;
  std::vector<std::string> complaints;
  u64 parcels = 0;
  bool operator==(const Outcome&) const = default;
};

class Havoc {
 public:
  Havoc(World& world, Prng& prng) : world_(world), prng_(prng) {}

  void something() {
    const NodeId node(static_cast<u16>(prng_.below(world_.population().nodes)));
    const auto kind = prng_.below(2) == 0 ? CrashKind::process : CrashKind::power;
    const u16 hosts = world_.population().hosts();
    const HostPair pair{HostId(static_cast<u16>(prng_.below(hosts))), HostId(static_cast<u16>(prng_.below(hosts)))};
    switch (prng_.below(14)) {
      case 0:
        return world_.crash(node, kind);
      case 1:
        return running(node) ? world_.crash_after_turn(node, kind) : void();
      case 2:
        return running(node) ? world_.crash_in_write(node, kind) : void();
      case 3:
      case 4:
      case 5:
        return running(node) ? void() : world_.start(node);
      case 6:
        return world_.pause(node);
      case 7:
        return world_.resume(node);
      case 8:
        if (world_.client_state(0) == HostState::up) return world_.crash_client(0);
        return world_.start_client(0);
      case 9:
        world_.network().block(pair);
        return blocked_.push_back(pair);
      case 10:
        if (blocked_.empty()) return;
        world_.network().unblock(blocked_.back());
        return blocked_.pop_back();
      case 11:
        return world_.stall(node, ShardId(0), milliseconds(prng_.below(500)));
      case 12:
        return world_.set_drift(HostId(node.raw()), static_cast<std::int64_t>(prng_.below(1000)) - 500);
      default:
        return world_.network().reset(pair.from, pair.to);
    }
  }
  void calm() {
    for (const HostPair pair : blocked_) world_.network().unblock(pair);
    blocked_.clear();
    for (u16 n = 0; n < world_.population().nodes; ++n) {
      world_.resume(NodeId(n));
      if (!running(NodeId(n))) world_.start(NodeId(n));
    }
    if (world_.client_state(0) != HostState::up) world_.start_client(0);
  }

 private:
  bool running(NodeId node) const {
    return world_.state(node) == HostState::up || world_.state(node) == HostState::paused;
  }
  World& world_;
  Prng& prng_;
  std::vector<HostPair> blocked_;
};

Outcome run(u64 seed) {
  Prng prng(seed);
  test::EchoOptions options;
  options.nodes = static_cast<u16>(1 + prng.below(4));
  options.shards = static_cast<u16>(1 + prng.below(3));
  WorldConfig config;
  config.population = {.nodes = options.nodes, .shards = options.shards, .clients = 2};
  config.cluster = test::echo_cluster;
  config.limits = options.limits;
  config.client_limits = options.limits;
  config.settings = wild_settings(prng);
  config.settings.crash.mid_bag_ppm = 500'000;
  Tape tape(SeededTape{seed});
  test::EchoPrograms programs(options);
  test::ContractWatch watch;
  World world(config, programs, tape);
  world.add_observer(watch);
  world.start_all();
  Havoc havoc(world, prng);
  const std::vector<std::byte> body(300, std::byte{1});
  for (u64 i = 0; i < 200 && !world.violation(); ++i) {
    world.run_for(Duration(prng.below(60'000'000)));
    if (world.violation()) break;
    havoc.something();
    const u16 client = static_cast<u16>(prng.below(2));
    if (world.client_state(client) == HostState::up)
      world.submit(client, {Ticket(i + 1), GroupId(1), Operation(0x200), seconds(2)}, body);
  }
  Outcome outcome;
  if (!world.violation()) {
    world.run_for(milliseconds(200));  // armed crashes come within that time
    havoc.calm();
    world.set_settings({});
    world.run_for(seconds(70));  // the last ghost is gone
    for (u16 a = 0; a < options.nodes; ++a)
      for (u16 b = 0; b < options.nodes; ++b)
        if (a != b && !world.network().connected(world.population().unit_of(NodeId(a), ShardId(0)),
                                                 world.population().unit_of(NodeId(b), ShardId(0))))
          watch.complaints.push_back("after healing, nodes are not connected");
    for (u16 n = 0; n < options.nodes; ++n) world.crash(NodeId(n), CrashKind::process);
    for (u16 c = 0; c < 2; ++c) world.crash_client(c);
    world.run_for(seconds(100));  // what crawled over the slowest link is gone, too
    outcome.parcels = world.core().parcels.in_use();
  }
  outcome.hash = hex(world.core().trace.hash());
  if (world.violation()) outcome.violation = world.violation()->invariant + ": " + world.violation()->detail;
  outcome.complaints = watch.complaints;
  return outcome;
}

RC_GTEST_PROP(World, KeepsItsPromisesUnderEveryFault, ()) {
  const u64 seed = *rc::gen::arbitrary<u64>();
  const Outcome outcome = run(seed);
  RC_LOG() << "seed " << seed << " " << outcome.violation;
  for (const auto& complaint : outcome.complaints) RC_LOG() << complaint << "\n";
  RC_ASSERT(outcome.violation.empty());
  RC_ASSERT(outcome.complaints.empty());
  RC_ASSERT(outcome.parcels == 0u);
  if (seed % 4 == 0) RC_ASSERT(run(seed) == outcome);
}

}  // namespace
}  // namespace keelson::sim
