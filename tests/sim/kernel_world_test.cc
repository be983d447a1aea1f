// The kernel itself in the World: a cluster elects, commits, answers, and survives what the World does to it.
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keelson/machine/kv/kv_codec.h"
#include "keelson/sim/kernel_programs.h"
#include "keelson/sim/roles.h"
#include "tests/lib/sim/stage.h"

namespace keelson::sim {
namespace {

struct Kernel {
  explicit Kernel(u16 nodes = 3, u16 clients = 1, TapeSource source = SeededTape{1}, u16 shards = 1, u32 groups = 1,
                  Limits limits = Limits::tiny(), Tunables tunables = Tunables::tiny())
      : tape(std::move(source)),
        machines(builtin_machines()),
        config{.cluster = test::echo_cluster,
               .population = {.nodes = nodes, .shards = shards, .clients = clients},
               .limits = limits,
               .client_limits = client_limits_of(limits),
               .tunables = tunables,
               .machines = &machines},
        programs(config, spread_groups(groups, nodes, nodes, machine_kv, machine_kv)),
        world(world_config(config), programs, tape),
        roles(world, {}) {
    world.add_observer(watch);
    world.set_reply_reader(&replies);
  }
  static WorldConfig world_config(const KernelConfig& kernel) {
    WorldConfig config;
    config.population = kernel.population;
    config.cluster = kernel.cluster;
    config.limits = kernel.limits;
    config.client_limits = kernel.client_limits;
    return config;
  }
  void put(u64 ticket, u64 group = 1, u16 client = 0) {
    std::array<std::byte, 128> buffer;
    const auto key = bytes_of(ticket);
    const Bytes body = encode_kv_put(buffer, key, key);
    world.submit(client, {Ticket(ticket), GroupId(group), kv_put, seconds(5)}, body);
  }
  bool answered(std::size_t count, Duration limit = seconds(10)) {
    return world.run_until([&] { return replies.got.size() >= count; }, limit);
  }
  std::string why() const {
    return world.violation() ? world.violation()->invariant + ": " + world.violation()->detail : "";
  }
  void expect_all_ok() {
    EXPECT_EQ(why(), "");
    for (const auto& reply : replies.got) EXPECT_EQ(reply.status, Status::ok) << reply.ticket;
    EXPECT_THAT(watch.complaints, testing::IsEmpty());
  }

  Tape tape;
  MachineRegistry machines;
  KernelConfig config;
  KernelPrograms programs;
  test::ContractWatch watch;
  test::Replies replies;
  World world;
  Roles roles;
};

TEST(KernelWorld, OneReplicaAnswers) {
  Kernel kernel(1);
  kernel.world.start_all();
  kernel.world.run_for(seconds(1));
  kernel.put(1);
  EXPECT_TRUE(kernel.answered(1)) << kernel.why();
  kernel.expect_all_ok();
}

TEST(KernelWorld, ThreeReplicasAnswerAndAgreeOnAPrimary) {
  Kernel kernel;
  kernel.world.start_all();
  kernel.world.run_for(seconds(1));
  ASSERT_TRUE(kernel.roles.primary()) << kernel.why();
  for (u64 i = 1; i <= 20; ++i) {
    kernel.put(i);
    ASSERT_TRUE(kernel.answered(i)) << i << ' ' << kernel.why();
  }
  kernel.expect_all_ok();
}

TEST(KernelWorld, APrimaryThatCrashesIsReplacedAndComesBack) {
  for (const CrashKind kind : {CrashKind::process, CrashKind::power}) {
    Kernel kernel;
    kernel.world.start_all();
    kernel.world.run_for(seconds(1));
    for (u64 i = 1; i <= 4; ++i) kernel.put(i);  // request_queue_max of tiny
    ASSERT_TRUE(kernel.answered(4)) << kernel.why();
    const NodeId first = *kernel.roles.primary();
    kernel.world.crash(first, kind);
    for (u64 i = 5; i <= 8; ++i) kernel.put(i);
    ASSERT_TRUE(kernel.answered(8)) << kernel.why();
    EXPECT_NE(kernel.roles.primary(), first);
    EXPECT_EQ(kernel.roles.old_primary(), first);
    kernel.world.start(first);
    kernel.world.run_for(seconds(3));
    kernel.put(9);
    EXPECT_TRUE(kernel.answered(9)) << kernel.why();
    kernel.expect_all_ok();
  }
}

TEST(KernelWorld, GroupsOnSeveralShardsAnswer) {
  Kernel kernel(3, 2, SeededTape{3}, 2, 4);
  kernel.world.start_all();
  kernel.world.run_for(seconds(1));
  for (u64 i = 1; i <= 12; ++i) kernel.put(i, 1 + i % 4, static_cast<u16>(i % 2));
  EXPECT_TRUE(kernel.answered(12)) << kernel.why();
  kernel.expect_all_ok();
}

TEST(KernelWorld, OneSeedIsOneRun) {
  const auto hash_of = [](u64 seed) {
    Kernel kernel(3, 1, SeededTape{seed});
    kernel.world.start_all();
    kernel.world.run_for(seconds(1));
    for (u64 i = 1; i <= 10; ++i) kernel.put(i);
    EXPECT_TRUE(kernel.answered(10)) << kernel.why();
    kernel.world.crash(NodeId(0), CrashKind::power);
    kernel.world.run_for(seconds(2));
    return hex(kernel.world.core().trace.hash());
  };
  EXPECT_EQ(hash_of(5), hash_of(5));
  EXPECT_NE(hash_of(5), hash_of(6));
}

}  // namespace
}  // namespace keelson::sim
