// A small model of one group whose view changes call the real select() and rules.h: replicas that prepare, ack, crash,
// lose records and promises in flight, change views and install what was chosen. A walk is a list of choices; whatever
// it does, no committed op may be missing from, or replaced in, the log that a later view starts with.
//
// Used by select_model_property_test.cc. Messages are facts that anybody may hear at any later time, so delay, loss and
// duplication come for free. Not modelled: amnesia, applying, bodies, timers.
#pragma once

#include <string>

#include "keelson/vsr/select.h"
#include "tests/kernel/vsr/select_model_disk.h"

namespace keelson::select_model {

enum class Step : u8 {
  prepare,
  hear_prepare,
  finish_write,
  mark,
  keep_promise,
  ack,
  repair,
  learn_commit,
  leave_view,
  join_view,
  report,
  choose,
  take_over,
  crash,
  restart,
  spoil,
  reclaim,
  count,
};
struct Choice {
  Step step;
  u8 who;
  u32 how;  // seeds what else has to be drawn
};

enum class Role : u8 { down, unsure, changing, installing, completing, primary, backup };

struct Report {
  LogReport head;  // entries: of `headers`
  std::array<Prepare, ops_max + 1> headers;
};

struct Replica {
  Role role = Role::backup;
  u8 view = 0, log_view = 0, head = 0, floor = 0, commit = 0;
  u8 stored_view = 0, stored_log_view = 0;
  bool tail = false;
  Log log = empty_log();
  Disk disk;
  std::array<std::optional<Report>, voters_max> reports;

  bool normal() const { return role == Role::primary || role == Role::backup; }
};

// What a view's primary has told.
struct Started {
  bool started = false;
  u8 head = 0, commit = 0;
  std::array<Name, ops_max + 1> names{};
};
struct Tally {
  u64 commits = 0, views = 0, waited = 0, stuck = 0, truncated = 0, full_houses = 0, kept = 0;

  void operator+=(const Tally& t) {
    commits += t.commits;
    views += t.views;
    waited += t.waited;
    stuck += t.stuck;
    truncated += t.truncated;
    full_houses += t.full_houses;
    kept += t.kept;
  }
};

class Group {
 public:
  Group(u8 voters, Wrong wrong);

  // False: nothing of that kind is possible there now.
  bool take(const Choice& choice);
  const std::string& violation() const { return violation_; }
  const Tally& tally() const { return tally_; }

 private:
  struct Acked {
    u8 view, op;
    Name name;
    Votes votes;
  };
  struct Committed {
    Name name = 0;
    u8 view = 0;  // the first in which it was
  };
  bool is_primary_of(u8 view, u8 who) const { return rules::primary_of(View(view), voters_) == ReplicaIndex(who); }
  Digest identity(Name name) const { return name ? Digest{name, book_[name].op} : Digest{}; }
  void violate(std::string what) {
    if (violation_.empty()) violation_ = std::move(what);
  }

  // normal operation
  bool prepare(u8 who);
  bool hear_prepare(u8 who, Prng& prng);
  bool finish_write(u8 who, Prng& prng);
  bool ack(u8 who, Prng& prng);
  bool repair(u8 who, Prng& prng);
  bool learn_commit(u8 who);
  void keep(Replica& r, u8 op, Name name, bool live);
  void stored(Replica& r, Record& record);
  void relink(Replica& r);

  // view change
  void enter(u8 who, u8 view, Prng& prng);
  bool leave_view(u8 who, Prng& prng);
  bool join_view(u8 who, Prng& prng);
  bool keep_promise(u8 who);
  bool report(u8 who);
  bool choose(u8 who, Prng& prng);
  bool take_over(u8 who, Prng& prng);
  void lead(u8 who);
  Report report_of(u8 who) const;
  Selection ask(const Replica& r, std::vector<LogReport>& reports) const;
  void install(u8 who, u8 view, const Started& log, Prng& prng);
  void promise(Replica& r, Prng& prng);

  // crashes
  bool crash(u8 who, Prng& prng);
  bool restart(u8 who, Prng& prng);
  bool spoil(u8 who, Prng& prng);
  bool reclaim(u8 who);

  // what must hold
  void commit_acked(u8 view, u8 op);
  void expect_in_later_views(u8 op, u8 view, Name name);
  void expect_holds_commits(u8 view);

  const u8 voters_;
  const Quorums quorums_;
  const Wrong wrong_;
  Book book_;
  std::array<Replica, voters_max> replicas_;
  std::array<Started, views_max> started_;
  std::array<std::array<Name, ops_max + 1>, views_max> prepared_{};  // the latest, by view and op
  std::array<u8, views_max> told_commit_{};
  std::array<std::array<std::optional<Report>, voters_max>, views_max> reports_;
  std::vector<Acked> acks_;
  std::array<Committed, ops_max + 1> committed_;
  Votes unlucky_;  // lost un-marked batches that were stored: fewer than can commit
  bool damaged_ = false;
  std::string violation_;
  Tally tally_;
};

inline Group::Group(u8 voters, Wrong wrong) : voters_(voters), quorums_(Quorums::of(voters)), wrong_(wrong) {
  replicas_[0].role = Role::primary;
  started_[0].started = true;
  started_[0].names[0] = 1;
  committed_[0] = {1, 0};
}

inline bool Group::take(const Choice& choice) {
  Prng prng(choice.how);
  const u8 who = choice.who % voters_;
  switch (choice.step) {
    case Step::prepare:
      return prepare(who);
    case Step::hear_prepare:
      return hear_prepare(who, prng);
    case Step::finish_write:
      return finish_write(who, prng);
    case Step::mark:
      replicas_[who].disk.mark(replicas_[who].disk.markable());
      return replicas_[who].role != Role::down;
    case Step::keep_promise:
      return keep_promise(who);
    case Step::ack:
      return ack(who, prng);
    case Step::repair:
      return repair(who, prng);
    case Step::learn_commit:
      return learn_commit(who);
    case Step::leave_view:
      return leave_view(who, prng);
    case Step::join_view:
      return join_view(who, prng);
    case Step::report:
      return report(who);
    case Step::choose:
      return choose(who, prng);
    case Step::take_over:
      return take_over(who, prng);
    case Step::crash:
      return crash(who, prng);
    case Step::restart:
      return restart(who, prng);
    case Step::spoil:
      return spoil(who, prng);
    case Step::reclaim:
      return reclaim(who);
    case Step::count:
      break;
  }
  return false;
}

// ---------------------------------------------------------------- what must hold

// An op is committed once a replication quorum acked it in one view and the op below was committed by then.
inline void Group::commit_acked(u8 view, u8 op) {
  for (; op <= ops_max; ++op) {
    const auto acked = std::find_if(acks_.begin(), acks_.end(), [&](const Acked& a) {
      return a.view == view && a.op == op && rules::may_commit(a.votes, quorums_);
    });
    if (acked == acks_.end()) return;
    const Committed& below = committed_[op - 1u];
    if (!below.name || below.view > view || book_[acked->name].parent != below.name) return;
    Committed& committed = committed_[op];
    if (committed.name && committed.name != acked->name)
      return violate("two identities committed at op " + std::to_string(op));
    if (committed.name && committed.view <= view) continue;
    tally_.commits += !committed.name;
    committed = {acked->name, view};
    expect_in_later_views(op, view, acked->name);
  }
}

inline void Group::expect_in_later_views(u8 op, u8 view, Name name) {
  for (u8 later = static_cast<u8>(view + 1); later < views_max; ++later)
    if (started_[later].started && (started_[later].head < op || started_[later].names[op] != name))
      violate("op " + std::to_string(op) + ", committed in view " + std::to_string(view) +
              ", is not in the log of view " + std::to_string(later));
}

inline void Group::expect_holds_commits(u8 view) {
  for (u8 op = 1; op <= ops_max; ++op)
    if (committed_[op].name && committed_[op].view < view)
      expect_in_later_views(op, committed_[op].view, committed_[op].name);
}

}  // namespace keelson::select_model

#include "tests/kernel/vsr/select_model_normal.h"
#include "tests/kernel/vsr/select_model_view.h"
