// What holds of a replica between two steps; numbers are those of docs/protocol.md. Run after each step in simulation.
#include <algorithm>

#include "keelson/vsr/replica.h"
#include "keelson/vsr/rules.h"

namespace keelson {

void Replica::check_invariants() const {
  // 1, 3: nothing applied that isn't committed; a log is of a view that was entered.
  check(commit_min_ <= commit_max_);
  check(commit_min_ <= head_);
  check(log_view_ <= view_);
  check(stored_view_ <= view_ && stored_log_view_ <= log_view_);
  // 2: the suffix of a do_view_change holds everything uncommitted.
  check(head_ <= commit_max_ + config_.limits.pipeline_max);
  if (mute()) return;
  check_chain();
  check_role();
}

// 7: neighbours in the log are chained.
void Replica::check_chain() const {
  check(linked_floor_ <= head_);
  const Op from = std::max(linked_floor_, head_.minus_saturating(config_.limits.pipeline_max * 2));
  for (Op op = from + 1; op <= head_; ++op) {
    check(!log_.at(op).blank());
    if (log_.at(op).has(log_bit::full)) check(log_.at(op).parent == identity_at(op - 1));
  }
  check(stateless() || identity_at(commit_min_) == applied_identity_);
}

void Replica::check_role() const {
  if (status_ == ReplicaStatus::normal) {
    check(stored_view_ == view_ && stored_log_view_ == view_ && log_view_ == view_);
    check(!installing_ && !tail_uncertain_);
  }
  if (is_primary()) {
    check(commit_max_ <= head_);
    check(pipeline_.size() == head_ - commit_max_);
    check(!quiet_);
  } else {
    check(pipeline_.empty() && queue_.empty() && in_flight_.size() == 0);
  }
}

// 35: whoever waits has a timer that will end the waiting.
void Replica::check_timers(const Timers& timers) const {
  if (mute() || voters() == 1) return;
  const auto armed = [&](Timer timer) { return timers.armed(timers_[timer]); };
  if (status_ == ReplicaStatus::view_change) check(armed(give_up) || armed(vote));
  if (status_ == ReplicaStatus::recovering) check(armed(ask_view) || armed(watchdog));
  if (is_backup()) check(quiet_ || armed(suspicion) || armed(vote));
  if (is_primary() && !pipeline_.empty()) check(armed(resend));
  if (is_primary()) check(asleep_.count() + 1 == voters() || armed(quiesce));
}

}  // namespace keelson
