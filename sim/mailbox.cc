#include "keelson/sim/mailbox.h"

#include <algorithm>

namespace keelson::sim {

Mailboxes::Mailboxes(Core& core, Receiver& receiver, const Population& population, u32 frames_max)
    : core_(core), receiver_(receiver), population_(population), frames_max_(frames_max) {
  pairs_.resize(std::size_t{population.nodes} * population.shards * population.shards);
  for (u16 n = 0; n < population.nodes; ++n)
    for (u16 s = 0; s < population.shards; ++s)
      for (u16 t = 0; t < population.shards; ++t)
        if (s != t)
          pair(NodeId(n), ShardId(s), ShardId(t)).stream =
              core.tape.stream("mbox/" + std::to_string(n) + '.' + std::to_string(s) + '>' + std::to_string(t));
}

void Mailboxes::post(NodeId node, ShardId from, const PostShard& post, Instant at) {
  if (post.to.raw() >= population_.shards || post.to == from) {
    core_.fail({.checker = "mailbox",
                .invariant = "receiver",
                .detail = "shard " + std::to_string(from.raw()) + " posts to shard " + std::to_string(post.to.raw()),
                .node = node});
    return;
  }
  const u32 index = index_of(node, from, post.to);
  const auto lane = static_cast<u16>(post.frame.kind);
  Pair& between = pairs_[index];
  Ring& ring = between.rings[lane];
  const auto& settings = core_.settings.mailbox;
  if (ring.occupied >= frames_max_) return drop(node, from, post);
  if (between.stream.chance(Site::mbox_drop, settings.drop_ppm)) {
    core_.faults.add(Fault::mailbox_drop);
    return drop(node, from, post);
  }
  const Duration delay = between.stream.exponential(Site::mbox_delay, settings.delay_mean);
  if (delay > MailboxSettings().delay_mean * 16) core_.faults.add(Fault::mailbox_delay);
  ring.last_due = std::max(ring.last_due, at + delay);
  Parcel* parcel = post.frame.message ? core_.parcels.copy(post.frame.message.bytes()) : nullptr;
  ring.frames.push_back({parcel, post.frame.connection, ring.last_due});
  ++ring.occupied;
  if (ring.frames.size() == 1) schedule_head(index, lane, ring.last_due);
}

void Mailboxes::drop(NodeId node, ShardId from, const PostShard& post) {
  core_.record(RecordKind::post_dropped, {.node = node, .shard = from}, {.a = post.to.raw()});
  receiver_.arrive(population_.unit_of(node, from),
                   {.kind = ArrivalKind::frame_dropped, .what = static_cast<u8>(post.frame.kind), .shard = post.to});
}

void Mailboxes::schedule_head(u32 index, u16 lane, Instant at) {
  pairs_[index].rings[lane].head =
      core_.schedule(std::max(at, core_.now), Rank::mailbox, {.owner = Owner::mailbox, .side = lane, .index = index});
}

void Mailboxes::on_happening(const Happening& happening) {
  Ring& ring = pairs_[happening.index].rings[happening.side];
  const auto to = static_cast<u16>(happening.index % population_.shards);
  const auto from = static_cast<u16>(happening.index / population_.shards % population_.shards);
  const NodeId node(static_cast<u16>(happening.index / population_.shards / population_.shards));
  while (!ring.frames.empty()) {
    if (ring.frames.front().due > core_.now)
      return schedule_head(happening.index, happening.side, ring.frames.front().due);
    const InFlight frame = ring.frames.pop_front();
    core_.record(RecordKind::post, {.node = node, .shard = ShardId(from)}, {.a = to, .b = happening.side});
    receiver_.arrive(population_.unit_of(node, ShardId(to)), {.kind = ArrivalKind::frame,
                                                              .what = static_cast<u8>(happening.side),
                                                              .shard = ShardId(from),
                                                              .value = frame.connection.raw(),
                                                              .parcel = frame.parcel});
  }
}

void Mailboxes::taken(NodeId node, ShardId from, ShardId to, FrameKind kind) {
  Ring& ring = pair(node, from, to).rings[static_cast<std::size_t>(kind)];
  check(ring.occupied > 0);
  --ring.occupied;
}

void Mailboxes::clear(NodeId node) {
  for (u16 s = 0; s < population_.shards; ++s)
    for (u16 t = 0; t < population_.shards; ++t)
      for (auto& ring : pair(node, ShardId(s), ShardId(t)).rings) {
        core_.queue.cancel(ring.head);
        while (!ring.frames.empty())
          if (Parcel* parcel = ring.frames.pop_front().parcel) core_.parcels.release(parcel);
        ring.occupied = 0;
      }
}

}  // namespace keelson::sim
