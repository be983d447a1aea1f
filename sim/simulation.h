// Simulation: what a program brings to the simulator when it is about a machine of its own: the machine, what its
// clients do, and what must hold.
//
// Who uses it: a program's main() fills one in and hands it to sim::main (sim/main.h); tests hand one to run_scenario.
// docs/bring-your-own.md walks through it. A Simulation says how a run begins and holds nothing that a run changes, so
// that runs share nothing. Not here: what a machine must look like (machine/machine.h), faults (scenario files).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keelson/sim/embed/watched_machine.h"
#include "keelson/sim/proto_text.h"
#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/workload/client_context.h"

namespace keelson::sim {

// A workload at the beginning of a run. The audit may be empty.
struct WorkloadBodies {
  Clients::Body work;
  Clients::Body audit;
};
struct OwnWorkload {
  std::string name;
  std::function<WorkloadBodies()> begin;
};

// The kinds below are keelson's.
inline constexpr u16 own_kind_min = 64;

class Simulation {
 public:
  // The machine of all groups; one per program. Its name is for messages.
  template <Machine M>
  Simulation& machine(std::string name) {
    static_assert(M::kind.raw() >= own_kind_min, "kinds below 64 are keelson's");
    machine_.name = std::move(name);
    machine_.kind = M::kind;
    machine_.add = [](MachineRegistry& registry) { registry.add<WatchedMachine<M>>(); };
    return *this;
  }

  // Asked after each op, on each replica. Returns what is wrong; an empty text: nothing.
  template <Machine M>
  Simulation& invariant(std::string name, std::function<std::string(const M&)> wrong) {
    machine_.invariants.push_back({std::move(name), [wrong = std::move(wrong)](const void* machine) {
                                     return wrong(*static_cast<const M*>(machine));
                                   }});
    return *this;
  }

  // What each client does, as straight-line code; again from its beginning when the client's process crashed. The audit
  // is one client's, at the end, when nothing goes wrong any more.
  Simulation& workload(std::string name, Clients::Body work, Clients::Body audit = {}) {
    return add({std::move(name), [work = std::move(work), audit = std::move(audit)] {
                  return WorkloadBodies{work, audit};
                }});
  }
  // The same, with a State that the clients of one run share: what they have seen, to be compared.
  template <class State>
  Simulation& workload(std::string name, void (*work)(ClientContext&, State&),
                       void (*audit)(ClientContext&, State&) = nullptr) {
    return add({std::move(name), [work, audit] {
                  const auto state = std::make_shared<State>();
                  WorkloadBodies bodies{[work, state](ClientContext& client) { work(client, *state); }, {}};
                  if (audit) bodies.audit = [audit, state](ClientContext& client) { audit(client, *state); };
                  return bodies;
                }});
  }

  const OwnMachine& own_machine() const { return machine_; }
  const std::vector<OwnWorkload>& workloads() const { return workloads_; }
  const OwnWorkload* find(const std::string& workload) const;

 private:
  Simulation& add(OwnWorkload workload) {
    workloads_.push_back(std::move(workload));
    return *this;
  }

  OwnMachine machine_;
  std::vector<OwnWorkload> workloads_;
};

// Gives a scenario without a workload the simulation's first one, by name. What can't be run is a problem: a workload
// of keelson's where there is an own machine, an own one where there is none (`own` null), one that has no such name.
std::vector<Problem> adopt(pb::Scenario& scenario, const std::string& file, const Simulation* own);

}  // namespace keelson::sim
