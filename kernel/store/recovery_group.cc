#include "keelson/store/recovery_group.h"

#include <algorithm>

namespace keelson {

namespace {

constexpr Op op_max{u64{1} << 62};  // no log gets this far

}  // namespace

GroupRecovery::GroupRecovery(const GroupFindings& findings, const Limits& limits, LogChunks& chunks)
    : findings_(findings), limits_(limits), result_(findings.group, LogIndex(chunks, limits.journal_ops_max)) {}

RecoveredGroup GroupRecovery::run() {
  find_promise();
  find_checkpoint();
  if (highest_op() >= op_max) {
    contradicted();
    return std::move(result_);
  }
  find_floor();
  find_live();
  weigh_losses();
  build_below_head();
  build_above_head();
  raise_floor();
  flag_missing();
  finish();
  return std::move(result_);
}

// ---------------------------------------------------------------- the promise

void GroupRecovery::find_promise() {
  FoundState& newest = *findings_.newest;
  if (newest.exists) {
    result_.has_state = true;
    result_.state = newest.state;
    result_.suffix = std::move(newest.suffix);
    result_.amnesiac = result_.state.state_flags & state_flag::amnesiac;
    if (result_.state.state_flags & state_flag::unsure) become_unsure();
    promise_ = promise_of(newest.state);
    promise_batch_ = newest.made_in;
  }
  RecordPlace place = newest.place;
  for (const FoundRecord& lost : findings_.states) {
    if (lost.fate == RecordFate::drop) continue;
    const bool lies_behind = !result_.has_state || behind(lost.place, place);
    take_confession(lost, lies_behind);
    if (result_.has_state && !store_rules::is_newer_promise(promise_of(lost), lost.copied, lies_behind, promise_))
      continue;
    take_lost_promise(lost);
    place = lost.place;
  }
}

// Of the same promise it may be the one that says what a start found lost. Amnesia is for ever.
void GroupRecovery::take_confession(const FoundRecord& lost, bool lies_behind) {
  result_.amnesiac = result_.amnesiac || store_rules::still_confesses(lost.amnesiac);
  if (lies_behind && store_rules::still_confesses(lost.unsure)) become_unsure();
}

// Its entry repeats what was promised, but not the suffix.
void GroupRecovery::take_lost_promise(const FoundRecord& lost) {
  if (lost.fate == RecordFate::damaged) return damaged(lost.op);
  GroupState state = make<GroupState>();
  state.cluster = findings_.cluster;
  state.group = findings_.group;
  state.epoch = lost.epoch;
  state.view = lost.view;
  state.log_view = lost.log_view;
  state.head = lost.op;
  state.commit_max = result_.state.commit_max;
  state.state_seq = result_.state.state_seq + 1;
  result_.has_state = true;
  result_.state = state;
  result_.suffix.clear();
  promise_ = promise_of(lost);
  promise_batch_ = lost.copied ? BatchNo() : lost.batch;
  promise_lost_ = true;
  promise_identity_ = lost.identity;
}

// ---------------------------------------------------------------- where the log begins

// What it covers was committed and applied here: the log holds it whatever the promise, which may be older, says.
void GroupRecovery::find_checkpoint() {
  if (findings_.checkpoint) {
    checkpoint_op_ = findings_.checkpoint->record.op;
    checkpoint_identity_ = findings_.checkpoint->record.identity;
  }
  for (const FoundRecord& lost : findings_.checkpoints) {
    if (!store_rules::better(lost.fate, RecordFate::drop) || lost.op <= checkpoint_op_) continue;
    if (findings_.checkpoint && !behind(lost.place, findings_.checkpoint->place)) continue;
    checkpoint_op_ = lost.op;
    checkpoint_identity_ = lost.identity;
  }
  if (checkpoint_op_ <= promise_.head) return;
  promise_.head = checkpoint_op_;
  promise_identity_ = checkpoint_identity_;
  result_.suffix.clear();  // of a head that is below
}

// Below its checkpoint the log may be gone, segment by segment. As far as records follow each other it is kept: for
// peers, and for a checkpoint that turns out to be damaged. What a log with all these ops has no room for had left it:
// it was covered by a quorum's checkpoints, whether or not there is a record of one here.
void GroupRecovery::find_floor() {
  const u64 kept_max = limits_.journal_ops_max / 2;
  const Op lowest = highest_op().minus_saturating(limits_.journal_ops_max);
  Op floor = checkpoint_op_;
  while (floor > Op() && checkpoint_op_ - floor < kept_max) {
    const auto records = records_of(floor);
    const bool any = std::any_of(records.begin(), records.end(),
                                 [](const FoundRecord& record) { return record.fate == RecordFate::keep; });
    if (!any) break;
    floor = floor - 1;
  }
  floor = std::max(floor, lowest);
  if (floor > Op()) result_.log.begin_above(floor, floor == checkpoint_op_ ? checkpoint_identity_ : Digest{});
  if (floor <= promise_.head) return;
  promise_.head = floor;  // what the promise knew has left
  promise_identity_ = Digest{};
  result_.suffix.clear();
}

// That this log ever reached: the promise says which head it had then, and what came later was stamped under it.
Op GroupRecovery::highest_op() const {
  Op highest = promise_.head;
  for (const FoundRecord& record : findings_.prepares)
    if (store_rules::better(record.fate, RecordFate::drop) &&
        store_rules::belongs_above_head(promise_, record.epoch, record.view))
      highest = std::max(highest, record.op);
  return highest;
}

// Of the records below the checkpoint only those that are chained to it are of this log.
void GroupRecovery::raise_floor() {
  const Op begin = result_.log.floor();
  if (checkpoint_op_ <= begin) return;
  Digest wanted = checkpoint_identity_;
  Op op = checkpoint_op_;
  for (; op > begin; op = op - 1) {
    const LogEntry& entry = result_.log.at(op);
    if (!entry.has(log_bit::stored) || entry.identity != wanted) break;
    wanted = entry.parent;
  }
  if (op > Op()) result_.log.prune(op, wanted);
}

// ---------------------------------------------------------------- losses of unknown content

// The newest prepare that came from its primary under the promise.
void GroupRecovery::find_live() {
  for (const FoundRecord& record : findings_.prepares) {
    if (record.fate != RecordFate::keep || !record.live) continue;
    if (!store_rules::is_vouched_for(record.entry, findings_.history->mark_of(record.batch))) continue;
    if (!store_rules::belongs_above_head(promise_, record.epoch, record.view)) continue;
    live_batch_ = std::max(live_batch_, record.batch);
    live_op_ = std::max(live_op_, record.op);
  }
}

// Ops above the head may have been here, and any that is missing below it.
void GroupRecovery::become_unsure() {
  result_.head_unknown = true;
  suspect_below_ = op_max;
}

void GroupRecovery::weigh_losses() {
  for (const Loss& loss : findings_.history->losses())
    if (loss.reach.may_contain(findings_.group)) weigh(loss);
}

// A promise behind the loss says which head there was. A prepare behind it says only that no newer view was promised:
// what it took may lie above, since prepares arrive in any order (alone, a replica appends them in order).
void GroupRecovery::weigh(const Loss& loss) {
  const bool by_promise = store_rules::bounds_loss(promise_batch_, loss.batch);
  const bool by_prepare = store_rules::bounds_loss(live_batch_, loss.batch);
  const Op bound = by_prepare && solo() ? std::max(promise_.head, live_op_) : promise_.head;
  const bool bounded = by_promise || (by_prepare && solo());
  switch (fate_of(loss.row, solo() ? RecordClass::solo : RecordClass::normal)) {
    case RecordFate::amnesiac:
      if (bounded) {
        lost_below_ = std::max(lost_below_, bound);
      } else if (by_prepare) {
        become_unsure();
        lost_below_ = op_max;
      } else {
        result_.amnesiac = true;
      }
      return;
    case RecordFate::head_unknown:
      if (bounded)
        suspect_below_ = std::max(suspect_below_, bound);
      else
        become_unsure();
      return;
    case RecordFate::damaged:
      if (bounded)
        lost_below_ = std::max(lost_below_, bound);
      else
        damaged(Op());
      return;
    case RecordFate::keep:
    case RecordFate::drop:
    case RecordFate::suspect:
    case RecordFate::lost:
      return;
  }
}

// ---------------------------------------------------------------- the log

std::span<const FoundRecord> GroupRecovery::records_of(Op op) const {
  const auto all = findings_.prepares;
  const auto from = std::partition_point(all.begin(), all.end(), [&](const FoundRecord& r) { return r.op < op; });
  auto end = from;
  while (end != all.end() && end->op == op) ++end;
  return {from, end};
}

const Prepare* GroupRecovery::suffix_at(Op op) const {
  if (op > promise_.head || promise_.head - op >= result_.suffix.size()) return nullptr;
  return &result_.suffix[promise_.head - op];
}

// The best record of one identity; null: none.
const FoundRecord* GroupRecovery::best_of(Op op, const Digest& identity) const {
  const FoundRecord* best = nullptr;
  for (const FoundRecord& record : records_of(op)) {
    if (!store_rules::belongs_below_head(identity, record.identity)) continue;
    if (store_rules::better(record.fate, best ? best->fate : RecordFate::drop)) best = &record;
  }
  return best;
}

// Where nothing certain says which identity belongs here, it is what was appended under the newest view: a replica that
// replaces an op does so in its index as well.
Digest GroupRecovery::newest_identity(Op op) const {
  const FoundRecord* newest = nullptr;
  for (const FoundRecord& record : records_of(op)) {
    if (!store_rules::better(record.fate, RecordFate::drop)) continue;
    if (!newest || ViewId{record.epoch, record.view} > ViewId{newest->epoch, newest->view}) newest = &record;
  }
  return newest ? newest->identity : Digest{};
}

// From the promised head downward: the suffix and the parents say which identity belongs where.
void GroupRecovery::build_below_head() {
  Link link{promise_identity_, !promise_identity_.is_zero()};
  for (Op op = promise_.head; op > result_.log.floor(); op = op - 1)
    if (!build_op(op, link)) return contradicted();
}

// `link` says what the op above knows of this one, and, when done, what this one knows of the op below.
bool GroupRecovery::build_op(Op op, Link& link) {
  const Prepare* suffix = suffix_at(op);
  const bool named = suffix && !suffix->identity.is_zero();
  if (named && link.known && suffix->identity != link.identity) return false;
  const bool linked = named || link.known;
  const Digest wanted = named ? suffix->identity : link.identity;
  const FoundRecord* record = best_of(op, linked ? wanted : newest_identity(op));
  if (!log_has_room(op)) return false;

  // Without a link nothing says that a record is of this log. It is kept aside, to be linked by a peer's headers; above
  // what is certainly committed it would be reported as ours, so there it isn't, and where the promise is lost, the
  // loss is.
  const bool aside = record && !linked;
  const bool hidden = aside && op > result_.state.commit_max;
  if (record && !hidden) set_entry(*record);
  if (linked) add_identity(op, wanted, named ? suffix : nullptr);
  if (suffix && (suffix->entry_flags & entry_flag::suspect)) flag(op, log_bit::suspect);
  if (suffix && (suffix->entry_flags & entry_flag::lost)) flag(op, log_bit::lost);
  if (promise_lost_ && (hidden || !record)) flag(op, log_bit::lost);

  const LogEntry& entry = result_.log.at(op);
  if (solo() && !entry.has(log_bit::stored)) damaged(op);
  link = {entry.parent, linked && entry.has(log_bit::full)};
  return true;
}

// What the promise says of an op, whether or not there is a record of it.
void GroupRecovery::add_identity(Op op, const Digest& identity, const Prepare* suffix) {
  LogEntry& entry = result_.log.touch(op);
  entry.identity = identity;
  entry.bits |= log_bit::identity;
  if (!suffix || (suffix->entry_flags & entry_flag::stub)) return;
  Prepare header = *suffix;
  header.entry_flags = 0;
  result_.log.set_header(op, header);
}

// Above the promised head only what was stamped under the promise; where two of those differ, the promise is not what
// it seems.
void GroupRecovery::build_above_head() {
  result_.head = promise_.head;
  for (const FoundRecord& record : findings_.prepares) {
    if (record.op <= promise_.head || !store_rules::better(record.fate, RecordFate::drop)) continue;
    if (!store_rules::belongs_above_head(promise_, record.epoch, record.view)) continue;
    if (solo() && record.op > result_.head + 1) {  // what lies above a gap was never acked, unless it is marked
      if (findings_.history->mark_of(record.batch) == BatchMark::marked) damaged(result_.head + 1);
      break;
    }
    if (!add_above(record)) return contradicted();
    result_.head = record.op;
  }
}

bool GroupRecovery::add_above(const FoundRecord& record) {
  if (!log_has_room(record.op)) return false;
  const LogEntry known = result_.log.at(record.op);
  if (!known.blank() && known.identity != record.identity) return false;
  const LogEntry& below = result_.log.at(record.op.minus_saturating(1));
  const bool chained = record.fate != RecordFate::keep || below.blank() || below.identity == record.parent;
  if (!chained) return false;
  if (record.fate == RecordFate::damaged) damaged(record.op);
  set_entry(record);
  return true;
}

bool GroupRecovery::log_has_room(Op op) const { return result_.log.has_room(op); }

// A better record of the same identity replaces what is known.
void GroupRecovery::set_entry(const FoundRecord& record) {
  LogEntry& entry = result_.log.touch(record.op);
  if (entry.has(log_bit::stored)) return;
  entry.identity = record.identity;
  entry.bits |= log_bit::identity;
  if (record.fate != RecordFate::keep) {
    flag(record.op, record.fate == RecordFate::suspect ? log_bit::suspect : log_bit::lost);
    return;
  }
  entry.parent = record.parent;
  entry.checksum_body = record.checksum_body;
  entry.timestamp = record.timestamp;
  entry.commit = record.commit;
  entry.place = record.place;
  entry.size = record.place.size;
  entry.request_count = record.request_count;
  entry.view = record.view;
  entry.release = record.release;
  entry.operation = record.operation;
  entry.bits = log_bit::identity | log_bit::full | log_bit::stored;
}

// Lost says more than suspect; both say nothing of an op that is stored.
void GroupRecovery::flag(Op op, u16 bit) {
  if (!log_has_room(op)) return contradicted();
  LogEntry& entry = result_.log.touch(op);
  if (entry.has(log_bit::stored) || entry.has(log_bit::lost)) return;
  entry.bits = static_cast<u16>((entry.bits & ~log_bit::suspect) | bit);
}

void GroupRecovery::flag_missing() {
  const Op first = result_.log.floor() + 1;
  for (Op op = first; solo() && op <= lost_below_; ++op)
    if (!result_.log.at(op).has(log_bit::stored)) return damaged(op);
  const Op last = std::min(std::max(lost_below_, suspect_below_), result_.head);
  for (Op op = first; op <= last; ++op)
    if (!result_.log.at(op).has(log_bit::stored)) flag(op, op <= lost_below_ ? log_bit::lost : log_bit::suspect);
}

void GroupRecovery::finish() {
  if (solo()) {
    result_.commit_max = result_.head;
    return;
  }
  Op commit = std::max(
      {result_.state.commit_max, checkpoint_op_, store_rules::committed_below(result_.head, limits_.pipeline_max)});
  for (Op op = result_.log.floor() + 1; op <= result_.head; ++op) commit = std::max(commit, result_.log.at(op).commit);
  result_.commit_max = commit;
}

void GroupRecovery::damaged(Op op) {
  if (!result_.log_damaged || op < result_.damaged_op) result_.damaged_op = op;
  result_.log_damaged = true;
}

// What is on this disk can't be one replica's log, though every piece of it is intact.
void GroupRecovery::contradicted() {
  if (solo())
    damaged(Op());
  else
    result_.amnesiac = true;
}

}  // namespace keelson
