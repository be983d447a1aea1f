// State sync: a replica whose log can't bring it on any more takes over a checkpoint of its peers (docs/protocol.md).
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {

// ---------------------------------------------------------------- when, and which

// What the primary of this view says it has itself.
void Replica::name_checkpoint(Turn& turn, Op op, const Digest& id) {
  if (op > Op(0) && op < checkpointer_.durable_op()) turn.counters.hit(Mark::sync_ghost);
  named_ = {op, id};
}

// No way on by the log: it begins above the state here, or the next op is nowhere to be had.
bool Replica::needs_state(Turn& turn) {
  if (stateless()) return true;
  const Op next = commit_min_ + 1;
  const bool known = next <= head_ && next >= linked_floor_;
  const bool here = known && (readable(next) || log_.at(next).has(log_bit::appended));
  if (commit_min_ >= commit_max_ || here || commit_min_ != lacking_at_) {
    lacking_at_ = commit_min_;
    lacking_since_ = turn.now;
    return false;
  }
  return is_pruned_everywhere(first_missing()) || turn.now.since(lacking_since_) >= config_.tunables.sync_stall;
}

// The first op above the state here whose bytes aren't here, as far as a look at the next ones tells.
Op Replica::first_missing() const {
  constexpr u32 look_ahead = 4096;
  const Op last = std::min(head_, commit_min_ + look_ahead);
  Op op = commit_min_ + 1;
  while (op <= last && readable(op)) ++op;
  return op;
}

bool Replica::is_pruned_everywhere(Op op) const {
  for (u8 i = 0; i < voters(); ++i)
    if (ReplicaIndex(i) != self_ && peers_[i].floor < op) return false;
  return true;
}

bool Replica::may_fetch(const SyncTarget& target) const {
  return !target.id.is_zero() &&
         rules::may_fetch(target.op, commit_min_, checkpointer_.durable_op(), log_.floor(), head_);
}

// Once per turn.
void Replica::run_sync(Turn& turn) {
  if (loading()) lacking_since_ = turn.now;
  if (voters() == 1 || loading() || !rules::may_sync(is_backup(), shut_out_)) return;
  if (!sync_ && !begin_sync(turn)) return;
  if (rules::makes_way(checkpointer_.is_saving())) checkpointer_.forgo();
  if (!continue_sync(turn)) return stop_sync(turn);
  ask_for_state(turn);
  if (!sync_) return;
  turn.timers.arm_if_sooner(timers_[sync], std::min(sync_->deadline(turn.now), turn.now + config_.tunables.sync_retry));
}

bool Replica::begin_sync(Turn& turn) {
  const bool busy = checkpointer_.phase() != Checkpointer::Phase::idle && !checkpointer_.is_saving();
  if (!busy && (shut_out_ || needs_state(turn))) {
    if (stateless()) turn.counters.hit(Mark::sync_stateless);
    if (may_fetch(named_)) {
      turn.counters.add(Counter::syncs_started);
      turn.counters.hit(Mark::sync_started);
      sync_ = std::make_unique<StateSync>(config_.limits, config_.tunables.sync_retry);
      sync_->start(named_, turn.now);
      return true;
    }
    ask_for_checkpoint(turn);
  }
  if (commit_min_ < commit_max_ || stateless() || shut_out_)
    turn.timers.arm_if_sooner(timers_[sync], turn.now + config_.tunables.sync_retry);
  return false;
}

// None is known that helps: ask the primary which one it has, and to make one.
void Replica::ask_for_checkpoint(Turn& turn) {
  if (turn.now.since(asked_checkpoint_) < config_.tunables.sync_retry) return;
  asked_checkpoint_ = turn.now;
  const bool pruned = stateless() || peers_[primary_of(view_).raw()].floor > commit_min_;
  const bool wanted = pruned && !may_fetch(named_);
  if (wanted) turn.counters.hit(Mark::sync_checkpoint_wanted);
  wants_checkpoint_ = wants_checkpoint_ || wanted;
  ask_for_view(turn, primary_of(view_));  // says it, too: there may be no op here to ack
  if (wanted) ack(turn, head_);
}

// False: there is nothing to fetch any more.
bool Replica::continue_sync(Turn& turn) {
  const bool appended = checkpointer_.phase() == Checkpointer::Phase::record && !checkpoint_unrecorded_;
  if (checkpointer_.receiving() && appended) return true;
  if (!may_fetch(sync_->target())) {
    turn.counters.hit(Mark::sync_overtaken);
    return false;
  }
  if (sync_->has_manifest() && !checkpointer_.receiving() && checkpoint_received_) return false;  // no space for it
  if (sync_->refused_by_all(turn.now, config_.tunables.sync_retry * 4, self_, voters())) {
    ask_for_checkpoint(turn);
    if (named_ == sync_->target() || !may_fetch(named_)) {
      if (turn.now.since(refusals_at_) >= config_.tunables.sync_retry) {
        refusals_at_ = turn.now;
        sync_->forget_refusals(turn.now);
      }
      return true;
    }
    turn.counters.hit(Mark::sync_target_moved);
    sync_->start(named_, turn.now);
    checkpoint_received_ = false;
  }
  return true;
}

void Replica::stop_sync(Turn& turn) {
  if (!sync_) return;
  sync_.reset();
  checkpoint_received_ = false;
  turn.counters.add(Counter::syncs_stopped);
  const bool appended = checkpointer_.phase() == Checkpointer::Phase::record && !checkpoint_unrecorded_;
  if (!checkpointer_.receiving() || appended) return;
  checkpoint_unrecorded_ = false;
  checkpointer_.stop_receiving();
}

// ---------------------------------------------------------------- asking and taking

void Replica::ask_for_state(Turn& turn) {
  if (sync_->has_manifest() && !checkpoint_received_ && checkpointer_.may_receive() && !turn.checkpoints.out_of_space())
    begin_receiving(turn);
  if (mute()) return;
  if (checkpoint_received_) {
    sync_->take_whole([&](u32 section, Bytes bytes) {
      return checkpointer_.lacks(section) && checkpointer_.take_section(section, bytes, turn.checkpoints);
    });
    for (u32 i = 0; sync_->has_room() && i < sync_->manifest().sections.size(); ++i)
      if (checkpointer_.lacks(i) && !sync_->is_fetching(i)) sync_->fetch(i);
  }
  StateSync::Ask ask;
  while (sync_->next_ask(turn.now, self_, voters(), ask)) {
    if (ask.manifest) {
      GetManifest get = header<GetManifest>();
      get.checkpoint_op = sync_->target().op;
      get.checkpoint_id = sync_->target().id;
      get.part = ask.part;
      send_header(turn, ask.whom, get);
    } else {
      GetSection get = header<GetSection>();
      get.checkpoint_id = sync_->target().id;
      get.section = ask.section;
      get.offset = ask.offset;
      send_header(turn, ask.whom, get);
    }
  }
}

// The manifest is proven: from here on it is known what to fetch.
void Replica::begin_receiving(Turn& turn) {
  const CheckpointTable& manifest = sync_->manifest();
  const CheckpointFacts& facts = manifest.facts;
  const bool fits = facts.group == group() && facts.epoch == epoch_;
  const Digest known = facts.op >= linked_floor_ ? identity_at(facts.op) : Digest{};
  if (!fits || (!known.is_zero() && known != facts.identity)) return fence(turn, FenceReason::contradiction);
  const u32 kept = checkpointer_.receive(manifest, turn.checkpoints);
  turn.counters.add(Counter::sync_sections_kept, kept);
  if (kept > 0) turn.counters.hit(Mark::sync_sections_kept);
  learn_commit(turn, facts.op);
  checkpoint_received_ = true;
}

void Replica::on_manifest(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  if (!sync_ || !sync_->on_manifest(turn.now, from, message.as<Manifest>(), message.body()))
    ignore(turn, Counter::drop_not_asked);
}

void Replica::on_section(Turn& turn, ReplicaIndex from, const MessageRef& message) {
  if (!sync_ || !sync_->on_section(turn.now, from, message.as<Section>(), message.body(), turn.counters))
    ignore(turn, Counter::drop_not_asked);
}

// ---------------------------------------------------------------- taking it over

// Its record is stored: from the next start on it counts, and now as well.
void Replica::install_received(Turn& turn) {
  sync_.reset();
  checkpoint_received_ = false;
  turn.counters.add(Counter::syncs_done);
  turn.counters.hit(Mark::sync_done);
  const CheckpointFacts facts = checkpointer_.durable().facts;
  if (!rules::may_install(facts.op, commit_min_)) return checkpointer_.distrust_state();  // the log came back meanwhile
  check(facts.op <= head_);
  const Digest known = facts.op >= linked_floor_ ? identity_at(facts.op) : Digest{};
  if (!known.is_zero() && known != facts.identity) return fence(turn, FenceReason::contradiction);
  // Or it began anew, above: then this is a newer state than the one here, and not yet one that the log goes on from.
  if (facts.op >= log_.floor()) restart_log_at(facts.op, facts.identity);
  begin_at_checkpoint();
  relink(turn);
  if (mute()) return;
  if (is_backup()) ack_stored(turn);
}

// Below a received checkpoint the log stays as far as it is chained to it.
void Replica::restart_log_at(Op op, const Digest& identity) {
  const Op from = log_.floor();
  Op floor = op;
  Digest below = identity;
  if (linked_floor_ <= from && from < op) return;
  if (linked_floor_ > from && linked_floor_ <= op) {
    const LogEntry& lowest = log_.at(linked_floor_);
    floor = lowest.has(log_bit::full) ? linked_floor_ - 1 : linked_floor_;
    below = lowest.has(log_bit::full) ? lowest.parent : lowest.identity;
  }
  for (Op gone = std::max(from, floor.minus_saturating(config_.limits.body_cache_ops_max)) + 1; gone <= floor; ++gone)
    bodies_.drop(gone);
  if (floor > Op(0)) log_.prune(floor, below);
}

}  // namespace keelson
