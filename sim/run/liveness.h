// Liveness: whether the nodes that should work do, and if not, who waits for what.
#pragma once

#include "keelson/sim/run/cluster.h"

namespace keelson::sim {

// Empty when every group on these nodes is settled: all normal in one view, all committed applied everywhere; but for
// replicas that damage to their disk has put out of action, as long as the others are a quorum. Otherwise what is not,
// in words.
std::string not_live(RunCluster& cluster, const std::vector<NodeId>& who);

// Where the replicas on these nodes stand, group by group.
std::string state_of_groups(RunCluster& cluster, const std::vector<NodeId>& who);

// Some replica among them cannot tell by itself what was acknowledged, and needs to hear the others.
bool waits_for_others(RunCluster& cluster, const std::vector<NodeId>& who);

// What damage cost: a group that has no quorum left among these nodes, or can't know whether an op was committed. Empty
// when every group should be able.
std::string unavailable(RunCluster& cluster, const std::vector<NodeId>& who);

}  // namespace keelson::sim
