// Replica: one group's Viewstamped Replication state on this node. It decides what is prepared, acked, committed,
// applied and which view holds; the WAL stores, the shard carries messages.
//
// Who uses it: Shard, which calls the on_ functions as events arrive and finish_turn() once per step. Durability:
// nothing that promises leaves before its record is stored (docs/protocol.md, "what waits for what"). Sources: VSR
// Revisited (Liskov and Cowling, 2012); Protocol-Aware Recovery (Alagappan et al., 2018). Not here: shards, mailboxes,
// sockets, which bytes lie where on disk.
#pragma once

#include "keelson/base/counters.h"
#include "keelson/base/random.h"
#include "keelson/base/ring.h"
#include "keelson/base/timers.h"
#include "keelson/machine/machine.h"
#include "keelson/store/disk_claim.h"
#include "keelson/store/recovery.h"
#include "keelson/store/wal.h"
#include "keelson/vsr/body_cache.h"
#include "keelson/vsr/body_index.h"
#include "keelson/vsr/body_work.h"
#include "keelson/vsr/checkpoint_loader.h"
#include "keelson/vsr/checkpointer.h"
#include "keelson/vsr/clock.h"
#include "keelson/vsr/entry_outbox.h"
#include "keelson/vsr/group_view.h"
#include "keelson/vsr/in_flight.h"
#include "keelson/vsr/quorum.h"
#include "keelson/vsr/replica_scratch.h"
#include "keelson/vsr/select.h"
#include "keelson/vsr/sessions.h"
#include "keelson/vsr/state_sync.h"

namespace keelson {

// What a replica may use during one step.
struct Turn {
  Instant now;
  EffectBag& out;
  EntryOutbox& outbox;
  Wal& wal;
  CheckpointZone& checkpoints;
  ClusterClock& clock;
  Timers& timers;
  Slabs& slabs;
  Prng& prng;
  Counters& counters;
  u32& applies_left;  // of this step, for all replicas
};

struct ReplicaConfig {
  ClusterId cluster;
  NodeId node;
  Incarnation incarnation;
  ShardId shard;
  GroupId group;
  Vec<NodeId> members;    // voters in order
  const DiskClaim& disk;  // the shard's
  const Limits& limits;
  const Tunables& tunables;
};

// Op 0 of a group.
Prepare root_of(const ReplicaConfig& config);

class Replica {
 public:
  Replica(ReplicaConfig config, RecoveredGroup recovered, AnyMachine machine, Timers& timers, Prng& prng,
          ReplicaScratch& scratch);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  void start(Turn& turn);  // once, when the shard's log is open
  void on_message(Turn& turn, NodeId from, const MessageRef& message);
  void on_request(Turn& turn, const Route& route, const MessageRef& request);
  void on_ping(Turn& turn, const Route& route, const ClientPing& ping);
  void on_entry(Turn& turn, NodeId from, const GroupEntry& entry);  // from a beat or entries message
  // True: it was no more than a sign of life, and there is nothing to finish. Thousands of them come with a beat.
  bool on_no_news(Turn& turn, NodeId from, const GroupEntry& entry);
  void on_stored(Turn& turn, const StoredRecord& record);
  void on_loaded(Turn& turn, const LoadedRecord& record);
  void on_checkpoint_io(Turn& turn, const CheckpointZone::Done& done);
  bool on_peer_connected(Turn& turn, NodeId node);  // true: finish_turn has something to do
  bool on_peer_lost(Turn& turn, NodeId node);
  bool on_peer_restarted(Turn& turn, NodeId node);
  bool wake_from(Turn& turn, NodeId node);  // replica_quiet.cc
  void on_poisoned(Turn& turn);
  void on_old_disk(Turn& turn);  // this node's: a peer was told of more
  void on_timer(Turn& turn, u32 kind);
  void transfer(Turn& turn);                         // an operator's wish: give the primary role up
  bool vacate(Turn& turn, PageNo end, bool urgent);  // replica_reclaim.cc
  bool make_room(Instant now);                       // replica_checkpoint.cc
  bool scrub(Turn& turn);                            // replica_scrub.cc
  void finish_turn(Turn& turn);                      // commit, apply, form prepares, ack

  bool beats() const;                                     // something of this group belongs into the shard's beats
  bool beat_entry(NodeId node, GroupEntry& entry) const;  // ... and into those to that node
  GroupView view(Instant now, const ClusterClock& clock, bool with_digest) const;
  CommittedOp committed(Op op) const;
  // Ops above what is applied, up to the head, without readable bytes, as far as known. O(them).
  u64 missing() const;
  GroupId group() const { return config_.group; }
  bool has_member(NodeId node) const { return index_of(node) != no_replica; }
  void check_invariants() const;
  void check_timers(const Timers& timers) const;

  enum Timer : u32 {
    suspicion,
    vote,
    give_up,
    ask_view,
    resend,
    repair,
    abdication,
    watchdog,
    resume,
    sync,
    quiesce,
    timer_count
  };

 private:
  struct InPipeline {
    Votes acks;
    Instant sent;
  };
  using Queued = QueuedRequest;
  // A read of the checkpoint zone for a peer.
  struct Serving {
    bool used = false;
    ReplicaIndex to;
    Digest id;  // of the checkpoint
    u64 reading = 0;
    u32 section = 0;
    u32 offset = 0;
    u32 bytes = 0;
  };
  // Where a scrub tour stands.
  struct Scrub {
    Op op;              // records up to it are read, or being read
    Digest checkpoint;  // the durable one when the tour came by
    u32 item = 0;       // of it: a section, or behind them a copy of the table
    u64 left = 0;       // bytes of the item; 0: not begun
    u32 run = 0;        // of the item
    u32 of_run = 0;     // blocks of that run read so far
    u32 asked = 0;      // blocks being read
    u32 attempts = 0;   // of this item that failed
    u32 pending = 0;    // reads under way
    u64 reading = 0;    // of the checkpoint, whose blocks have to stay
    DigestStream digest;
  };
  struct PeerState {
    Instant last_sign;   // any message of this group
    Instant told_view;   // rate limits: of start_view and view_ahead
    Instant asked_view;  // ... and of get_view
    Op checkpoint_op;    // durable there
    Op floor;            // its log begins above, as far as it told
    Instant vote_at;     // of its vote to leave view_, which may be this replica's own; 0: none
    MessageRef report;   // its do_view_change for view_, as the primary of that
  };

  // replica.cc: events, promises, who am I
  void dispatch(Turn& turn, ReplicaIndex from, const MessageRef& message);
  bool accepts_view(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void watch(Turn& turn);
  bool is_primary() const { return status_ == ReplicaStatus::normal && self_ == primary_of(view_); }
  bool is_backup() const { return status_ == ReplicaStatus::normal && self_ != primary_of(view_); }
  bool mute() const;  // fenced or amnesiac: takes no part
  ReplicaIndex primary_of(View view) const;
  ReplicaIndex index_of(NodeId node) const;
  NodeId node_of(ReplicaIndex index) const { return config_.members[index.raw()]; }
  u8 voters() const { return static_cast<u8>(config_.members.size()); }
  template <class T>
  T header() const {
    T h = make<T>();
    h.cluster = config_.cluster;
    h.group = config_.group;
    h.epoch = epoch_;
    h.view = view_;
    h.node = config_.node;
    h.replica = self_;
    h.incarnation = config_.incarnation;
    h.from_shard = config_.shard;
    if constexpr (tells_disk(T::command_of)) {
      h.first_batch = config_.disk.tagged_first();
      h.stored_batch = config_.disk.stored;
    }
    return h;
  }
  void send(Turn& turn, ReplicaIndex to, MessageRef message);
  void send_to_others(Turn& turn, const MessageRef& message);
  template <class T>
  void send_header(Turn& turn, ReplicaIndex to, const T& h) {
    send(turn, to, make_message(turn.slabs, h));
  }
  void reply(Turn& turn, const Route& route, const MessageRef& message);
  void ignore(Turn& turn, Counter reason) { turn.counters.add(reason); }
  void fence(Turn& turn, FenceReason reason);
  void arm(Turn& turn, Timer timer, Duration after);
  void disarm(Turn& turn, Timer timer);
  void persist_state(Turn& turn);
  void append_state(Turn& turn);
  void on_state_stored(Turn& turn);

  // replica_log.cc: the log and its chain
  Digest identity_at(Op op) const;  // zero where unknown
  bool readable(Op op) const;       // bytes in memory, or stored and not damaged
  bool stateless() const;
  bool log_complete() const;  // every op above commit_min_ is chained to the head
  void relink(Turn& turn);
  bool keep(Turn& turn, const MessageRef& prepare);
  void adopt(const Prepare& header);
  void truncate(Op head);
  void prune(Turn& turn);
  void prune_to(Turn& turn, Op to);
  u32 suffix_count() const;
  Prepare suffix_header(Op op) const;
  void build_suffix();
  static void write_entry(std::byte* to, const Prepare& entry);
  void drop_applied_bodies();

  // replica_normal.cc: requests, prepares, acks, commits, applies
  void refuse(Turn& turn, const Route& route, const Request& request, Status status);
  bool judge(Turn& turn, const Route& route, const MessageRef& request);
  bool may_judge() const;
  bool has_room_for_request() const;  // in the log
  void refuse_stale(Turn& turn);
  void form_prepares(Turn& turn);
  bool form_prepare(Turn& turn);
  void prepare_batch(Turn& turn, u32 body_size, Timestamp timestamp);
  void publish(Turn& turn, const MessageRef& prepare);
  void on_prepare(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void accept_again(Turn& turn, const MessageRef& message);
  void extend(Turn& turn, const MessageRef& message);
  void sign_of_primary(Turn& turn);
  void ack(Turn& turn, Op op);
  void ack_stored(Turn& turn);
  void flush_acks(Turn& turn);
  void self_ack(Op op);
  void on_prepare_ok(Turn& turn, ReplicaIndex from, const PrepareOk& ok);
  void advance_commit(Turn& turn);
  void learn_commit(Turn& turn, Op commit);
  bool on_commit(Turn& turn, ReplicaIndex from, const GroupEntry& entry);
  void apply_committed(Turn& turn);
  void read_ahead(Turn& turn);
  void apply(Turn& turn, const MessageRef& message);
  void apply_request(Turn& turn, const Prepare& prepare, Bytes body, const RequestView& request);
  void answer(Turn& turn, const RequestFrame& frame, SessionVerdict verdict);
  Reply reply_to(const RequestFrame& frame) const;
  void answer_verdict(Turn& turn, const Route& route, const RequestFrame& frame, SessionVerdict verdict);
  void resend_prepares(Turn& turn);

  // replica_checkpoint.cc: state on disk, so that a start replays little
  void take_checkpoint(RecoveredGroup& recovered);
  void begin_at_checkpoint();
  void load_checkpoint(Turn& turn);
  void drop_checkpoint(Turn& turn);
  void on_damaged_checkpoint(Turn& turn);
  void on_refused_state(Turn& turn);
  bool loading() const { return loader_ != nullptr; }
  void form_checkpoint(Turn& turn);
  void settle_sections(Turn& turn);
  void settle_blobs(Turn& turn, Op checkpoint);
  void begin_checkpoint(Turn& turn, const Prepare& prepare);
  void save_state(Turn& turn, const Prepare& prepare);
  void save_state_late(Turn& turn);
  void advance_checkpoint(Turn& turn);
  void append_checkpoint(Turn& turn);
  void on_checkpoint_stored(Turn& turn, const StoredRecord& stored);
  void touch_section(u32 section);
  void save_section(u32 section, ByteSink& sink) const;
  bool load_section(u32 section, Bytes bytes);
  void reckon_durable_checkpoint();
  // To others: that of a later view, which a log here doesn't reach, is no affair of this one.
  Op told_durable_checkpoint() const { return std::min(durable_checkpoint_, commit_max_); }
  void learn_checkpoint(ReplicaIndex from, Op durable);
  bool wants_new_checkpoint() const;

  // replica_bodies.cc: bytes of requests that stay readable
  bool retain_body(Op op);
  void release_body(Op op);
  void share_body(Op op, bool held);
  BodyWork& body_work();
  void work_on_bodies(Turn& turn);
  u32 begin_read(Turn& turn, const BodyIndex::Entry& what, ReplicaIndex to);
  void end_read(u32& read);
  void advance_read(Turn& turn, u32 index);
  void give_body(Turn& turn, BodyRead& read);
  void read_here(Turn& turn, u32 index);
  bool read_blob(Turn& turn, u32 index, const SavedSection& blob);
  void on_blob_read(Turn& turn, const CheckpointZone::Done& done);
  void on_body_loaded(Turn& turn, const LoadedRecord& record);
  [[nodiscard]] static bool end_of_read(Turn& turn, BodyRead& read, bool proven);
  void ask_for_body(Turn& turn, BodyRead& read);
  bool take_body(Turn& turn, const MessageRef& message);
  void on_body_unavailable(ReplicaIndex from, Op op);
  bool give_from_blob(Turn& turn, ReplicaIndex to, const OpIdentity& wanted);
  void answer_with_bodies(Turn& turn, const Route& route, const RequestFrame& frame);
  void continue_answers(Turn& turn);
  bool continue_answer(Turn& turn, BodyAnswer& answer);
  void answer_lost(Turn& turn, const BodyAnswer& answer);

  // replica_blobs.cc: the part of a checkpoint that holds them
  void plan_blobs();
  void drop_plan();
  void make_blobs(Turn& turn);
  bool put_next_body(Turn& turn);
  void read_ahead_bodies(Turn& turn);
  bool is_read_of(u32 read, Op op) const;

  // replica_sync.cc: a state from peers, where the log can't help
  void name_checkpoint(Turn& turn, Op op, const Digest& id);
  bool needs_state(Turn& turn);
  Op first_missing() const;
  bool is_pruned_everywhere(Op op) const;
  bool may_fetch(const SyncTarget& target) const;
  void run_sync(Turn& turn);
  bool begin_sync(Turn& turn);
  void ask_for_checkpoint(Turn& turn);
  bool continue_sync(Turn& turn);
  void stop_sync(Turn& turn);
  void ask_for_state(Turn& turn);
  void begin_receiving(Turn& turn);
  void on_manifest(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void on_section(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void install_received(Turn& turn);
  void restart_log_at(Op op, const Digest& identity);

  // replica_serve.cc: a state for peers
  void refuse_checkpoint(Turn& turn, ReplicaIndex to, const Digest& id, Unavailability why, u32 section = 0);
  void on_get_manifest(Turn& turn, ReplicaIndex from, const GetManifest& ask);
  void on_get_section(Turn& turn, ReplicaIndex from, const GetSection& ask);
  void on_served_read(Turn& turn, const CheckpointZone::Done& done);
  void send_section(Turn& turn, const Serving& serving, u64 total, Bytes bytes);
  void on_damaged_section(Turn& turn, const Serving& serving);

  // replica_reclaim.cc: leaving the log's oldest segments
  bool vacate_state(Turn& turn, PageNo end);
  bool vacate_checkpoint(Turn& turn, PageNo end);
  bool vacate_ops(Turn& turn, PageNo end, bool urgent);
  Op first_before(PageNo end) const;
  void want_checkpoint(Turn& turn);
  void move_ops(Turn& turn, Op first, PageNo end);
  void on_move_loaded(Turn& turn, const LoadedRecord& record);
  void append_moves(Turn& turn);

  // replica_scrub.cc: reading again what is stored
  bool scrub_records(Turn& turn);
  bool scrub_checkpoint(Turn& turn);
  void begin_item();
  BlockRun run_of_item() const;
  void on_scrubbed(Turn& turn, const CheckpointZone::Done& done);
  void note_lost(Turn& turn, Op op);
  void miss_record(Turn& turn, Op op);
  void advance_lost();
  void renew_checkpoint(Turn& turn);

  // replica_quiet.cc: idle groups
  bool at_rest() const;
  void forget_sleep();
  void give_memory_back();
  void stir(Turn& turn);
  void offer_sleep(Turn& turn);
  void on_asleep(Turn& turn, ReplicaIndex from, const GroupEntry& entry);
  void on_awake(Turn& turn, ReplicaIndex from);
  void on_sign_of_backup(Turn& turn, ReplicaIndex from);
  void on_quiesce(Turn& turn, ReplicaIndex from, const GroupEntry& entry);
  bool is_same_rest(const GroupEntry& entry) const;
  void wake_up(Turn& turn);
  void on_wake(Turn& turn, ReplicaIndex from, const GroupEntry& entry);
  void tell(Turn& turn, ReplicaIndex to, EntryKind kind, u32 round);
  void say(Turn& turn, ReplicaIndex to, const GroupEntry& entry);
  GroupEntry commit_entry() const;

  // replica_view.cc: who is primary, and with which log
  void suspect_primary(Turn& turn);
  void cast_vote(Turn& turn);
  void resend_votes(Turn& turn);
  void on_start_view_change(Turn& turn, ReplicaIndex from, const StartViewChange& message);
  void count_votes(Turn& turn);
  void enter_view(Turn& turn, View view);
  void leave_primary(Turn& turn, Status why);
  void arm_give_up(Turn& turn);
  void send_do_view_change(Turn& turn);
  MessageRef make_do_view_change(Turn& turn) const;
  void on_do_view_change(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void try_select(Turn& turn);
  bool choose_suffix(std::span<const LogReport> reports, const Selection& selection);
  void install_suffix(Turn& turn, View view, Op commit);
  void lead(Turn& turn);
  bool forfeit(Turn& turn, bool must = false);
  void become_primary(Turn& turn);
  void become_backup(Turn& turn);
  MessageRef make_start_view(Turn& turn, Nonce nonce) const;
  void on_start_view(Turn& turn, ReplicaIndex from, const MessageRef& message);
  bool read_suffix(const MessageRef& message);
  bool reaches(Turn& turn, const StartView& start);
  void be_shut_out(Turn& turn, const StartView& start);
  void extend_log(Turn& turn, const StartView& start);
  void on_get_view(Turn& turn, ReplicaIndex from, const GetView& message);
  void ask_for_view(Turn& turn, ReplicaIndex whom);
  void ask_next_for_view(Turn& turn);
  void tell_view(Turn& turn, ReplicaIndex to);
  void check_abdication(Turn& turn);

  // replica_invariants.cc
  void check_chain() const;
  void check_role() const;

  // replica_repair.cc: what is missing is asked for by identity
  bool needs_repair() const;
  bool lacks_bytes(Op op) const;
  bool holds_log();
  void repair_now(Turn& turn);
  void repair_elsewhere(Turn& turn);
  void arm_repair_soon(Turn& turn);
  bool ask_for_headers(Turn& turn, ReplicaIndex whom);
  bool ask_for_prepares(Turn& turn, ReplicaIndex whom);
  void on_repair_prepare(Turn& turn, const MessageRef& message);
  void on_get_headers(Turn& turn, ReplicaIndex from, const GetHeaders& message);
  void on_headers(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void on_unavailable(Turn& turn, ReplicaIndex from, const Unavailable& answer);
  void on_get_prepares(Turn& turn, ReplicaIndex from, const MessageRef& message);
  void serve(Turn& turn, ReplicaIndex to, const MessageRef& prepare);
  void refuse_op(Turn& turn, ReplicaIndex to, Op op, Unavailability why);
  MessageRef restamp(Turn& turn, const MessageRef& prepare, View view, u8 flags) const;
  ReplicaIndex next_other();

  // Of a Read of a record; below these: for the replica of that index.
  static constexpr u64 purpose_apply = voters_max;
  static constexpr u64 purpose_move = voters_max + 1;
  static constexpr u64 purpose_scrub = voters_max + 2;
  static constexpr u64 purpose_body = voters_max + 3;  // and above: for that BodyRead
  // Of a read of the checkpoint zone: up to here for peers, above for that BodyRead.
  u32 scrub_tag() const { return config_.limits.sync_reads_max + 1; }
  u32 body_tag() const { return scrub_tag() + 1; }

  const ReplicaConfig config_;
  const Quorums quorums_;
  const Digest root_identity_;  // of op 0: derived from the configuration, never stored
  ReplicaIndex self_;
  AnyMachine machine_;
  Sessions sessions_;
  BodyIndex body_index_;
  std::unique_ptr<BodyWork> body_work_;  // while there is any
  u32 timers_[timer_count] = {};
  Checkpointer checkpointer_;
  std::unique_ptr<CheckpointLoader> loader_;   // while this replica starts from a checkpoint: nothing is applied yet
  bool checkpoint_usable_ = false;             // as far as can be said before it is read
  Op started_at_;                              // of the checkpoint that the state of this life began with
  bool checkpoint_damaged_ = false;            // there was one, and it could not be read
  u8 lacked_in_a_row_ = 0;                     // checkpoints given up: a body that they have to hold is lost
  bool checkpoint_unrecorded_ = false;         // complete, its record not yet appended
  Op durable_checkpoint_;                      // a replication quorum has this one or a newer one
  Op checkpoint_formed_;                       // newest checkpoint op applied here or prepared here
  Instant make_room_at_;                       // not sooner is one tried for want of room
  Turn* applying_ = nullptr;                   // during apply: what touch_section needs
  const Prepare* applying_prepare_ = nullptr;  // ... and what a retained body belongs to
  bool checkpoint_wanted_ = false;             // as primary: make one as soon as there is something new
  bool renewal_ = false;                       // the durable one is damaged: make one even of the same state
  Vec<Serving> serving_;                       // no memory before the first time
  std::unique_ptr<Scrub> scrub_;               // while a tour reads this group
  Op lost_op_;                                 // the lowest applied op whose record is damaged; 0: none

  // State sync.
  SyncTarget named_;                  // what the primary of view_ says it has
  Op named_from_;                     // the head when it said so first: prepares above are its own
  std::unique_ptr<StateSync> sync_;   // while a state is fetched
  bool checkpoint_received_ = false;  // the manifest is proven, the checkpointer knows what to expect
  Op lacking_at_;                     // commit_min_ that the log can't bring on
  Instant lacking_since_;
  Instant asked_checkpoint_;
  Instant refusals_at_;
  bool wants_checkpoint_ = false;   // said with the next ack
  bool checkpoint_moving_ = false;  // a copy of its record is on the way
  RecordPlace checkpoint_place_;    // of that record
  Vec<MessageRef> moves_;           // to be copied; no memory before the first time
  u32 moves_pending_ = 0;           // being read for it
  Instant vacating_since_ = Instant::never();

  ReplicaStatus status_ = ReplicaStatus::recovering;
  RecoveringReason recovering_ = RecoveringReason::none;
  FenceReason fenced_ = FenceReason::none;
  Epoch epoch_{1};
  View view_;
  View log_view_;     // last view whose log is this log; <= view_
  View stored_view_;  // of the newest group_state known durable
  View stored_log_view_;
  u64 state_seq_ = 0;          // of the newest group_state appended
  bool state_wanted_ = false;  // one must be appended as soon as the WAL has room
  bool state_stored_ = true;   // the newest appended one is durable
  bool state_on_disk_ = false;
  bool state_frees_ = false;  // the wanted one keeps a segment from being freed
  bool confessed_ = false;    // the newest stored one says what this start found lost, if anything
  RecordPlace state_place_;   // of the newest stored one

  LogIndex log_;
  Op bodies_dropped_to_;  // for want of memory
  BodyCache bodies_;
  Op head_;
  Op linked_floor_;              // [linked_floor_, head_] is one chain of known identities
  Op commit_min_;                // applied
  Op commit_max_;                // known committed; may be above head_
  Op told_commit_;               // known to this view's primary, as it told: it waits for acks of all above
  Timestamp last_timestamp_;     // of head_, or newer
  Digest applied_identity_;      // of commit_min_
  bool tail_uncertain_ = false;  // head_unknown: ops above head_ may be lost here

  // As primary.
  Op view_start_op_;           // head selected for this view
  Ring<InPipeline> pipeline_;  // of ops commit_max_ + 1 ..
  Ring<Queued> queue_;
  InFlight in_flight_;
  bool abdicating_ = false;
  bool shut_out_ = false;  // of this view: there is no room for its log above this one's
  u32 resend_backoff_ = 0;

  // Quiescence.
  bool quiet_ = false;     // as backup: relies on the beats of the primary's shard
  Votes asleep_;           // as primary: backups that said they do
  Votes drowsy_;           // ... and those that may: all that were ever asked to, in this view
  u32 quiesce_round_ = 0;  // of the offers made; as backup: the newest heard
  u32 awake_round_ = 0;    // as backup: offers up to it are old
  u32 quiesce_backoff_ = 0;
  Instant active_at_;  // newest request, or sign that a backup is awake

  // Acks of this turn, joined into one message per contiguous run.
  Op ack_from_;
  Op ack_to_;

  // View change.
  bool vote_cast_ = false;
  Instant last_primary_sign_;
  Vec<Prepare> suffix_;  // of the newest group_state, from its head downward
  Op suffix_head_;
  bool installing_ = false;  // this view's log is chosen, its group_state not yet stored
  bool completing_ = false;  // as its primary: that is stored, bytes of the log are still missing
  Op held_to_;               // ... and were found to be here up to this op
  u32 give_ups_ = 0;
  Nonce nonce_;       // of this process's get_views
  u32 rotation_ = 0;  // whom to ask next
  Op stuck_op_;

  Vec<PeerState> peers_;  // all voters, this one included
  u32 loads_pending_ = 0;
  u32 failed_reads_ = 0;  // in a row, of the next op to apply; alone
  Op load_next_;          // next op to read ahead for apply
  ReplicaScratch& scratch_;
};

}  // namespace keelson
