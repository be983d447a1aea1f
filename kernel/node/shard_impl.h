// Shard::Impl: how one step runs through the rooms of a shard. Private to kernel/node.
//
// A step takes the bag's arrays in order, then the timers due, then finishes every replica that was touched, in order
// of GroupId, then sends beats and seals the WAL's batch: one group commit for the whole bag.
#pragma once

#include <memory>
#include <optional>

#include "keelson/base/index_set.h"
#include "keelson/node/peers.h"
#include "keelson/node/shard.h"
#include "keelson/store/index_scrub.h"
#include "keelson/vsr/replica.h"

namespace keelson {

enum class ScrubPart : u8 { rest, superblock, index, groups };

class Shard::Impl {
 public:
  Impl(const ShardConfig& given, Slabs& slabs);
  ~Impl();

  void step(const EventBag& in, EffectBag& out);
  Instant deadline() const;

  // shard_impl.cc: the step
  void on_node_event(const NodeEvent& event, EffectBag& out);
  void on_completion(const Completion& completion, EffectBag& out);
  void on_peer_event(const PeerEvent& event, EffectBag& out);
  void open();  // recovery is done
  void start_replicas(EffectBag& out);
  void take_blocks(RecoveredGroup& found);
  void poison(Turn& turn);
  void run_timers(EffectBag& out);
  void finish(EffectBag& out);
  void finish_replicas(EffectBag& out);
  bool is_crowded(const EffectBag& out) const;
  Turn turn(EffectBag& out);
  bool is_mine(const GroupConfig& group) const;
  Replica* find(GroupId group);
  Replica* touch(GroupId group);  // finish_turn will be called for it
  u32 index_of(GroupId group) const;

  // shard_promises.cc: promises that nothing can hide
  bool hold_promise(const StoredRecord& record);
  void seal_promises(EffectBag& out);
  void promises_sealed(EffectBag& out);

  // shard_strict.cc: while a voter is missing
  void look_for_voters();
  void count_strict();

  // shard_reclaim.cc: space in the log
  void reclaim(EffectBag& out);
  void record_begin(EffectBag& out);
  bool on_superblock(const Completion& completion, EffectBag& out);
  void probe_space(EffectBag& out);
  void watch_zone(EffectBag& out);

  // shard_scrub.cc: reading everything again, at a pace
  void scrub(EffectBag& out);
  void begin_tour();
  void scrub_index(EffectBag& out);
  void scrub_groups(EffectBag& out);

  // shard_quiet.cc: groups that sleep under the beats of a peer's shard
  void meet(NodeId node, Incarnation life, EffectBag& out);
  void listen_for_silence();
  void wake_sleepers(EffectBag& out);

  // shard_route.cc: which room a message goes to
  void on_message(const Envelope& envelope, EffectBag& out);
  void on_frame(const FrameEvent& event, EffectBag& out);
  void on_node_message(NodeId from, const MessageRef& message, EffectBag& out);
  void on_client_message(const Route& route, const MessageRef& message, EffectBag& out);
  void on_beat(NodeId from, const MessageRef& message, EffectBag& out);
  void on_entries(NodeId from, const MessageRef& message, u32 count, EffectBag& out);
  void refuse(const Route& route, const MessageRef& request, Status status, EffectBag& out);
  void reply(const Route& route, MessageRef message, EffectBag& out);
  void forget_all(BatchNo lost, EffectBag& out);
  void send_beats(EffectBag& out);
  void send_beat(NodeId to, std::span<const GroupEntry> entries, EffectBag& out);
  void send_entries(NodeId to, std::span<const GroupEntry> entries, EffectBag& out);
  void send_outbox(EffectBag& out);

  const ShardConfig config;  // groups: see `groups`
  Vec<GroupConfig> groups;   // of the cluster, in order of id
  Slabs& slabs;
  Counters counters;
  Timers timers;
  Prng prng{0};
  IoIds io_ids;
  LogChunks chunks;
  ClusterClock clock;
  std::unique_ptr<Recovery> recovery;
  std::unique_ptr<SuperblockFile> superblock;
  std::unique_ptr<Wal> wal;
  CheckpointZone checkpoints;
  Vec<std::unique_ptr<Replica>> replicas;  // of this shard, in order of GroupId
  Vec<GroupId> ids;                        // theirs
  IndexSet touched;                        // replicas of which finish_turn is due
  IndexSet beating;                        // replicas with something for the beats
  std::size_t started = 0;                 // replicas, from the first
  bool unfinished = false;                 // some wait for the next step,
  u32 finish_next = 0;                     // beginning with this one
  u32 applies_left = 0;                    // of this step
  Vec<GroupEntry> entries;                 // scratch of send_beats
  EntryOutbox outbox;
  ReplicaScratch scratch;
  DiskClaim claim;
  bool old_disk = false;       // as a peer said
  Vec<StoredRecord> unsealed;  // promises in the log that the superblock's update doesn't know of
  Vec<StoredRecord> sealing;   // ... that the one under way does
  bool strict = false;         // as counted
  bool tail_unsealed = false;  // and the superblock should know how far it is marked
  Instant tail_sealed;         // when it last learned that
  bool freeing = false;        // the superblock's update under way frees segments
  Vec<StoredRecord> stored;    // scratch of on_completion
  Vec<LoadedRecord> loaded;
  Peers peers;
  ShardState state = ShardState::booting;
  ShardRefusal refusal;
  Incarnation incarnation;
  Instant now;
  Instant booted;
  Instant beat_at = Instant::never();
  Instant wake_at = Instant::never();  // of sleepers
  u64 beat_no = 0;
  u64 reclaiming = 0;       // segments before this one are being vacated; 0: none
  std::size_t vacated = 0;  // replicas, from the first, that need nothing before it
  Instant reclaim_at = Instant::never();
  Instant probe_at = Instant::never();  // while the device has no space for checkpoints
  bool zone_crowded = false;
  bool zone_full = false;
  u64 evacuating = 0;  // segments before this one are to be freed, however much room there is
  std::unique_ptr<IndexScrub> index_scrub;
  ScrubPart scrub_part = ScrubPart::rest;
  Instant scrub_at = Instant::never();
  Instant tour_began;
  std::size_t scrubbed = 0;  // replicas, from the first, in this tour
};

}  // namespace keelson
