#include "keelson/node/shard.h"

#include "keelson/node/shard_impl.h"

namespace keelson {

Shard::Shard(const ShardConfig& config, Slabs& slabs) : impl_(new Impl(config, slabs)) {}
Shard::~Shard() = default;

void Shard::step(const EventBag& in, EffectBag& out) { impl_->step(in, out); }
Instant Shard::deadline() const { return impl_->deadline(); }
ShardState Shard::state() const { return impl_->state; }
const ShardRefusal& Shard::refusal() const { return impl_->refusal; }
Life Shard::life() const { return {impl_->config.generation, impl_->incarnation}; }
const Counters& Shard::counters() const { return impl_->counters; }

ShardId Shard::owner_of(GroupId group, u16 shard_count) {
  if (group == metadata_group) return ShardId(0);
  return ShardId(static_cast<u16>(group.raw() % shard_count));
}

std::size_t Shard::group_count() const { return impl_->replicas.size(); }
GroupView Shard::view(std::size_t index, bool with_digest) const {
  return impl_->replicas[index]->view(impl_->now, impl_->clock, with_digest);
}
CommittedOp Shard::committed(std::size_t index, Op op) const { return impl_->replicas[index]->committed(op); }
u64 Shard::missing(std::size_t index) const { return impl_->replicas[index]->missing(); }

void Shard::check_invariants() const {
  if (impl_->state != ShardState::ready) return;
  for (const auto& replica : impl_->replicas) {
    replica->check_invariants();
    replica->check_timers(impl_->timers);
  }
}

}  // namespace keelson
