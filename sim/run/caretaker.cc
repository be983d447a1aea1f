#include "keelson/sim/run/caretaker.h"

#include "keelson/node/shard.h"

namespace keelson::sim {
namespace {

constexpr u32 refusals_max = 3;
constexpr Duration restart_after = milliseconds(500);
constexpr u64 restart_token = u64{1} << 32;

bool stopped(const Program* program) {
  if (!program || !program->shard()) return false;
  return program->shard()->state() == ShardState::poisoned || program->shard()->state() == ShardState::refused;
}

// A group can't use its data and nobody else has them: whoever looked after the disk starts the node again.
bool lacks_data(const Program* program) {
  if (!program || !program->shard()) return false;
  for (std::size_t i = 0; i < program->group_count(); ++i)
    if (program->group(i).fenced == FenceReason::log_damaged) return true;
  return false;
}

}  // namespace

Caretaker::Caretaker(World& world) : world_(world), nodes_(world.population().nodes) { world.add_observer(*this); }

void Caretaker::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || !seen.program.shard()) return;
  Node& node = nodes_[seen.node.raw()];
  if (seen.program.shard()->state() == ShardState::ready) node.refusals = 0;
  if (!node.busy && stopped(&seen.program) && node.refusals < refusals_max) stop(seen.node);
}

// Not from inside a turn.
void Caretaker::stop(NodeId node) {
  nodes_[node.raw()].busy = true;
  nodes_[node.raw()].boot = world_.boots(node);
  world_.core().schedule(world_.now(), Rank::process, *this, node.raw());
}

void Caretaker::on_time(u64 token) {
  const NodeId id(static_cast<u16>(token & 0xffff));
  Node& node = nodes_[id.raw()];
  const bool same_life = world_.boots(id) == node.boot;
  if (token >= restart_token) {
    node.busy = false;
    if (same_life && world_.state(id) == HostState::down) world_.start(id);
    return;
  }
  if (!same_life || world_.state(id) == HostState::down) {
    node.busy = false;
    return;
  }
  ++node.refusals;
  world_.crash(id, CrashKind::process);
  world_.core().schedule(world_.now() + restart_after, Rank::process, *this, restart_token | id.raw());
}

void Caretaker::try_again() {
  for (u16 n = 0; n < world_.population().nodes; ++n) {
    const NodeId node(n);
    nodes_[n].refusals = 0;
    if (nodes_[n].busy || world_.state(node) != HostState::up) continue;
    for (u16 s = 0; s < world_.population().shards; ++s) {
      const Program* program = world_.program(node, ShardId(s));
      if (!nodes_[n].busy && (stopped(program) || lacks_data(program))) stop(node);
    }
  }
}

}  // namespace keelson::sim
