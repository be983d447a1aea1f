// Which room a message goes to: a replica of this shard, a sibling shard, the clock.
#include <algorithm>

#include "keelson/node/shard_impl.h"
#include "keelson/vsr/rules.h"

namespace keelson {

void Shard::Impl::on_message(const Envelope& envelope, EffectBag& out) {
  if (state != ShardState::ready) return counters.add(Counter::drop_booting);
  const Reject reject = validate_content(envelope.message.bytes(), config.limits);
  if (reject != Reject::none) return counters.add(counter_of(reject));
  if (envelope.peer.is_client())
    return on_client_message({config.shard, envelope.peer.connection()}, envelope.message, out);
  on_node_message(envelope.peer.node_id(), envelope.message, out);
}

void Shard::Impl::on_frame(const FrameEvent& event, EffectBag& out) {
  if (event.kind == FrameEventKind::dropped) return counters.add(Counter::drop_mailbox, event.count);
  if (state != ShardState::ready) return counters.add(Counter::drop_booting);
  switch (event.frame.kind) {
    case FrameKind::to_group:
      return on_client_message({event.shard, event.frame.connection}, event.frame.message, out);
    case FrameKind::to_client:
      out.sends.push_back(Envelope{Peer::client(event.frame.connection), ShardId(0), event.frame.message});
      return;
  }
}

void Shard::Impl::on_node_message(NodeId from, const MessageRef& message, EffectBag& out) {
  const Header header = message.header();
  Peers::Peer* peer = peers.find(from);
  if (!peer || header.node != from) return counters.add(Counter::drop_author);
  if (rules::from_old_life(header.incarnation, peer->incarnation)) return counters.add(Counter::drop_old_life);
  meet(from, header.incarnation, out);
  peer->hear_claim(header.first_batch, header.stored_batch);
  if (peer->old_disk) return counters.add(Counter::drop_old_disk);  // the next beat tells it
  peer->heard = now;
  peer->silent_at = now + config.tunables.primary_suspected;
  if (header.command == Command::beat) return on_beat(from, message, out);
  if (header.command == Command::entries) return on_entries(from, message, message.as<Entries>().count, out);
  Replica* replica = touch(header.group);
  if (!replica) return counters.add(Counter::drop_group_unknown);
  Turn t = turn(out);
  replica->on_message(t, from, message);
}

void Shard::Impl::on_client_message(const Route& route, const MessageRef& message, EffectBag& out) {
  const Header header = message.header();
  if (header.command != Command::request && header.command != Command::client_ping)
    return counters.add(Counter::drop_author);
  const auto known = std::ranges::lower_bound(groups, header.group, {}, &GroupConfig::group);
  if (known == groups.end() || known->group != header.group) return refuse(route, message, Status::group_unknown, out);

  const ShardId owner = owner_of(header.group, config.shard_count);
  if (owner != config.shard) {
    if (route.shard != config.shard) return counters.add(Counter::drop_group_unknown);  // never passed on twice
    out.posts.push_back(PostShard{owner, Frame{FrameKind::to_group, route.connection, message}});
    return;
  }
  Replica* replica = touch(header.group);
  if (!replica) return refuse(route, message, Status::not_primary, out);  // the group lives on other nodes
  Turn t = turn(out);
  if (header.command == Command::request) return replica->on_request(t, route, message);
  replica->on_ping(t, route, message.as<ClientPing>());
}

void Shard::Impl::refuse(const Route& route, const MessageRef& message, Status status, EffectBag& out) {
  counters.add(Counter::requests_refused);
  if (message.command() != Command::request) return;
  const Request request = message.as<Request>();
  Reply answer = make<Reply>();
  answer.cluster = config.cluster;
  answer.group = request.group;
  answer.node = config.node;
  answer.incarnation = incarnation;
  answer.from_shard = config.shard;
  answer.client = request.client;
  answer.session = request.session;
  answer.request = request.request;
  answer.request_checksum = request.checksum_body;
  answer.status = static_cast<u16>(status);
  reply(route, make_message(slabs, answer), out);
}

void Shard::Impl::reply(const Route& route, MessageRef message, EffectBag& out) {
  if (!message) return counters.add(Counter::drop_no_slab);
  if (rules::answers_here(route.shard, config.shard))
    out.sends.push_back(Envelope{Peer::client(route.connection), ShardId(0), std::move(message)});
  else
    out.posts.push_back(PostShard{route.shard, Frame{FrameKind::to_client, route.connection, std::move(message)}});
}

// ---------------------------------------------------------------- beats

void Shard::Impl::on_beat(NodeId from, const MessageRef& message, EffectBag& out) {
  const Beat beat = message.as<Beat>();
  if (rules::is_old_disk(claim.first, beat.lost_batch)) return forget_all(beat.lost_batch, out);
  Peers::Peer* peer = peers.find(from);
  if (beat.sent > peer->beat_sent) {
    peer->beat_sent = beat.sent;
    peer->beat_received = now;
  }
  const bool echoes_this_life = beat.echo_sent >= booted.ns() && beat.echo_sent != 0;
  if (echoes_this_life && beat.wall != WallTime()) clock.learn(from, beat.echo_sent, beat.echo_held_ns, beat.wall, now);
  on_entries(from, message, beat.count, out);
}

void Shard::Impl::on_entries(NodeId from, const MessageRef& message, u32 count, EffectBag& out) {
  Turn t = turn(out);
  u32 next = 0;  // mostly: they come in order
  for (u32 k = 0; k < count; ++k) {
    const auto entry = load<GroupEntry>(message.data() + header_size + k * sizeof(GroupEntry));
    const u32 i = next < ids.size() && ids[next] == entry.group ? next : index_of(entry.group);
    if (i == replicas.size()) {
      counters.add(Counter::drop_group_unknown);
      continue;
    }
    next = i + 1;
    if (!replicas[i]->on_no_news(t, from, entry)) {
      touched.insert(i);
      replicas[i]->on_entry(t, from, entry);
    }
  }
}

// A peer remembers more of this node's disk than there is on it: promises and acks are gone. No replica takes part in
// anything any more; each of them notes that, for the next start.
void Shard::Impl::forget_all(BatchNo lost, EffectBag& out) {
  if (std::exchange(old_disk, true)) return;
  counters.hit(Mark::node_old_disk);
  out.notifications.push_back({NotifyKind::old_disk, no_group, lost.raw(), claim.first.raw()});
  Turn t = turn(out);
  for (u32 i = 0; i < replicas.size(); ++i) {
    replicas[i]->on_old_disk(t);
    touched.insert(i);
  }
}

// To the shard of the same index on every node that shares a group with this one.
void Shard::Impl::send_beats(EffectBag& out) {
  beat_at = now + config.tunables.beat;
  ++beat_no;
  listen_for_silence();
  look_for_voters();
  for (u16 n = 0; n < peers.count(); ++n) {
    const NodeId to(n);
    if (!peers.find(to)) continue;
    entries.clear();
    beating.for_each([&](u32 i) {
      GroupEntry entry;
      if (replicas[i]->beat_entry(to, entry)) entries.push_back(entry);
    });
    const std::size_t first = std::min<std::size_t>(entries.size(), config.limits.entries_max);
    send_beat(to, entries.span().first(first), out);
    send_entries(to, entries.span().subspan(first), out);
  }
}

// What replicas had to tell each other in this step.
void Shard::Impl::send_outbox(EffectBag& out) {
  for (u16 n = 0; n < peers.count(); ++n) send_entries(NodeId(n), outbox.to(NodeId(n)), out);
  outbox.clear();
}

void Shard::Impl::send_beat(NodeId to, std::span<const GroupEntry> carried, EffectBag& out) {
  const Peers::Peer* peer = peers.find(to);
  const u32 size = static_cast<u32>(carried.size_bytes());
  MessageRef message = allocate_message(slabs, size);
  if (!message) return counters.add(Counter::drop_no_slab);
  copy(body_of(message, size), std::as_bytes(carried));
  counters.add(Counter::entries_sent, carried.size());
  Beat beat = make<Beat>();
  beat.cluster = config.cluster;
  beat.node = config.node;
  beat.incarnation = incarnation;
  beat.to_shard = beat.from_shard = config.shard;
  beat.first_batch = claim.tagged_first();
  beat.stored_batch = claim.stored;
  beat.lost_batch = peer->old_disk ? peer->told_batch : BatchNo();
  beat.sent = now.ns();
  beat.beat_no = beat_no;
  beat.echo_sent = peer->beat_sent;
  beat.echo_held_ns = peer->beat_sent ? now.since(peer->beat_received).ns() : 0;
  beat.wall = clock.wall(now).value_or(WallTime());
  beat.count = static_cast<u32>(carried.size());
  beat.free_permille = wal->free_permille();
  beat.clock_state = clock.synchronized(now);
  seal(message, beat, size);
  out.sends.push_back(Envelope{Peer::node(to), config.shard, std::move(message)});
}

// As many to a message as it may carry.
void Shard::Impl::send_entries(NodeId to, std::span<const GroupEntry> all, EffectBag& out) {
  if (all.size() > config.limits.entries_max) {
    send_entries(to, all.first(config.limits.entries_max), out);
    return send_entries(to, all.subspan(config.limits.entries_max), out);
  }
  if (all.empty()) return;
  const auto carried = all;
  const u32 size = static_cast<u32>(carried.size_bytes());
  MessageRef message = allocate_message(slabs, size);
  if (!message) return counters.add(Counter::drop_no_slab);
  copy(body_of(message, size), std::as_bytes(carried));
  counters.add(Counter::entries_sent, carried.size());
  Entries entry_list = make<Entries>();
  entry_list.cluster = config.cluster;
  entry_list.node = config.node;
  entry_list.incarnation = incarnation;
  entry_list.to_shard = entry_list.from_shard = config.shard;
  entry_list.first_batch = claim.tagged_first();
  entry_list.stored_batch = claim.stored;
  entry_list.count = static_cast<u32>(carried.size());
  seal(message, entry_list, size);
  out.sends.push_back(Envelope{Peer::node(to), config.shard, std::move(message)});
}

}  // namespace keelson
