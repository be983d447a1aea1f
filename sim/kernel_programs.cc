#include "keelson/sim/kernel_programs.h"

#include <algorithm>

#include "keelson/base/checksum.h"
#include "keelson/store/format.h"
#include "keelson/store/layout.h"

namespace keelson::sim {
namespace {

constexpr Generation first_generation{1};
constexpr std::size_t digested_groups_max = 8;

class ShardProgram final : public Program {
 public:
  ShardProgram(const ShardConfig& config, Slabs& slabs) : shard_(config, slabs) {}

  void step(const EventBag& in, EffectBag& out) override { shard_.step(in, out); }
  Instant deadline() const override { return shard_.deadline(); }
  Life life() const override { return shard_.life(); }
  // What the protocol has decided, of the first groups: a divergence in anything else shows in messages.
  Digest digest() const override {
    std::array<u64, digested_groups_max * 6> words{};
    const std::size_t count = std::min(shard_.group_count(), digested_groups_max);
    for (std::size_t i = 0; i < count; ++i) {
      const GroupView view = shard_.view(i);
      const u64 facts[] = {
          view.group.raw(),      u64{view.view.raw()} << 32 | view.log_view.raw(),
          view.head.raw(),       view.commit_min.raw(),
          view.commit_max.raw(), u64{static_cast<u8>(view.status)} << 8 | static_cast<u8>(view.fenced)};
      std::copy(std::begin(facts), std::end(facts), words.begin() + static_cast<std::ptrdiff_t>(i * 6));
    }
    return digest_of(std::as_bytes(std::span(words)));
  }
  std::size_t group_count() const override { return shard_.group_count(); }
  GroupView group(std::size_t index) const override { return shard_.view(index); }
  const Shard* shard() const override { return &shard_; }

 private:
  Shard shard_;
};

class ClientProgram final : public Program {
 public:
  ClientProgram(const ClientConfig& config, Slabs& slabs) : client_(config, slabs) {}

  void step(const EventBag& in, EffectBag& out) override { client_.step(in, out); }
  Instant deadline() const override { return client_.deadline(); }
  Digest digest() const override { return {client_.outstanding(), 0}; }
  const Client* client() const override { return &client_; }

 private:
  Client client_;
};

}  // namespace

std::vector<GroupConfig> spread_groups(u32 groups, u16 replicas, u16 nodes, MachineKind machine, MachineKind metadata) {
  std::vector<GroupConfig> configs;
  for (u32 i = 0; i <= groups; ++i) {
    const bool last = i == groups;
    GroupConfig config{
        .group = last ? metadata_group : GroupId(i + 1), .machine = last ? metadata : machine, .members = {}};
    config.members = Vec<NodeId>(replicas);
    for (u16 r = 0; r < replicas; ++r) {
      const u32 first = last ? 0 : i;
      config.members.push_back(NodeId(static_cast<u16>((first + r) % nodes)));
    }
    configs.push_back(std::move(config));
  }
  return configs;
}

KernelPrograms::KernelPrograms(const KernelConfig& config, std::vector<GroupConfig> groups)
    : config_(config), groups_(std::move(groups)), generations_(config.population.nodes, first_generation) {
  check(config_.machines != nullptr);
}

std::unique_ptr<Program> KernelPrograms::make_shard(NodeId node, ShardId shard, Slabs& slabs) {
  const ShardConfig config{.cluster = config_.cluster,
                           .node = node,
                           .generation = generations_[node.raw()],
                           .shard = shard,
                           .shard_count = config_.population.shards,
                           .limits = config_.limits,
                           .tunables = config_.tunables,
                           .groups = groups_,
                           .machines = config_.machines};
  return std::make_unique<ShardProgram>(config, slabs);
}

std::unique_ptr<Program> KernelPrograms::make_client(const ClientStart& start, Slabs& slabs) {
  const ClientConfig config{.cluster = config_.cluster,
                            .id = start.id,
                            .node_count = config_.population.nodes,
                            .limits = config_.client_limits,
                            .tunables = config_.tunables,
                            .seed = start.seed,
                            .timeout = config_.client_timeout};
  return std::make_unique<ClientProgram>(config, slabs);
}

DiskShape KernelPrograms::disk_shape() const {
  const auto layout = StoreLayout::of(config_.limits);
  DiskShape shape{.writes_in_flight_max = config_.limits.writes_max(),
                  .reads_in_flight_max = config_.limits.reads_max()};
  for (const Zone zone : {Zone::superblock, Zone::wal, Zone::index, Zone::checkpoint})
    shape.zone_bytes[static_cast<std::size_t>(zone)] = layout.zone_bytes(zone);
  return shape;
}

void KernelPrograms::format(NodeId node, ShardId shard, Disk& disk) {
  std::vector<std::byte> zone(StoreLayout::of(config_.limits).superblock_bytes);
  format_superblock({.cluster = config_.cluster,
                     .node = node,
                     .generation = generations_[node.raw()],
                     .shard = shard,
                     .shard_count = config_.population.shards,
                     .limits = config_.limits},
                    zone);
  disk.zone(Zone::superblock).write(0, zone);
}

void KernelPrograms::replace(NodeId node) {
  Generation& generation = generations_[node.raw()];
  generation = Generation(generation.raw() + 1);
}

Limits client_limits_of(const Limits& limits) {
  Limits small = limits;
  small.slabs_small = std::min(limits.slabs_small, 256u);
  small.slabs_page = std::min(limits.slabs_page, 64u);
  small.slabs_batch = std::min(limits.slabs_batch, 16u);
  small.slabs_message = std::min(limits.slabs_message, 8u);
  return small;
}

}  // namespace keelson::sim
