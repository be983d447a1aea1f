// Swarm: per seed a random subset of all faults, each at a random strength, on a random cluster.
//
// Who uses it: resolve(). Leaving features out matters as much as strength: with everything on, faults mask each other
// (Groce et al., Swarm Testing, 2012). What the file sets itself is never drawn. Not here: what the features do.
#pragma once

#include <string>
#include <vector>

#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/tape.h"

namespace keelson::sim {

void draw_swarm(pb::Scenario& scenario, Stream swarm);

// What `always` and `never` may name.
std::vector<std::string> swarm_feature_names();

}  // namespace keelson::sim
