// Groups that sleep rely on the beats of their primary's shard. When that is silent, or began anew, they are woken at a
// pace: thousands of view changes at once would starve those that somebody waits for (these wake by the request).
#include <algorithm>

#include "keelson/node/shard_impl.h"
#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

constexpr u32 wakes_per_pace = 20;
constexpr u32 looks_per_pace = 4096;

}  // namespace

void Shard::Impl::meet(NodeId node, Incarnation life, EffectBag& out) {
  Peers::Peer* peer = peers.find(node);
  if (life <= peer->incarnation) return;
  const bool anew = rules::wakes_sleepers(peer->incarnation, life);
  peer->meet(life);
  if (state != ShardState::ready || !anew) return;
  peer->wake_next = 0;
  wake_at = std::min(wake_at, now);
  Turn t = turn(out);
  for (u32 i = 0; i < replicas.size(); ++i)
    if (replicas[i]->on_peer_restarted(t, node)) touched.insert(i);
}

// Once per beat.
void Shard::Impl::listen_for_silence() {
  for (u16 n = 0; n < peers.count(); ++n) {
    Peers::Peer* peer = peers.find(NodeId(n));
    if (!peer || !rules::is_silent(peer->silent_at, now)) continue;
    peer->silent_at = Instant::never();
    peer->wake_next = 0;
    wake_at = std::min(wake_at, now);
  }
}

void Shard::Impl::wake_sleepers(EffectBag& out) {
  Turn t = turn(out);
  wake_at = Instant::never();
  for (u16 n = 0; n < peers.count(); ++n) {
    Peers::Peer* peer = peers.find(NodeId(n));
    if (!peer || peer->wake_next == Peers::Peer::none) continue;
    u32 woken = 0;
    u32 next = peer->wake_next;
    for (u32 looks = 0; next < replicas.size() && woken < wakes_per_pace && looks < looks_per_pace; ++next, ++looks) {
      if (!replicas[next]->wake_from(t, NodeId(n))) continue;
      touched.insert(next);
      ++woken;
    }
    peer->wake_next = next < replicas.size() ? next : Peers::Peer::none;
    if (next < replicas.size()) wake_at = now + config.tunables.wake_pace;
  }
}

}  // namespace keelson
