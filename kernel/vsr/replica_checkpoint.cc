// Checkpoints: the primary puts them into the log, every replica saves its state after that op, a start begins with
// one.
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"
#include "keelson/wire/prepare.h"

namespace keelson {

// ---------------------------------------------------------------- starting from one

// What recovery found. It is read only if the log goes on behind it.
void Replica::take_checkpoint(RecoveredGroup& recovered) {
  const GroupCheckpoint& record = recovered.checkpoint;
  const CheckpointFacts& facts = recovered.table.facts;
  if (facts.epoch != epoch_) return;
  checkpoint_usable_ =
      record.op <= head_ && record.op >= log_.floor() && log_.at(record.op).identity == record.identity;
  checkpointer_.start_from(std::move(recovered.table), record);
  if (checkpoint_usable_) begin_at_checkpoint();
}

// The durable checkpoint's state becomes this replica's; it is read from here on.
void Replica::begin_at_checkpoint() {
  const CheckpointFacts& facts = checkpointer_.durable().facts;
  commit_min_ = started_at_ = facts.op;
  commit_max_ = std::max(commit_max_, commit_min_);
  applied_identity_ = facts.identity;
  checkpoint_formed_ = std::max(checkpoint_formed_, facts.op);
  last_timestamp_ = std::max(last_timestamp_, facts.timestamp);
  checkpoint_usable_ = true;
  machine_.reset(facts.release);
  sessions_.reset();
  body_index_.reset();
  loader_ = std::make_unique<CheckpointLoader>(
      group(), checkpointer_.durable(), this,
      [](void* self, u32 section, Bytes bytes) { return static_cast<Replica*>(self)->load_section(section, bytes); });
  const bool possible = machine_.begin_load(facts.machine_sections) == Status::ok &&
                        sessions_.begin_load(facts.session_sections) == Status::ok &&
                        body_index_.begin_load(facts.blobs) == Status::ok;
  if (!possible) loader_->refuse();
}

void Replica::load_checkpoint(Turn& turn) {
  loader_->advance(turn.checkpoints, turn.out);
  switch (loader_->state()) {
    case CheckpointLoader::State::reading:
      return arm(turn, resume, config_.tunables.repair_pace);  // should all reads of the zone be taken
    case CheckpointLoader::State::loaded:
      loader_.reset();
      if (machine_.finish_load() != Status::ok || body_index_.finish_load() != Status::ok)
        return on_refused_state(turn);
      turn.counters.add(Counter::checkpoints_loaded);
      return turn.counters.hit(Mark::checkpoint_loaded);
    case CheckpointLoader::State::damaged:
      loader_.reset();
      return on_damaged_checkpoint(turn);
    case CheckpointLoader::State::refused:
      loader_.reset();
      return on_refused_state(turn);
  }
}

// Its bytes are what they were, and mean nothing to this machine. Where the log can't tell instead, nobody can.
void Replica::on_refused_state(Turn& turn) {
  if (log_.floor() > Op(0)) return fence(turn, FenceReason::state_refused);
  on_damaged_checkpoint(turn);
}

void Replica::on_damaged_checkpoint(Turn& turn) {
  turn.counters.hit(Mark::checkpoint_damaged);
  checkpoint_damaged_ = true;
  drop_checkpoint(turn);
}

// A log that is there from its begin is replayed; otherwise a peer has to give a state.
void Replica::drop_checkpoint(Turn& turn) {
  checkpointer_.forget(turn.checkpoints, turn.now);
  machine_.reset(Release(1));
  sessions_.reset();
  body_index_.reset();
  commit_min_ = started_at_ = Op(0);
  applied_identity_ = root_identity_;
  checkpoint_formed_ = Op(0);
  checkpoint_usable_ = false;
  held_to_ = Op(0);
  if (stateless() && voters() == 1) return fence(turn, FenceReason::log_damaged);
  relink(turn);
  if (!mute() && is_primary() && stateless()) transfer(turn);
}

bool Replica::load_section(u32 section, Bytes bytes) {
  ByteSource source = source_of(bytes);
  const u32 machines = machine_.section_count();
  const u32 sessions = machines + sessions_.section_count();
  const Status status = section < machines   ? machine_.load_section(SectionId(section), source)
                        : section < sessions ? sessions_.load_section(section - machines, source)
                                             : body_index_.load_section(section - sessions, source);
  return status == Status::ok;
}

// ---------------------------------------------------------------- making one

void Replica::form_checkpoint(Turn& turn) {
  const auto now = turn.clock.now(turn.now);
  if (!now || pipeline_.full() || !log_.has_room(head_ + 1) || !turn.wal.has_room(1, header_size)) return;
  MessageRef message = allocate_message(turn.slabs, 0);
  if (!message) return;
  Prepare prepare = header<Prepare>();
  prepare.release = Release(1);
  prepare.op = head_ + 1;
  prepare.parent = identity_at(head_);
  prepare.commit = commit_max_;
  prepare.timestamp = rules::next_timestamp(last_timestamp_, *now);
  prepare.operation = PrepareOperation::checkpoint;
  prepare.checkpoint_op = checkpointer_.durable_op();
  prepare.checkpoint_id = checkpointer_.durable_id();
  prepare.durable_checkpoint = told_durable_checkpoint();
  seal_prepare(message, prepare, 0);
  checkpoint_formed_ = prepare.op;
  checkpoint_wanted_ = renewal_ = false;
  publish(turn, message);
}

// On every replica, whether or not it makes this checkpoint: how many sections there are is part of the state.
void Replica::settle_sections(Turn& turn) {
  CheckpointFacts before, now;
  before.machine_sections = machine_.section_count();
  before.session_sections = sessions_.section_count();
  machine_.settle_sections();
  sessions_.settle_sections();
  now.machine_sections = machine_.section_count();
  now.session_sections = sessions_.section_count();
  if (rules::cuts_anew(before, now)) {
    turn.counters.hit(Mark::checkpoint_sections_changed);
    checkpointer_.recut(turn.counters);
  }
}

// Likewise which blobs there are.
void Replica::settle_blobs(Turn& turn, Op checkpoint) {
  const auto before = static_cast<u32>(body_index_.blobs().size());
  applying_ = &turn;  // blobs that end have sections that change
  const bool repacked = body_index_.settle(checkpoint, [this](const BodyIndex::Place& place) {
    return checkpointer_.durable_blob(place.blob, place.born) != nullptr;
  });
  applying_ = nullptr;
  if (repacked) turn.counters.hit(Mark::blob_repacked);
  checkpointer_.set_blobs(before, static_cast<u32>(body_index_.blobs().size()));
}

void Replica::begin_checkpoint(Turn& turn, const Prepare& prepare) {
  settle_sections(turn);
  settle_blobs(turn, prepare.op);
  checkpoint_formed_ = std::max(checkpoint_formed_, prepare.op);
  if (prepare.op > checkpointer_.durable_op()) save_state(turn, prepare);
}

void Replica::save_state(Turn& turn, const Prepare& prepare) {
  if (checkpointer_.phase() != Checkpointer::Phase::idle || turn.checkpoints.out_of_space()) {
    turn.counters.hit(Mark::checkpoint_skipped);
    return turn.counters.add(Counter::checkpoints_skipped);
  }
  CheckpointFacts facts;
  facts.group = group();
  facts.epoch = epoch_;
  facts.release = prepare.release;
  facts.op = prepare.op;
  facts.identity = prepare.identity;
  facts.timestamp = prepare.timestamp;
  facts.machine_sections = machine_.section_count();
  facts.session_sections = sessions_.section_count();
  facts.blobs = static_cast<u32>(body_index_.blobs().size());
  checkpointer_.begin(facts, [this](u32 blob) { return body_index_.blobs()[blob].born; });
  plan_blobs();
}

// The state is still that of a checkpoint op that was not saved: it can be without another op. When the log is full
// there is none.
void Replica::save_state_late(Turn& turn) {
  if (loading() || sync_ || commit_min_ <= std::max(checkpointer_.durable_op(), log_.floor())) return;
  const LogEntry& entry = log_.at(commit_min_);
  if (!rules::may_save_late(entry)) return;
  if (turn.now >= make_room_at_) {
    make_room_at_ = turn.now + config_.tunables.space_probe;
    if (!turn.checkpoints.out_of_space()) {
      turn.counters.hit(Mark::checkpoint_saved_late);
      return save_state(turn, log_.header_of(commit_min_, config_.cluster, group(), epoch_));
    }
  }
  turn.timers.arm_if_sooner(timers_[resume], make_room_at_);
}

// As primary: the newest checkpoint that a replication quorum has. It never falls: what was pruned by it is gone.
void Replica::reckon_durable_checkpoint() {
  Op ops[voters_max];
  for (u8 i = 0; i < voters(); ++i)
    ops[i] = ReplicaIndex(i) == self_ ? checkpointer_.durable_op() : peers_[i].checkpoint_op;
  durable_checkpoint_ = std::max(durable_checkpoint_, rules::durable_checkpoint(std::span(ops, voters()), quorums_));
}

bool Replica::wants_new_checkpoint() const {
  return checkpoint_wanted_ && checkpointer_.phase() == Checkpointer::Phase::idle &&
         commit_min_ >= checkpoint_formed_ && (checkpointer_.durable_op() < head_ || renewal_);
}

void Replica::on_checkpoint_stored(Turn& turn, const StoredRecord& stored) {
  checkpoint_place_ = stored.place;
  if (!checkpointer_.is_recording(stored.op)) {
    checkpoint_moving_ = false;
    return;
  }
  const bool received = checkpointer_.receiving();
  lacked_in_a_row_ = 0;
  checkpointer_.recorded(turn.checkpoints, turn.counters, turn.now);
  if (mute()) return;
  if (received) install_received(turn);
  if (mute()) return;
  if (is_primary()) reckon_durable_checkpoint();
  if (is_backup()) ack(turn, head_);  // an ack tells of it
}

// How much has come to the state is an estimate: a checkpoint shows what of it is still there. One now and then,
// however many are refused meanwhile. False: not here, or not yet.
bool Replica::make_room(Instant now) {
  if (!is_primary() || !checkpointer_.has_grown() || now < make_room_at_) return false;
  make_room_at_ = now + config_.tunables.space_probe;
  checkpoint_wanted_ = true;
  return true;
}

void Replica::advance_checkpoint(Turn& turn) {
  checkpointer_.tell_need(turn.checkpoints);
  checkpointer_.release_pins(turn.now, turn.checkpoints);
  if (checkpointer_.phase() == Checkpointer::Phase::idle) save_state_late(turn);
  if (checkpointer_.phase() == Checkpointer::Phase::idle) return;
  if (checkpointer_.advance(turn.checkpoints, turn.counters)) checkpoint_unrecorded_ = true;
  // What another replica's state is must not be told to be here while a view changes. Of one that has begun without
  // this replica it may.
  if (checkpoint_unrecorded_ && (rules::may_sync(is_backup(), shut_out_) || !checkpointer_.receiving()))
    append_checkpoint(turn);
  turn.timers.arm_if_sooner(timers_[resume], turn.now + config_.tunables.repair_pace);
}

void Replica::append_checkpoint(Turn& turn) {
  if (!turn.wal.has_room(1, header_size, Command::group_checkpoint)) return;
  GroupCheckpoint record = header<GroupCheckpoint>();
  checkpointer_.fill(record);
  MessageRef message = make_message(turn.slabs, record);
  if (!message) return;
  checkpoint_unrecorded_ = false;
  turn.wal.append(RecordMeta{group(), Command::group_checkpoint, epoch_, view_, log_view_, record.op, record.identity,
                             0, rules::needs_mark(Command::group_checkpoint, voters())},
                  std::move(message));
  turn.counters.hit(Mark::checkpoint_recorded);
}

void Replica::on_checkpoint_io(Turn& turn, const CheckpointZone::Done& done) {
  if (done.kind == IoKind::write) return checkpointer_.written(done.ok);
  if (done.tag >= body_tag()) return on_blob_read(turn, done);
  if (done.tag == scrub_tag()) return on_scrubbed(turn, done);
  if (done.tag > 0) return on_served_read(turn, done);
  if (loader_) return loader_->on_read(done, turn.checkpoints);
  turn.checkpoints.release(done.buffer);
}

void Replica::save_section(u32 section, ByteSink& sink) const {
  const u32 machines = machine_.section_count();
  const u32 sessions = machines + sessions_.section_count();
  if (section < machines)
    machine_.save_section(SectionId(section), sink);
  else if (section < sessions)
    sessions_.save_section(section - machines, sink);
  else
    body_index_.save_section(section - sessions, sink);
}

void Replica::touch_section(u32 section) {
  if (applying_) checkpointer_.touch(section, applying_->checkpoints, applying_->counters);
}

}  // namespace keelson
