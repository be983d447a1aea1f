// Phases: what follows what in a run. Warm-up without faults, the scenario's own phases with theirs, then the tail:
// heal, liveness, drain, quiet.
//
// Who uses it: the runner begins one part after the other and runs the World for as long as the part says. Beginning a
// part sets the faults that belong to it. Not here: judging a part (checkers), workloads.
#pragma once

#include <string>
#include <vector>

#include "keelson/sim/nemesis.h"
#include "keelson/sim/steps.h"

namespace keelson::sim {

enum class PartKind : u8 {
  warm_up,   // elect, register clients
  faults,    // a phase of the file
  liveness,  // begins by healing: every call must end, the core must come together
  drain,     // workloads finish and read back
  quiet      // nothing asked: silence
};
const char* name_of(PartKind kind);

u64 warm_up_ms_of(const pb::Scenario& scenario);

struct Part {
  PartKind kind = PartKind::faults;
  std::string name;
  Duration limit;               // it lasts that long, or until what it waits for has happened
  bool until_requests = false;  // ends early, when every request of the workloads has its answer
  Duration progress_within;     // 0: nothing is demanded
  int phase = -1;               // of the file, of kind faults
};

class Phases {
 public:
  // `budget` outlives it.
  Phases(World& world, Nemesis& nemesis, Steps& steps, const DamageBudget& budget, const pb::Scenario& scenario);

  const std::vector<Part>& parts() const { return parts_; }
  void begin(std::size_t index);
  // The nodes that must be live in the tail; the others keep their last fault until bring_back(). All until then.
  const std::vector<NodeId>& core() const { return core_; }
  // Mends those that were let down, too: from now on the core is everybody.
  void bring_back();

 private:
  void heal();
  void choose_core();
  void let_down(NodeId node);
  void block(HostPair pair);

  World& world_;
  Nemesis& nemesis_;
  Steps& steps_;
  const DamageBudget& budget_;
  pb::Scenario scenario_;
  Stream stream_;
  std::vector<Part> parts_;
  std::vector<NodeId> core_;
  std::vector<HostPair> blocked_;  // around those that were let down
  bool stepping_ = false;          // the script has begun
};

}  // namespace keelson::sim
