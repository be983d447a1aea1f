#include "keelson/sim/check/sleepers.h"

namespace keelson::sim {
namespace {

// Thousands are woken at a pace (tunables.wake_pace).
constexpr Duration to_wake = seconds(1);
constexpr Duration to_wake_each = milliseconds(1);

}  // namespace

void Sleepers::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || failed()) return;
  hear(seen);
  for (std::size_t i = 0; i < seen.program.group_count(); ++i) {
    const GroupView view = seen.program.group(i);
    if (view.primary)
      leads_[view.group][seen.node] = {view.view, view.drowsy};
    else
      leads_[view.group].erase(seen.node);
    if (view.quiet)
      see_sleeper(seen, view);
    else
      sleeps_.erase({seen.node, view.group});
  }
}

void Sleepers::on_start(HostId host, u32) {
  const NodeId node(static_cast<u16>(host.raw()));
  std::erase_if(sleeps_, [&](const auto& sleep) { return sleep.first.first == node; });
  std::erase_if(heard_, [&](const auto& heard) { return heard.first.first.first == node; });
  for (auto& [group, leads] : leads_) leads.erase(node);
}

void Sleepers::hear(const TurnSeen& seen) {
  for (const auto& message : seen.in.messages) {
    const Header header = message.message.header();
    if (header.node == no_node) continue;
    Incarnation& newest = heard_[{{seen.node, seen.shard}, header.node}];
    newest = std::max(newest, header.incarnation);
  }
}

void Sleepers::see_sleeper(const TurnSeen& seen, const GroupView& view) {
  const NodeId node = seen.node;
  if (view.commit_min != view.head || view.commit_max != view.head)
    fail("at_rest", text(view.group) + ": sleeps with " + text(view.head) + " not applied", node);
  for (const auto& [primary, lead] : leads_[view.group])
    if (lead.view == view.view && !lead.drowsy.has(view.index))
      fail("known", text(view.group) + ": sleeps, and its primary on " + text(primary) + " doesn't know", node);
  check_woken(seen, view);
}

// What the primary promised to its sleepers its next life knows nothing of.
void Sleepers::check_woken(const TurnSeen& seen, const GroupView& view) {
  const auto [at, fresh] = sleeps_.try_emplace({seen.node, view.group});
  Sleep& sleep = at->second;
  if (fresh)
    for (const auto& [primary, lead] : leads_[view.group])
      if (lead.view == view.view) sleep = {primary, heard_[{{seen.node, seen.shard}, primary}]};
  if (sleep.primary == no_node || heard_[{{seen.node, seen.shard}, sleep.primary}] == sleep.incarnation) return;
  if (sleep.overdue == Instant::never())
    sleep.overdue = seen.at + to_wake + to_wake_each * seen.program.group_count();
  else if (seen.at > sleep.overdue)
    fail("woken", text(view.group) + ": sleeps on under the beats of another life of " + text(sleep.primary),
         seen.node);
}

}  // namespace keelson::sim
