#include "keelson/sim/check/sleepers.h"

namespace keelson::sim {

void Sleepers::on_turn(const TurnSeen& seen) {
  if (seen.node == no_node || failed()) return;
  for (std::size_t i = 0; i < seen.program.group_count(); ++i) {
    const GroupView view = seen.program.group(i);
    if (view.primary)
      leads_[view.group][seen.node] = {view.view, view.drowsy};
    else
      leads_[view.group].erase(seen.node);
    if (view.quiet) see_sleeper(view, seen.node);
  }
}

void Sleepers::on_start(HostId host, u32) {
  for (auto& [group, leads] : leads_) leads.erase(NodeId(static_cast<u16>(host.raw())));
}

void Sleepers::see_sleeper(const GroupView& view, NodeId node) {
  if (view.commit_min != view.head || view.commit_max != view.head)
    fail("at_rest", text(view.group) + ": sleeps with " + text(view.head) + " not applied", node);
  for (const auto& [primary, lead] : leads_[view.group])
    if (lead.view == view.view && !lead.drowsy.has(view.index))
      fail("known", text(view.group) + ": sleeps, and its primary on " + text(primary) + " doesn't know", node);
}

}  // namespace keelson::sim
