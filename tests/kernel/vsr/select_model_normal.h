// Normal operation and repair of the model beside select. Included by select_model.h only; numbers are those of
// docs/protocol.md.
#pragma once

#include "tests/kernel/vsr/select_model.h"

namespace keelson::select_model {

inline bool Group::prepare(u8 who) {
  Replica& r = replicas_[who];
  if (r.role != Role::primary || r.head == ops_max || r.head - r.commit >= pipeline_max || book_.full()) return false;
  const u8 op = static_cast<u8>(r.head + 1);
  const Name name = book_.write(op, r.log[r.head].name, r.commit);
  prepared_[r.view][op] = name;
  keep(r, op, name, false);
  r.head = op;
  return true;
}

inline bool Group::hear_prepare(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  const bool late = wrong_ == Wrong::acks_after_leaving && r.role == Role::changing;
  if (r.role != Role::backup && !late) return false;
  const u8 op = static_cast<u8>(1 + prng.below(ops_max));
  const Name name = prepared_[late ? r.log_view : r.view][op];
  if (!name) return false;
  Entry& entry = r.log[op];
  if (entry.name == name) {  // N4
    if (entry.has(log_bit::stored | log_bit::appended)) return false;
    keep(r, op, name, true);
    return true;
  }
  if (op <= r.head && op >= r.floor && entry.name) return violate("a prepare contradicts the linked log"), true;
  if (op == r.head + 1 && book_[name].parent != r.log[r.head].name)
    return violate("a prepare does not continue the log"), true;
  keep(r, op, name, true);
  if (op > r.head + 1) r.floor = op;
  r.head = std::max(r.head, op);
  const u8 commit = static_cast<u8>(rules::committed_by_head(Op(op), pipeline_max).raw());
  r.commit = std::max({r.commit, commit, book_[name].commit});
  relink(r);
  return true;
}

inline void Group::keep(Replica& r, u8 op, Name name, bool live) {
  r.log[op].become(name);
  r.log[op].bits |= log_bit::full | log_bit::received | log_bit::appended;
  r.disk.append(op, name, r.log_view, live);
}

inline void Group::stored(Replica& r, Record& record) {
  record.fate = Record::stored;
  Entry& entry = r.log[record.op];
  if (entry.name != record.name) return;
  constexpr u16 over = log_bit::lost | log_bit::suspect | log_bit::appended;
  entry.bits = static_cast<u16>((entry.bits | log_bit::stored) & ~over);
}

inline bool Group::finish_write(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  Record* record = r.disk.any(prng, [](const Record& x) { return x.fate == Record::in_flight; });
  if (record) stored(r, *record);
  return record;
}

// Walks the chain of parents down; what contradicts it is of a dead view (R5).
inline void Group::relink(Replica& r) {
  for (; r.floor > 1 && r.log[r.floor].has(log_bit::full); --r.floor) {
    const Name parent = book_[r.log[r.floor].name].parent;
    Entry& below = r.log[r.floor - 1u];
    if (below.name != parent && r.floor - 1 <= r.commit && committed_[r.floor - 1u].name == below.name)
      return violate("a committed op is replaced");
    below.become(parent);
  }
}

inline bool Group::ack(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  const bool late = wrong_ == Wrong::acks_after_leaving && r.role == Role::changing;
  if ((!r.normal() && !late) || r.head == 0) return false;
  const u8 view = late ? r.log_view : r.view;
  const u8 op = static_cast<u8>(1 + prng.below(r.head));
  LogEntry entry = r.log[op].judged();
  if (wrong_ == Wrong::acks_before_stored && r.log[op].has(log_bit::received)) entry.bits |= log_bit::stored;
  if (op < r.floor || !rules::may_ack(entry, View(view), View(late ? view : r.stored_view), View(r.stored_log_view)))
    return false;
  const Name name = r.log[op].name;
  auto acked = std::find_if(acks_.begin(), acks_.end(),
                            [&](const Acked& a) { return a.view == view && a.op == op && a.name == name; });
  if (acked == acks_.end()) acked = acks_.insert(acks_.end(), Acked{view, op, name, {}});
  if (!rules::count_ack(acked->votes, ReplicaIndex(who))) return false;
  commit_acked(view, op);
  return true;
}

inline bool Group::repair(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  if ((!r.normal() && r.role != Role::completing) || r.head < r.floor || r.head == 0) return false;
  const u8 op =
      static_cast<u8>(std::max<u8>(r.floor, 1) + prng.below(static_cast<u64>(r.head - std::max<u8>(r.floor, 1) + 1)));
  Entry& entry = r.log[op];
  if (!entry.name) return false;
  for (const Replica& other : replicas_) {
    const Entry& theirs = other.log[op];
    if (&other == &r || other.role == Role::down || theirs.name != entry.name) continue;
    if (!entry.has(log_bit::full) && theirs.has(log_bit::full)) {
      entry.bits |= log_bit::full;
      relink(r);
      return true;
    }
    if (entry.readable() || entry.has(log_bit::appended) || !theirs.readable()) continue;
    keep(r, op, entry.name, false);
    relink(r);
    lead(who);
    return true;
  }
  return false;
}

inline bool Group::learn_commit(u8 who) {
  Replica& r = replicas_[who];
  if (r.role == Role::backup) {
    const bool news = told_commit_[r.view] > r.commit;
    r.commit = std::max(r.commit, told_commit_[r.view]);
    return news;
  }
  if (r.role != Role::primary || r.commit == r.head) return false;
  const u8 op = static_cast<u8>(r.commit + 1);
  for (const Acked& a : acks_) {
    if (a.view != r.view || a.op != op || a.name != r.log[op].name || !rules::may_commit(a.votes, quorums_)) continue;
    r.commit = told_commit_[r.view] = op;
    return true;
  }
  return false;
}

}  // namespace keelson::select_model
