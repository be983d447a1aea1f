// View changes, crashes and damage of the model beside select. Included by select_model.h only; numbers are those of
// docs/protocol.md.
#pragma once

#include "tests/kernel/vsr/select_model.h"

namespace keelson::select_model {

// ---------------------------------------------------------------- view change

inline void Group::promise(Replica& r, Prng& prng) {
  Promise p{r.view, r.log_view, r.head, r.commit, r.tail, 0, empty_log()};
  for (u8 op = std::max<u8>(1, std::min(r.commit, r.head)); op <= r.head; ++op) p.suffix[op] = r.log[op];
  r.disk.write(p, prng);
}

// V3
inline void Group::enter(u8 who, u8 view, Prng& prng) {
  Replica& r = replicas_[who];
  r.view = view;
  r.role = Role::changing;
  r.reports.fill(std::nullopt);
  promise(r, prng);
}

inline bool Group::leave_view(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  if (r.role == Role::down || r.view + 1 == views_max) return false;
  enter(who, static_cast<u8>(r.view + 1), prng);
  return true;
}

inline bool Group::join_view(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  const u8 view = static_cast<u8>(r.view + 1 + prng.below(2));
  if (r.role == Role::down || view >= views_max) return false;
  if (std::none_of(reports_[view].begin(), reports_[view].end(), [](const auto& x) { return x.has_value(); }))
    return false;
  enter(who, view, prng);
  return true;
}

inline bool Group::keep_promise(u8 who) {
  Replica& r = replicas_[who];
  if (r.role == Role::down || !r.disk.writing) return false;
  const Promise kept = *r.disk.writing;
  r.disk.durable = kept;
  r.disk.writing.reset();
  r.stored_view = kept.view;
  r.stored_log_view = kept.log_view;
  if (r.role != Role::installing) return true;
  if (!is_primary_of(r.view, who)) {
    r.role = Role::backup;
    return true;
  }
  Started& log = started_[r.view];  // V8
  log.started = true;
  log.head = r.head;
  log.commit = r.commit;
  for (u8 op = 0; op <= r.head; ++op) log.names[op] = r.log[op].name;
  ++tally_.views;
  expect_holds_commits(r.view);
  r.role = Role::completing;
  lead(who);
  return true;
}

inline void Group::lead(u8 who) {
  Replica& r = replicas_[who];
  if (r.role != Role::completing || r.floor > 1) return;
  for (u8 op = 1; op <= r.head; ++op)
    if (!r.log[op].readable()) return;
  r.role = Role::primary;
}

// V4
inline Report Group::report_of(u8 who) const {
  const Replica& r = replicas_[who];
  Report report{};
  LogReport& head = report.head;
  head = {ReplicaIndex(who), Op(r.head), Op(0), Op(r.commit), View(r.log_view), r.tail, 0, 0, 0, nullptr, 0};
  head.count = static_cast<u32>(r.head - std::min(r.head, r.commit)) + 1;
  for (u32 i = 0; i < head.count; ++i) {
    const u8 op = static_cast<u8>(r.head - i);
    const Entry& entry = r.log[op];
    Prepare& h = report.headers[i];
    h.op = Op(op);
    h.entry_flags = entry.has(log_bit::full) ? u8{0} : entry.name ? entry_flag::stub : entry_flag::blank;
    h.identity = identity(entry.name);
    if (entry.has(log_bit::full)) {
      h.parent = identity(book_[entry.name].parent);
      h.commit = Op(book_[entry.name].commit);
    }
    bool nack = op > 0 && rules::is_nack(entry.judged());
    const bool stored = entry.has(log_bit::stored);
    if (wrong_ == Wrong::lost_is_nack) nack |= !stored && entry.has(log_bit::lost);
    if (wrong_ == Wrong::suspect_is_nack) nack |= !stored && entry.has(log_bit::suspect);
    if (wrong_ == Wrong::repaired_is_nack) nack |= !stored && entry.has(log_bit::received);
    if (wrong_ == Wrong::nothing_is_nack) nack = false;
    const u64 bit = u64{1} << i;
    if (entry.readable()) head.present |= bit;
    if (nack) head.nack |= bit;
    if (entry.has(log_bit::suspect)) head.suspect |= bit;
  }
  if (wrong_ == Wrong::tail_is_certain) head.tail = false;
  return report;
}

// D2
inline bool Group::report(u8 who) {
  Replica& r = replicas_[who];
  const bool promised = rules::may_send_do_view_change(View(r.view), View(r.stored_view), !r.disk.writing);
  if (r.role != Role::changing || (!promised && wrong_ != Wrong::reports_before_promise)) return false;
  reports_[r.view][who] = report_of(who);
  if (is_primary_of(r.view, who)) r.reports[who] = reports_[r.view][who];
  return true;
}

inline Selection Group::ask(const Replica& r, std::vector<LogReport>& reports) const {
  for (const auto& report : r.reports) {
    if (!report) continue;
    reports.push_back(report->head);
    reports.back().entries = reinterpret_cast<const std::byte*>(report->headers.data());
    if (wrong_ == Wrong::any_log_counts) reports.back().log_view = View(0);
    if (wrong_ == Wrong::length_decides) reports.back().log_view = View(static_cast<u32>(report->head.head.raw()));
  }
  const std::size_t heard = reports.size();
  const std::size_t enough = quorums_.view_change;
  if (wrong_ == Wrong::too_few_reports && heard + 1 == enough) reports.push_back({});
  if (wrong_ == Wrong::silence_is_nack && heard >= enough) reports.resize(voters_);
  return select(reports, voters_, pipeline_max);
}

// V5, V6
inline bool Group::choose(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  const bool again = wrong_ == Wrong::chooses_twice && (r.role == Role::completing || r.role == Role::primary);
  if ((r.role != Role::changing && !again) || !is_primary_of(r.view, who) || !r.reports[who]) return false;
  const u8 from = static_cast<u8>(prng.below(voters_));
  if (from != who && reports_[r.view][from]) r.reports[from] = reports_[r.view][from];

  std::vector<LogReport> reports;
  const Selection selection = ask(r, reports);
  if (selection.kind == SelectKind::contradiction) return violate("two logs of one view disagree"), true;
  tally_.stuck += selection.kind == SelectKind::stuck;
  tally_.waited += selection.kind == SelectKind::wait && reports.size() >= quorums_.view_change;
  if (selection.kind != SelectKind::selected) {
    const auto heard = std::count_if(r.reports.begin(), r.reports.end(), [](const auto& x) { return x.has_value(); });
    if (!damaged_ && heard == voters_) violate("nothing is damaged, all have reported, and nothing is chosen");
    return true;
  }
  Started log{true, static_cast<u8>(selection.head.raw()), static_cast<u8>(selection.commit.raw()), {}};
  for (u8 op = log.head;; --op) {
    log.names[op] = static_cast<Name>(op == 0 ? 1 : identity_in(reports, selection.log_view, Op(op)).lo);
    if (!log.names[op]) return true;  // V6: waits for a report that names the commit
    if (op <= log.commit) break;
  }
  for (u8 op = log.commit; op > 0; --op) log.names[op - 1u] = book_[log.names[op]].parent;
  if (again) {
    bool same = log.head <= r.head;
    for (u8 op = 0; op <= log.head; ++op) same &= r.log[op].name == log.names[op];
    if (same) return true;
  }
  tally_.truncated += selection.truncated;
  tally_.full_houses += selection.full_house;
  tally_.kept += log.head > log.commit;
  install(who, r.view, log, prng);
  return true;
}

// V7
inline void Group::install(u8 who, u8 view, const Started& log, Prng& prng) {
  Replica& r = replicas_[who];
  if (log.head < r.commit) return violate("a log is installed whose head is below the commit");
  for (u8 op = 1; op <= ops_max; ++op) {
    Entry& entry = r.log[op];
    if (op > log.head) {
      entry = {};
      continue;
    }
    const bool held = entry.name == log.names[op];
    entry.become(log.names[op]);
    entry.bits |= log_bit::full;
    if (r.tail && !held && wrong_ != Wrong::unsure_never_had_it) entry.bits |= log_bit::suspect;
  }
  r.view = r.log_view = view;
  r.head = log.head;
  r.floor = std::min<u8>(r.head, 1);
  r.commit = std::max(r.commit, log.commit);
  r.tail = false;
  r.role = Role::installing;
  promise(r, prng);
}

// V9: from what was told when the view started, or from its primary now.
inline bool Group::take_over(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  const u8 view = static_cast<u8>(r.view + prng.below(3));
  const bool now = prng.below(2);
  if (r.role == Role::down || view >= views_max || !started_[view].started || is_primary_of(view, who)) return false;
  Started log = started_[view];
  if (now) {
    const Replica& primary = replicas_[rules::primary_of(View(view), voters_).raw()];
    if (primary.view != view || (primary.role != Role::primary && primary.role != Role::completing)) return false;
    log.head = primary.head;
    log.commit = std::min(primary.commit, primary.head);
    for (u8 op = 0; op <= primary.head; ++op) log.names[op] = primary.log[op].name;
  }
  if (view == r.view && (r.role == Role::backup || r.role == Role::installing)) return false;
  if (view == r.view && r.role == Role::unsure && !now) return false;
  install(who, view, log, prng);
  return true;
}

// ---------------------------------------------------------------- crashes

inline bool Group::crash(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  if (r.role == Role::down) return false;
  bool unlucky = voters_ > 1 && prng.below(3) == 0;
  if (unlucky && !unlucky_.has(ReplicaIndex(who))) {
    unlucky = unlucky_.count() + 1 < quorums_.replication;
    if (unlucky) unlucky_.add(ReplicaIndex(who));
  }
  damaged_ |= r.disk.crash(prng, voters_ == 1, unlucky);
  Disk disk = std::move(r.disk);
  r = Replica{};
  r.disk = std::move(disk);
  r.role = Role::down;
  return true;
}

inline bool Group::restart(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  if (r.role != Role::down) return false;
  const Recovered found = r.disk.recover(book_, voters_ == 1, wrong_);
  r.view = r.stored_view = found.view;
  r.log_view = r.stored_log_view = found.log_view;
  r.head = r.floor = found.head;
  r.commit = found.commit;
  r.tail = found.tail;
  r.log = found.log;
  relink(r);
  const bool was_primary = is_primary_of(r.view, who);
  if (r.tail) {
    r.role = Role::unsure;
  } else if (r.log_view < r.view) {
    enter(who, r.view, prng);
  } else if (!was_primary) {
    r.role = Role::backup;
  } else if (wrong_ == Wrong::resumes_view && started_[r.view].started) {
    r.role = Role::primary;
  } else if (r.view + 1 < views_max) {
    enter(who, static_cast<u8>(r.view + 1), prng);  // V11
  } else {
    r.role = Role::down;
  }
  return true;
}

inline bool Group::spoil(u8 who, Prng& prng) {
  Replica& r = replicas_[who];
  if (r.role != Role::down || voters_ == 1) return false;
  Record* record = r.disk.any(prng, [](const Record& x) { return x.fate == Record::stored; });
  if (!record) return false;
  if (!record->marked && !unlucky_.has(ReplicaIndex(who))) {
    if (unlucky_.count() + 1 >= quorums_.replication) return false;
    unlucky_.add(ReplicaIndex(who));
  }
  damaged_ = true;
  if (prng.below(8) == 0)
    r.disk.durable.spoil();
  else
    r.disk.spoil(*record, prng);
  return true;
}

inline bool Group::reclaim(u8 who) { return replicas_[who].role != Role::down && replicas_[who].disk.reclaim(); }

}  // namespace keelson::select_model
