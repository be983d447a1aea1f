// Reclaim: what this group still needs of the log's oldest segments is pruned, checkpointed, or copied to its end.
// Source: segment cleaning of log-structured file systems (Rosenblum and Ousterhout, 1992, section 3).
#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

constexpr u32 moves_max = 16;  // ops of one group that are copied at a time

}  // namespace

// True: nothing that this group needs lies before `end`. Otherwise it has begun to see to that, and is asked again.
bool Replica::vacate(Turn& turn, PageNo end, bool urgent) {
  if (fenced_ == FenceReason::log_damaged) return false;  // what is left is all that there is
  const bool state = vacate_state(turn, end);
  if (mute()) return state;
  const bool checkpoint = vacate_checkpoint(turn, end);
  const bool ops = vacate_ops(turn, end, urgent);
  return state && checkpoint && ops;
}

// The newest promise is made once more. In status normal the log of the view is what it is now, otherwise what was
// promised stays as it is. Where something is lost, one has to say so: what shows it goes.
bool Replica::vacate_state(Turn& turn, PageNo end) {
  const bool leaves = (state_on_disk_ && rules::has_to_leave(Command::group_state, state_place_.page, end)) ||
                      (!confessed_ && rules::has_to_confess(mute(), tail_uncertain_));
  if (!leaves) return true;
  state_frees_ = true;
  if (state_wanted_) append_state(turn);
  if (!state_stored_) return false;
  turn.counters.hit(Mark::reclaim_moves_state);
  if (status_ == ReplicaStatus::normal && !mute()) build_suffix();
  persist_state(turn);
  return false;
}

// Never behind the record of a newer one: recovery takes the last.
bool Replica::vacate_checkpoint(Turn& turn, PageNo end) {
  if (checkpointer_.durable_op() == Op(0) ||
      !rules::has_to_leave(Command::group_checkpoint, checkpoint_place_.page, end))
    return true;
  if (checkpoint_moving_ || checkpointer_.phase() == Checkpointer::Phase::record) return false;
  if (!turn.wal.has_room(1, header_size, Command::group_checkpoint)) return false;
  GroupCheckpoint record = header<GroupCheckpoint>();
  checkpointer_.fill_durable(record);
  MessageRef message = make_message(turn.slabs, record);
  if (!message) return false;
  turn.counters.hit(Mark::reclaim_moves_checkpoint);
  checkpoint_moving_ = true;
  turn.wal.append(
      RecordMeta{group(), Command::group_checkpoint, epoch_, view_, log_view_, record.op, record.identity, 0, true},
      std::move(message));
  return false;
}

// First what checkpoints cover goes, then a checkpoint is asked for. What doesn't go by that in time is copied: ops
// that aren't committed, and those of a group whose quorum is away. A replica that a quorum has left behind lets go of
// what their checkpoints have: it needs one of them anyway.
bool Replica::vacate_ops(Turn& turn, PageNo end, bool urgent) {
  if (first_before(end) == Op(0)) return vacating_since_ = Instant::never(), true;
  prune_to(turn, rules::reclaimable(checkpointer_.durable_op(), durable_checkpoint_, commit_min_));
  Op first = first_before(end);
  if (first == Op(0)) return vacating_since_ = Instant::never(), true;
  if (vacating_since_ == Instant::never()) {
    vacating_since_ = turn.now;
    turn.counters.hit(Mark::reclaim_waits_for_group);
  }
  if (!urgent && first <= commit_max_ && turn.now.since(vacating_since_) < config_.tunables.reclaim_patience) {
    want_checkpoint(turn);
    return false;
  }
  // One that goes on by its log needs it, and one that receives a state needs what is above that one.
  const bool left_behind = commit_min_ < durable_checkpoint_ && turn.now > lacking_since_;
  if (first <= durable_checkpoint_ && left_behind) {
    const Op coming = checkpointer_.receiving() ? checkpointer_.incoming().op : durable_checkpoint_;
    prune_to(turn, std::min(coming, durable_checkpoint_));
    first = first_before(end);
  }
  if (first != Op(0)) move_ops(turn, first, end);
  return false;
}

// The lowest op whose record lies there; 0: none.
Op Replica::first_before(PageNo end) const {
  for (Op op = log_.floor() + 1; op <= head_; ++op) {
    const LogEntry& entry = log_.at(op);
    if (entry.has(log_bit::stored) && rules::has_to_leave(Command::prepare, entry.place.page, end)) return op;
  }
  return Op(0);
}

void Replica::want_checkpoint(Turn& turn) {
  if (turn.checkpoints.out_of_space()) return;
  if (is_primary()) checkpoint_wanted_ = true;
  if (!is_backup() || wants_checkpoint_) return;
  wants_checkpoint_ = true;  // said with an ack
  ack(turn, head_);
}

// Many at a time: copies share pages, or freeing a segment would take as much room as it gives.
void Replica::move_ops(Turn& turn, Op first, PageNo end) {
  if (moves_.capacity() == 0) moves_ = Vec<MessageRef>(moves_max);
  for (Op op = first; op <= head_ && moves_pending_ + moves_.size() < moves_max; ++op) {
    const LogEntry& entry = log_.at(op);
    if (!entry.has(log_bit::stored) || entry.has(log_bit::moving) || entry.place.page >= end) continue;
    if (!turn.wal.has_room(1, entry.size, Command::relocated_prepare)) break;
    if (const MessageRef* body = bodies_.get(op, entry.identity))
      moves_.push_back(MessageRef(*body));
    else if (turn.wal.load(group(), op, entry.identity, entry.place, purpose_move, IoClass::repair, turn.out))
      ++moves_pending_;
    else
      break;
    log_.touch(op).bits |= log_bit::moving;
  }
  if (moves_pending_ == 0) append_moves(turn);
}

void Replica::on_move_loaded(Turn& turn, const LoadedRecord& record) {
  --moves_pending_;
  if (record.ok) moves_.push_back(record.message);
  if (moves_pending_ == 0) append_moves(turn);
}

void Replica::append_moves(Turn& turn) {
  for (const MessageRef& prepare : moves_) {
    const Prepare header = prepare.as<Prepare>();
    if (!log_.has_room(header.op) || log_.at(header.op).identity != header.identity) continue;  // left the log since
    LogEntry& entry = log_.touch(header.op);
    entry.bits &= static_cast<u16>(~log_bit::moving);
    if (mute() || !turn.wal.has_room(1, prepare.size(), Command::relocated_prepare)) continue;
    // Under the stamp that it has, and by this node's hand: the copy says nothing of when the op came.
    MessageRef stamped = restamp(turn, prepare, entry.view, 0);
    if (!stamped) continue;
    entry.bits |= log_bit::moving;
    turn.counters.add(Counter::ops_relocated);
    turn.counters.hit(Mark::reclaim_moves_op);
    const RecordMeta meta{
        group(), Command::prepare, header.epoch, entry.view, entry.view, header.op, header.identity, 0, true};
    turn.wal.append(meta, std::move(stamped));
  }
  moves_.clear();
}

}  // namespace keelson
