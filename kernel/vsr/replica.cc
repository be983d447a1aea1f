#include "keelson/vsr/replica.h"

#include "keelson/vsr/rules.h"

namespace keelson {
Prepare root_of(const ReplicaConfig& config) {
  Prepare root = make<Prepare>();
  root.cluster = config.cluster;
  root.group = config.group;
  root.epoch = Epoch(1);
  root.checksum_body = body_checksum({});
  root.operation = PrepareOperation::root;
  root.identity = identity_of(root);
  return root;
}

namespace {

ReplicaIndex find(const Vec<NodeId>& members, NodeId node) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i] == node) return ReplicaIndex(static_cast<u8>(i));
  return no_replica;
}

}  // namespace

const char* name_of(ReplicaStatus status) {
  switch (status) {
    case ReplicaStatus::normal:
      return "normal";
    case ReplicaStatus::view_change:
      return "view_change";
    case ReplicaStatus::recovering:
      return "recovering";
  }
  return "?";
}

const char* name_of(FenceReason reason) {
  switch (reason) {
    case FenceReason::none:
      return "none";
    case FenceReason::contradiction:
      return "contradiction";
    case FenceReason::log_damaged:
      return "log_damaged";
    case FenceReason::poisoned:
      return "poisoned";
    case FenceReason::amnesiac:
      return "amnesiac";
    case FenceReason::state_refused:
      return "state_refused";
  }
  return "?";
}

Replica::Replica(ReplicaConfig config, RecoveredGroup recovered, AnyMachine machine, Timers& timers, Prng& prng,
                 ReplicaScratch& scratch)
    : config_(std::move(config)),
      quorums_(Quorums::of(static_cast<u8>(config_.members.size()))),
      root_identity_(root_of(config_).identity),
      self_(find(config_.members, config_.node)),
      machine_(std::move(machine)),
      sessions_(config_.limits),
      body_index_(config_.limits),
      checkpointer_(config_.group, this,
                    [](const void* self, u32 section, ByteSink& sink) {
                      static_cast<const Replica*>(self)->save_section(section, sink);
                    }),
      log_(std::move(recovered.log)),
      bodies_(config_.limits.body_cache_ops_max),
      pipeline_(config_.limits.pipeline_max),
      queue_(config_.limits.request_queue_max),
      in_flight_(config_.limits.sessions_max + config_.limits.request_queue_max),
      peers_(config_.members.size()),
      scratch_(scratch) {
  check(self_ != no_replica && config_.members.size() <= voters_max);
  peers_.resize(config_.members.size());
  for (u32 kind = 0; kind < timer_count; ++kind) timers_[kind] = timers.create(config_.group.raw(), kind);
  nonce_ = Nonce{prng.next() | 1, prng.next()};

  if (recovered.has_state) {
    view_ = recovered.state.view;
    log_view_ = recovered.state.log_view;
    state_seq_ = recovered.state.state_seq;
    durable_checkpoint_ = recovered.state.checkpoint_op;
  }
  stored_view_ = view_;
  stored_log_view_ = log_view_;
  state_place_ = recovered.state_place;  // not known where only its entry is left: it counts as old
  state_on_disk_ = recovered.has_state;
  confessed_ =
      recovered.has_state && rules::confesses(recovered.state.state_flags, recovered.amnesiac, recovered.head_unknown);
  checkpoint_place_ = recovered.checkpoint_place;
  head_ = recovered.head;
  linked_floor_ = head_;
  commit_max_ = recovered.commit_max;
  applied_identity_ = root_identity_;
  tail_uncertain_ = recovered.head_unknown;
  for (Op op = head_; op > Op(0) && head_ - op <= config_.limits.pipeline_max; op = op - 1)
    last_timestamp_ = std::max(last_timestamp_, log_.at(op).timestamp);
  sessions_.set_touch({this, [](void* self, SectionId section) {
                         auto& replica = *static_cast<Replica*>(self);
                         replica.touch_section(replica.machine_.section_count() + section.raw());
                       }});
  sessions_.set_body_share(this,
                           [](void* self, Op op, bool held) { static_cast<Replica*>(self)->share_body(op, held); });
  body_index_.set_touch({this, [](void* self, SectionId section) {
                           auto& replica = *static_cast<Replica*>(self);
                           replica.touch_section(replica.machine_.section_count() + replica.sessions_.section_count() +
                                                 section.raw());
                         }});
  checkpoint_damaged_ = recovered.checkpoint_damaged;
  if (recovered.has_checkpoint) take_checkpoint(recovered);
  if (recovered.amnesiac) fenced_ = FenceReason::amnesiac;
  if (recovered.log_damaged) fenced_ = FenceReason::log_damaged;
}

Replica::~Replica() = default;

void Replica::start(Turn& turn) {
  if (checkpointer_.durable_op() > Op(0) && !checkpoint_usable_) {
    turn.counters.hit(Mark::checkpoint_ahead_of_log);
    drop_checkpoint(turn);
  }
  if (fenced_ != FenceReason::none) {
    recovering_ = fenced_ == FenceReason::amnesiac ? RecoveringReason::amnesiac : RecoveringReason::none;
    turn.out.notifications.push_back({NotifyKind::fenced, group(), static_cast<u64>(fenced_), head_.raw()});
    return;
  }
  build_suffix();
  relink(turn);
  const bool fresh = state_seq_ == 0 && head_ == Op(0);
  if (tail_uncertain_) {
    recovering_ = RecoveringReason::head_unknown;
    arm(turn, suspicion, config_.tunables.primary_suspected);
    arm(turn, ask_view, Duration(0));
    return;
  }
  if (log_view_ < view_) return enter_view(turn, view_);
  if (self_ != primary_of(view_)) return become_backup(turn);
  if (rules::may_be_primary_at_start(view_, config_.incarnation, fresh)) return become_primary(turn);

  turn.counters.hit(Mark::vsr_primary_restarted_in_view);
  enter_view(turn, view_ + 1);
}

// ---------------------------------------------------------------- events

void Replica::on_message(Turn& turn, NodeId node, const MessageRef& message) {
  const Header header = message.header();
  const ReplicaIndex from = index_of(node);
  if (from == no_replica || from == self_) return ignore(turn, Counter::drop_not_member);
  if (header.epoch != epoch_) return ignore(turn, Counter::drop_epoch);

  switch (header.command) {  // exact identities: served and judged whatever the view
    case Command::get_headers:
      return on_get_headers(turn, from, message.as<GetHeaders>());
    case Command::get_prepares:
      return on_get_prepares(turn, from, message);
    case Command::get_manifest:
      return on_get_manifest(turn, from, message.as<GetManifest>());
    case Command::get_section:
      return on_get_section(turn, from, message.as<GetSection>());
    default:
      break;
  }
  if (mute()) return ignore(turn, Counter::drop_status);
  peers_[from.raw()].last_sign = turn.now;
  on_sign_of_backup(turn, from);
  wake_up(turn);
  switch (header.command) {
    case Command::headers:
      return on_headers(turn, from, message);
    case Command::unavailable:
      return on_unavailable(turn, from, message.as<Unavailable>());
    case Command::manifest:
      return on_manifest(turn, from, message);
    case Command::section:
      return on_section(turn, from, message);
    case Command::prepare:
      if (header.flags & flag::repair) return on_repair_prepare(turn, message);
      break;
    case Command::get_view:
      return on_get_view(turn, from, message.as<GetView>());
    default:
      break;
  }
  if (!accepts_view(turn, from, message)) return;
  dispatch(turn, from, message);
}

void Replica::dispatch(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  switch (message.command()) {
    case Command::prepare:
      return on_prepare(turn, from, message);
    case Command::prepare_ok:
      return on_prepare_ok(turn, from, message.as<PrepareOk>());
    case Command::start_view_change:
      return on_start_view_change(turn, from, message.as<StartViewChange>());
    case Command::do_view_change:
      return on_do_view_change(turn, from, message);
    case Command::start_view:
      return on_start_view(turn, from, message);
    default:
      return ignore(turn, Counter::drop_status);
  }
}

// Which view a message speaks for, against mine. True: handle it.
bool Replica::accepts_view(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  const Header header = message.header();
  if (rules::is_of_view(header.command, header.view, view_)) return true;
  if (header.view < view_) {
    tell_view(turn, from);
    ignore(turn, Counter::drop_view_old);
    return false;
  }
  switch (header.command) {
    case Command::start_view:
      return true;
    case Command::start_view_change:
    case Command::do_view_change:
      if (status_ == ReplicaStatus::recovering && recovering_ != RecoveringReason::head_unknown) break;
      enter_view(turn, header.view);
      return true;
    case Command::prepare:  // proves that view normal
      ask_for_view(turn, primary_of(header.view));
      break;
    default:
      break;
  }
  ignore(turn, Counter::drop_view_new);
  return false;
}

void Replica::on_stored(Turn& turn, const StoredRecord& record) {
  if (record.command == Command::group_state) {
    if (!rules::is_promise_stored(record.state_seq, state_seq_, state_wanted_)) return;
    state_place_ = record.place;
    state_on_disk_ = true;
    state_frees_ = false;
    confessed_ = true;
    return on_state_stored(turn);
  }
  if (record.command == Command::group_checkpoint) return on_checkpoint_stored(turn, record);
  if (!log_.has_room(record.op) || log_.at(record.op).identity != record.identity) return;  // pruned, truncated since
  LogEntry& entry = log_.touch(record.op);
  entry.place = record.place;
  entry.bits = static_cast<u16>((entry.bits | log_bit::stored) &
                                ~(log_bit::lost | log_bit::suspect | log_bit::appended | log_bit::moving));
  if (mute()) return;
  if (is_primary()) self_ack(record.op);
  if (is_backup()) ack(turn, record.op);
}

void Replica::on_loaded(Turn& turn, const LoadedRecord& record) {
  const bool for_apply = record.purpose == purpose_apply;
  if (for_apply && loads_pending_ > 0) --loads_pending_;
  if (record.purpose == purpose_move) on_move_loaded(turn, record);
  if (record.purpose == purpose_scrub) --scrub_->pending;
  if (record.purpose >= purpose_body) on_body_loaded(turn, record);
  const bool known = log_.has_room(record.op) && log_.at(record.op).identity == record.identity;
  if (!record.ok) {
    if (known && log_.at(record.op).place == record.place) {  // otherwise it was moved, and its old place given back
      const bool next = record.op == commit_min_ + 1;         // others are read again when they are
      if (for_apply && voters() == 1 && (!next || !rules::is_gone(++failed_reads_))) return;
      turn.counters.hit(Mark::recovery_row_3_lost);
      LogEntry& entry = log_.touch(record.op);
      entry.bits = static_cast<u16>((entry.bits | log_bit::lost) & ~(log_bit::stored | log_bit::moving));
      if (mute()) return;
      if (for_apply && voters() == 1) return fence(turn, FenceReason::log_damaged);
      if (record.purpose == purpose_scrub) note_lost(turn, record.op);
      if (record.purpose >= purpose_body) miss_record(turn, record.op);
      repair_elsewhere(turn);
    }
    return;
  }
  if (for_apply) {
    if (record.op == commit_min_ + 1) failed_reads_ = 0;
    if (log_.at(record.op).identity == record.identity) bodies_.put(record.op, record.identity, record.message);
    return;
  }
  if (record.purpose < voters_max) serve(turn, ReplicaIndex(static_cast<u8>(record.purpose)), record.message);
}

bool Replica::on_peer_connected(Turn& turn, NodeId node) {
  const ReplicaIndex peer = index_of(node);
  if (mute() || peer == no_replica || peer == self_ || status_ == ReplicaStatus::normal) return false;
  arm(turn, ask_view, Duration(0));
  return true;
}

bool Replica::on_peer_lost(Turn& turn, NodeId node) {
  const ReplicaIndex peer = index_of(node);
  if (mute() || peer == no_replica || quiet_ || !is_backup() || peer != primary_of(view_)) return false;
  turn.timers.arm_if_sooner(timers_[suspicion], turn.now + config_.tunables.primary_lost);
  return true;
}

void Replica::on_poisoned(Turn& turn) {
  if (!mute()) fence(turn, FenceReason::poisoned);
}

void Replica::on_timer(Turn& turn, u32 kind) {
  if (mute()) return;
  switch (static_cast<Timer>(kind)) {
    case suspicion:
      return suspect_primary(turn);
    case vote:
      return resend_votes(turn);
    case give_up:
      return cast_vote(turn);
    case ask_view:
      return ask_next_for_view(turn);
    case resend:
      return resend_prepares(turn);
    case repair:
      return repair_now(turn);
    case abdication:
      return check_abdication(turn);
    case watchdog:
      return watch(turn);
    case quiesce:
      return offer_sleep(turn);
    case resume:  // finish_turn does the work
    case sync:
    case timer_count:
      return;
  }
}

// In every status but normal: say what is waited for, and see to it that something is armed.
void Replica::watch(Turn& turn) {
  if (status_ == ReplicaStatus::normal) return;
  turn.out.notifications.push_back({NotifyKind::waiting, group(), static_cast<u64>(status_), stuck_op_.raw()});
  turn.timers.arm_if_sooner(timers_[ask_view], turn.now);
  arm(turn, watchdog, config_.tunables.watchdog);
}

void Replica::finish_turn(Turn& turn) {
  if (state_wanted_) append_state(turn);
  if (mute()) return;
  if (is_primary()) advance_commit(turn);
  if (loading()) load_checkpoint(turn);
  if (status_ == ReplicaStatus::normal || completing_) apply_committed(turn);
  if (mute()) return;
  if (completing_ && holds_log()) become_primary(turn);
  if (is_primary()) form_prepares(turn);
  run_sync(turn);
  if (mute()) return;
  work_on_bodies(turn);
  advance_checkpoint(turn);
  prune(turn);
  if (turn.slabs.scarce()) drop_applied_bodies();
  flush_acks(turn);
  advance_lost();
  if ((status_ == ReplicaStatus::normal || completing_) && !turn.timers.armed(timers_[repair]) && needs_repair())
    arm(turn, repair, config_.tunables.repair_pace);
}

// ---------------------------------------------------------------- who am I, what may be said

ReplicaIndex Replica::primary_of(View view) const { return rules::primary_of(view, voters()); }
ReplicaIndex Replica::index_of(NodeId node) const { return find(config_.members, node); }
bool Replica::mute() const { return fenced_ != FenceReason::none; }

void Replica::send(Turn& turn, ReplicaIndex to, MessageRef message) {
  if (!message) return turn.counters.add(Counter::drop_no_slab);
  check(to != self_);
  turn.out.sends.push_back(Envelope{Peer::node(node_of(to)), config_.shard, std::move(message)});
}

void Replica::send_to_others(Turn& turn, const MessageRef& message) {
  for (u8 i = 0; i < voters(); ++i)
    if (ReplicaIndex(i) != self_) send(turn, ReplicaIndex(i), message);
}

// To a client: on this shard by its connection, on a sibling by mailbox.
void Replica::reply(Turn& turn, const Route& route, const MessageRef& message) {
  if (!message) return turn.counters.add(Counter::drop_no_slab);
  if (rules::answers_here(route.shard, config_.shard))
    turn.out.sends.push_back(Envelope{Peer::client(route.connection), ShardId(0), message});
  else
    turn.out.posts.push_back(PostShard{route.shard, Frame{FrameKind::to_client, route.connection, message}});
}

void Replica::arm(Turn& turn, Timer timer, Duration after) { turn.timers.arm(timers_[timer], turn.now + after); }
void Replica::disarm(Turn& turn, Timer timer) { turn.timers.disarm(timers_[timer]); }

// This node's disk is an older copy: what was promised on the newer one is not known. Said on the disk, too, as it may
// be a peer's memory alone that knows.
void Replica::on_old_disk(Turn& turn) {
  if (mute() || voters() == 1) return;
  fence(turn, FenceReason::amnesiac);
  recovering_ = RecoveringReason::amnesiac;
  state_frees_ = true;
  persist_state(turn);
}

// This group takes no further part on this node; its data stays, and is served by exact identity.
void Replica::fence(Turn& turn, FenceReason reason) {
  if (is_primary()) leave_primary(turn, Status::fenced);
  fenced_ = reason;
  quiet_ = false;
  asleep_.clear();  // who may sleep is woken with the next beats
  for (u32 kind = 0; kind < timer_count; ++kind) disarm(turn, static_cast<Timer>(kind));
  ack_to_ = Op(0);
  if (reason == FenceReason::contradiction) turn.counters.add(Counter::drop_contradiction);
  turn.out.notifications.push_back({NotifyKind::fenced, group(), static_cast<u64>(reason), head_.raw()});
}

// ---------------------------------------------------------------- promises

void Replica::persist_state(Turn& turn) {
  state_wanted_ = true;
  state_stored_ = false;
  append_state(turn);
}

void Replica::append_state(Turn& turn) {
  const u32 body_size = static_cast<u32>(suffix_.size()) * header_size;
  if (!turn.wal.has_room(1, header_size + body_size, Command::group_state, state_frees_))
    return;  // tried again at the end of each turn
  MessageRef message = allocate_message(turn.slabs, body_size);
  if (!message) return;
  for (std::size_t i = 0; i < suffix_.size(); ++i)
    write_entry(message.mutable_data() + header_size * (i + 1), suffix_[i]);

  GroupState state = header<GroupState>();
  state.state_seq = ++state_seq_;
  state.commit_max = commit_max_;
  state.head = suffix_head_;
  state.checkpoint_op = told_durable_checkpoint();
  state.state_flags = tail_uncertain_ ? state_flag::unsure : 0;
  // Only made again while mute to free the log: what shows the reason may go with it.
  if (mute()) state.state_flags |= state_flag::amnesiac;
  state.log_view = log_view_;
  state.header_count = static_cast<u32>(suffix_.size());
  seal(message, state, body_size);
  state_wanted_ = false;
  turn.wal.append(
      RecordMeta{group(), Command::group_state, epoch_, view_, log_view_, suffix_head_, identity_at(suffix_head_),
                 state_seq_, rules::needs_mark(Command::group_state, voters()), state.state_flags},
      std::move(message));
  turn.counters.hit(Mark::vsr_promise_written);
}

void Replica::on_state_stored(Turn& turn) {
  check(log_view_ <= view_ && stored_view_ <= view_ && stored_log_view_ <= log_view_);
  state_stored_ = true;
  stored_view_ = view_;
  stored_log_view_ = log_view_;
  if (mute() || status_ == ReplicaStatus::normal || status_ == ReplicaStatus::recovering || completing_) return;
  if (!installing_) return send_do_view_change(turn);
  installing_ = false;
  if (self_ == primary_of(view_)) return lead(turn);
  become_backup(turn);
}

// ---------------------------------------------------------------- for whoever watches

GroupEntry Replica::commit_entry() const {
  GroupEntry entry;
  entry.group = group();
  entry.epoch = epoch_;
  entry.view = view_;
  entry.op = head_;
  entry.commit = commit_max_;
  entry.identity = identity_at(commit_max_);
  entry.checkpoint_op = told_durable_checkpoint();
  entry.kind = EntryKind::commit;
  entry.replica = self_;
  return entry;
}

GroupView Replica::view(Instant now, const ClusterClock& clock, bool with_digest) const {
  GroupView v;
  v.group = group();
  v.status = status_;
  v.recovering = recovering_;
  v.fenced = fenced_;
  v.index = self_;
  v.voters = voters();
  v.epoch = epoch_;
  v.view = view_;
  v.log_view = log_view_;
  v.stored_view = stored_view_;
  v.stored_log_view = stored_log_view_;
  v.head = head_;
  v.commit_min = loading() ? Op(0) : commit_min_;
  v.commit_max = commit_max_;
  v.primary = is_primary() && !mute();
  v.clock_synchronized = clock.now(now).has_value();
  v.stuck_op = stuck_op_;
  v.quiet = quiet_;
  v.drowsy = drowsy_;
  v.checkpoint_op = checkpointer_.durable_op();
  v.checkpoint_id = checkpointer_.durable_id();
  v.started_at = loading() ? Op(0) : started_at_;
  v.checkpoint_damaged = checkpoint_damaged_;
  v.pipeline = static_cast<u32>(pipeline_.size());
  v.queue = static_cast<u32>(queue_.size());
  v.syncing = sync_ != nullptr;
  v.floor = log_.floor();
  v.durable_checkpoint = durable_checkpoint_;
  v.retained_bytes = body_index_.bytes_wanted();
  if (with_digest) v.machine_digest = body_index_.digest_with(machine_.digest());
  return v;
}

u64 Replica::missing() const {
  u64 count = 0;
  for (Op op = std::max(commit_min_, log_.floor()) + 1; op <= head_; ++op) count += !readable(op);
  return count;
}

CommittedOp Replica::committed(Op op) const {
  CommittedOp result;
  result.op = op;
  const LogEntry& entry = log_.at(op);
  if (op > commit_min_ || op == Op(0) || !entry.has(log_bit::full)) return result;
  result.known = true;
  result.identity = entry.identity;
  result.parent = entry.parent;
  result.timestamp = entry.timestamp;
  result.view = entry.view;
  result.operation = entry.operation;
  result.request_count = entry.request_count;
  return result;
}

}  // namespace keelson
