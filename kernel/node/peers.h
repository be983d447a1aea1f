// Peers: what a shard knows of the other nodes: whether they are connected, their life, the beat to echo, their
// silence.
//
// Who uses it: Shard::Impl. Indexed by node id. Not here: what a peer's groups do (vsr/replica.h).
#pragma once

#include <algorithm>

#include "keelson/base/vec.h"
#include "keelson/store/disk_claim.h"
#include "keelson/vsr/rules.h"
#include "keelson/wire/event.h"

namespace keelson {

class Peers {
 public:
  struct Peer {
    bool member = false;  // shares a group with this shard
    bool connected = false;
    Incarnation incarnation;  // newest seen
    u64 beat_sent = 0;        // `sent` of its newest beat; 0: none
    Instant beat_received;
    Instant heard;                         // or when this shard was ready
    Instant silent_at = Instant::never();  // unless it is heard before; then who slept under it is woken
    BatchNo told_batch;                    // the highest that it said is stored, in lives that have all of those before
    Incarnation judged;                    // the newest life that said where it begins
    BatchNo judged_claim;                  // ... and what it said
    bool old_disk = false;                 // which is below told_batch
    u32 wake_next = none;  // replicas before this one are awake, if they slept under it; none: not needed

    static constexpr u32 none = ~u32{0};
    // A new life has a clock of its own, which may be behind that of the former one: nothing of it is echoed.
    void meet(Incarnation life) {
      if (life <= incarnation) return;
      if (!same_file(life, incarnation)) told_batch = BatchNo();
      incarnation = life;
      beat_sent = 0;
      old_disk = false;  // until it says where it begins
    }
    // Of its newest life, or of another one of that number: then both began from the same file.
    void hear_claim(BatchNo tagged_first, BatchNo stored) {
      if (rules::is_unjudged(tagged_first, judged == incarnation ? judged_claim : BatchNo())) {
        if (judged == incarnation) beat_sent = 0;
        judged = incarnation;
        judged_claim = tagged_first;
        old_disk = rules::is_old_disk(DiskClaim::first_of(tagged_first), told_batch);
      }
      if (!old_disk) told_batch = std::max(told_batch, stored);
    }
  };

  explicit Peers(u16 count) : peers_(count) { peers_.resize(count); }
  u16 count() const { return static_cast<u16>(peers_.size()); }
  // Null for an id that no group has as a member.
  Peer* find(NodeId node) {
    return node.raw() < peers_.size() && peers_[node.raw()].member ? &peers_[node.raw()] : nullptr;
  }
  void add_member(NodeId node) { peers_[node.raw()].member = true; }

 private:
  Vec<Peer> peers_;
};

}  // namespace keelson
