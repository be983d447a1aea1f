#include "keelson/node/shard_impl.h"

#include <algorithm>

#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

Vec<GroupConfig> sorted_copy(std::span<const GroupConfig> given) {
  Vec<GroupConfig> groups(given.size());
  for (const auto& g : given) {
    Vec<NodeId> members(g.members.size());
    for (const NodeId m : g.members) members.push_back(m);
    groups.push_back(GroupConfig{g.group, g.machine, std::move(members)});
  }
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.group < b.group; });
  return groups;
}

// Time is agreed among the voters of the metadata group; without one, of the first group.
std::span<const NodeId> clock_voters(const Vec<GroupConfig>& groups) {
  check(!groups.empty());
  for (const auto& g : groups)
    if (g.group == metadata_group) return g.members;
  return groups[0].members;
}

u16 node_count(const Vec<GroupConfig>& groups) {
  u16 count = 0;
  for (const auto& g : groups)
    for (const NodeId m : g.members) count = std::max(count, static_cast<u16>(m.raw() + 1));
  return count;
}

bool contains(const Vec<NodeId>& members, NodeId node) { return std::ranges::find(members, node) != members.end(); }

constexpr u64 boot_seed = 0x6b65656c736f6e;

}  // namespace

Shard::Impl::Impl(const ShardConfig& given, Slabs& pool)
    : config(given),
      groups(sorted_copy(given.groups)),
      slabs(pool),
      timers((given.limits.groups_max + 1) * Replica::timer_count),
      chunks(given.limits.log_entries_max),
      clock(given.tunables, given.node, clock_voters(groups)),
      checkpoints(config.limits, io_ids, counters),
      replicas(given.limits.groups_max + 1),
      ids(given.limits.groups_max + 1),
      touched(given.limits.groups_max + 1),
      beating(given.limits.groups_max + 1),
      entries(given.limits.groups_max + 1),
      outbox(node_count(groups), given.limits.outbox_entries_max()),
      scratch(config.limits),
      stored(given.limits.wal_batches_in_flight_max * given.limits.wal_batch_records_max),
      loaded(given.limits.reads_in_flight_max),
      peers(node_count(groups)) {
  check(config.machines != nullptr && config.shard_count > 0 && config.shard.raw() < config.shard_count);
}

// Replicas hold references into the pools and the WAL: they go first.
Shard::Impl::~Impl() { replicas.clear(); }

void Shard::Impl::step(const EventBag& in, EffectBag& out) {
  check(in.now >= now);
  now = in.now;
  applies_left = config.limits.applies_per_step_max;
  if (in.wall) clock.sample_wall(now, *in.wall);
  for (const auto& event : in.node) on_node_event(event, out);
  for (const auto& completion : in.completions) on_completion(completion, out);
  for (const auto& event : in.peers) on_peer_event(event, out);
  for (const auto& event : in.frames) on_frame(event, out);
  for (const auto& envelope : in.messages) on_message(envelope, out);
  if (state == ShardState::booting && wal) start_replicas(out);
  if (state == ShardState::booting || state == ShardState::refused) return;
  run_timers(out);
  finish(out);
}

Instant Shard::Impl::deadline() const {
  if (unfinished) return now;
  if (state == ShardState::booting || state == ShardState::refused) return Instant::never();
  return std::min(
      {timers.deadline(), beat_at, wake_at, wal->deadline(), clock.deadline(), reclaim_at, scrub_at, probe_at});
}

Turn Shard::Impl::turn(EffectBag& out) {
  return {now, out, outbox, *wal, checkpoints, clock, timers, slabs, prng, counters, applies_left};
}

Replica* Shard::Impl::find(GroupId group) {
  const u32 i = index_of(group);
  return i < replicas.size() ? replicas[i].get() : nullptr;
}

// The number of replicas: it isn't here.
u32 Shard::Impl::index_of(GroupId group) const {
  const auto at = std::lower_bound(ids.begin(), ids.end(), group);
  return static_cast<u32>((at != ids.end() && *at == group ? at : ids.end()) - ids.begin());
}

Replica* Shard::Impl::touch(GroupId group) {
  const u32 i = index_of(group);
  if (i == replicas.size()) return nullptr;
  touched.insert(i);
  return replicas[i].get();
}

bool Shard::Impl::is_mine(const GroupConfig& group) const {
  return contains(group.members, config.node) && owner_of(group.group, config.shard_count) == config.shard;
}

void Shard::Impl::on_node_event(const NodeEvent& event, EffectBag& out) {
  if (const Boot* boot = std::get_if<Boot>(&event)) {
    check(!recovery && !wal);
    booted = now;
    u64 seed = boot_seed;
    for (const u64 word : boot->entropy) seed = Prng(seed ^ word).next();
    prng = Prng(seed);
    claim.tag = static_cast<u16>(prng.next());
    Vec<RecoveryConfig::Group> mine(groups.size());
    for (const auto& g : groups)
      if (is_mine(g)) mine.push_back({g.group, static_cast<u8>(g.members.size())});
    recovery =
        std::make_unique<Recovery>(RecoveryConfig{config.cluster, config.node, config.generation, config.shard,
                                                  config.shard_count, config.limits, config.tunables, mine.span()},
                                   slabs, chunks, io_ids, counters);
    recovery->start(now, out);
    return;
  }
  const Control* control = std::get_if<Control>(&event);
  if (!control || state != ShardState::ready) return;
  if (Replica* replica = touch(control->group)) {
    Turn t = turn(out);
    if (control->verb == ControlVerb::transfer) replica->transfer(t);
  }
}

void Shard::Impl::on_completion(const Completion& completion, EffectBag& out) {
  if (recovery) {
    const bool known = recovery->on_completion(now, completion, out);
    check(known);
    if (recovery->state() == Recovery::State::done) open();
    if (recovery && recovery->state() == Recovery::State::refused) {
      state = ShardState::refused;
      refusal = recovery->refusal();
      out.notifications.push_back({NotifyKind::refused, no_group, 0, 0});
    }
    return;
  }
  if (const auto done = checkpoints.on_completion(completion)) {
    Turn t = turn(out);
    if (Replica* replica = touch(done->group)) replica->on_checkpoint_io(t, *done);
    if (checkpoints.failed()) poison(t);
    return;
  }
  if (on_superblock(completion, out)) return;
  if (index_scrub->on_completion(completion)) return;
  stored.clear();
  loaded.clear();
  const bool known = wal->on_completion(now, completion, stored, loaded, out);
  check(known);
  claim.stored = wal->reported();
  Turn t = turn(out);
  for (const auto& record : stored)
    if (!hold_promise(record))
      if (Replica* replica = touch(record.group)) replica->on_stored(t, record);
  for (const auto& record : loaded)
    if (Replica* replica = touch(record.group)) replica->on_loaded(t, record);
  loaded.clear();
  if (wal->poisoned()) poison(t);
}

void Shard::Impl::poison(Turn& t) {
  if (state == ShardState::poisoned) return;
  state = ShardState::poisoned;
  for (u32 i = 0; i < replicas.size(); ++i) {
    replicas[i]->on_poisoned(t);
    touched.insert(i);
  }
}

// What a live checkpoint reaches is taken before anything is written. Two that claim one block contradict each other:
// the later group starts from its log.
void Shard::Impl::take_blocks(RecoveredGroup& found) {
  if (!found.has_checkpoint) return;
  Blocks& blocks = checkpoints.blocks();
  Vec<BlockRun> taken;
  const auto take = [&](const BlockRun& run) {
    if (!blocks.take(run)) return false;
    push_growing(taken, run);
    return true;
  };
  const auto table_blocks = static_cast<u32>(blocks_for(found.checkpoint.table_bytes));
  bool ok = true;
  for (const u32 first : found.checkpoint.table_block) ok = ok && take({first, table_blocks});
  for (const auto& section : found.table.sections)
    for (const BlockRun& run : section.runs) ok = ok && take(run);
  if (ok) return;
  for (const BlockRun& run : taken) blocks.free(run);
  found.has_checkpoint = false;
  found.checkpoint_damaged = true;
  counters.hit(Mark::checkpoint_damaged);
}

void Shard::Impl::open() {
  incarnation = recovery->incarnation();
  wal = recovery->make_wal();
  if (recovery->knows_end()) claim.first = recovery->first_batch();
  superblock = recovery->take_superblock();
  bool hides_blocks = false;
  for (const auto& g : groups) {
    if (!is_mine(g)) continue;
    check(!replicas.full());
    Vec<NodeId> members(g.members.size());
    for (const NodeId m : g.members) {
      members.push_back(m);
      if (m != config.node) peers.add_member(m);
    }
    AnyMachine machine = config.machines->make(g.machine, config.limits);
    check(static_cast<bool>(machine));
    RecoveredGroup found = recovery->take_group(g.group);
    take_blocks(found);
    hides_blocks = hides_blocks || rules::hides_blocks(found.checkpoint_damaged, found.log_damaged);
    found.amnesiac = found.amnesiac || rules::has_forgotten(config.generation, members.size());
    replicas.push_back(
        std::make_unique<Replica>(ReplicaConfig{config.cluster, config.node, incarnation, config.shard, g.group,
                                                std::move(members), claim, config.limits, config.tunables},
                                  std::move(found), std::move(machine), timers, prng, scratch));
    ids.push_back(g.group);
    touched.insert(static_cast<u32>(replicas.size() - 1));
  }
  if (hides_blocks) checkpoints.blocks().take_rest();
  recovery.reset();
  index_scrub = std::make_unique<IndexScrub>(config.limits, page_seed(config.cluster, config.shard), io_ids);
}

// As many as the bag has room for; the next step goes on.
void Shard::Impl::start_replicas(EffectBag& out) {
  Turn t = turn(out);
  while (started < replicas.size() && !is_crowded(out)) replicas[started++]->start(t);
  unfinished = started < replicas.size();
  if (unfinished) return;
  state = ShardState::ready;
  scrub_at = now + config.tunables.scrub_pace;
  beat_at = now;
  for (u16 n = 0; n < peers.count(); ++n)
    if (Peers::Peer* peer = peers.find(NodeId(n))) peer->heard = now;
  out.notifications.push_back({NotifyKind::ready, no_group, incarnation.raw(), replicas.size()});
}

void Shard::Impl::on_peer_event(const PeerEvent& event, EffectBag& out) {
  if (!event.peer.is_node() || event.peer.node_id().raw() >= peers.count()) return;
  const NodeId node = event.peer.node_id();
  Peers::Peer* peer = peers.find(node);
  if (!peer || state != ShardState::ready) return;
  Turn t = turn(out);
  switch (event.kind) {
    case PeerEventKind::connected:
      peer->connected = true;
      meet(node, event.life.incarnation, out);
      for (u32 i = 0; i < replicas.size(); ++i)
        if (replicas[i]->on_peer_connected(t, node)) touched.insert(i);
      return;
    case PeerEventKind::lost:
      peer->connected = false;
      peer->silent_at = std::min(peer->silent_at, now + config.tunables.primary_lost);
      for (u32 i = 0; i < replicas.size(); ++i)
        if (replicas[i]->on_peer_lost(t, node)) touched.insert(i);
      return;
    case PeerEventKind::client_connected:
    case PeerEventKind::client_lost:
    case PeerEventKind::send_dropped:
      return;  // what was dropped is sent again by whoever needs it
  }
}

void Shard::Impl::run_timers(EffectBag& out) {
  if (clock.deadline() <= now) clock.on_deadline(now);
  if (wal->deadline() <= now) wal->on_deadline(now, out);
  Turn t = turn(out);
  Timers::Due due;
  while (!is_crowded(out) && timers.pop_due(now, due))
    if (Replica* replica = touch(GroupId(due.owner))) replica->on_timer(t, due.kind);
}

// No room for all that one more replica may say at once: the next step goes on.
bool Shard::Impl::is_crowded(const EffectBag& out) const {
  const std::size_t room = sends_per_replica(config.limits);
  return out.sends.size() + room > out.sends.capacity() || out.posts.size() + room > out.posts.capacity();
}

// A beat may tell thousands of groups at once what is committed: they apply it over several steps, in turn.
void Shard::Impl::finish_replicas(EffectBag& out) {
  Turn t = turn(out);
  unfinished = false;
  finish_next = touched.walk_from(finish_next, [&](u32 i) {
    if (is_crowded(out) || applies_left == 0) return !(unfinished = true);
    touched.erase(i);
    replicas[i]->finish_turn(t);
    beating.put(i, replicas[i]->beats());
    return true;
  });
}

void Shard::Impl::finish(EffectBag& out) {
  watch_zone(out);
  finish_replicas(out);
  if (wake_at <= now) wake_sleepers(out);
  if (beat_at <= now) send_beats(out);
  if (!outbox.empty()) send_outbox(out);
  scrub(out);
  reclaim(out);
  seal_promises(out);
  wal->seal_batch(now, out);
  count_strict();
  checkpoints.emit(out);
  probe_space(out);
}

}  // namespace keelson
