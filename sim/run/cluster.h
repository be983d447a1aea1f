// RunCluster: everything of one run that lives as long as its World: programs, checkers, history, clients.
//
// Who uses it: run.cc sequences its phases; the cluster DSL of tests may use it as it is. Not here: phases, verdicts.
#pragma once

#include "keelson/sim/check/evidence.h"
#include "keelson/sim/check/linearizable.h"
#include "keelson/sim/check/promises.h"
#include "keelson/sim/check/replay.h"
#include "keelson/sim/check/sleepers.h"
#include "keelson/sim/kernel_programs.h"
#include "keelson/sim/roles.h"
#include "keelson/sim/simulation.h"
#include "keelson/sim/workload/kv.h"

namespace keelson::sim {

// Runs the kernel's own invariants after each step, and gathers the marks of every life.
class ShardWatch final : public Observer {
 public:
  explicit ShardWatch(World& world) : world_(world) {}
  void silence() { on_ = false; }
  bool on() const { return on_; }
  void on_turn(const TurnSeen& seen) override;
  void on_crash(HostId host, CrashKind kind) override;
  // Of lives that ended, and of those that run.
  std::map<std::string, u64> marks() const;

 private:
  void gather(NodeId node, std::map<std::string, u64>& into) const;
  World& world_;
  bool on_ = true;
  std::map<std::string, u64> ended_;
};

// Tells the workload when a client process starts again.
class ClientWatch final : public Observer {
 public:
  ClientWatch(const Population& population, Clients& clients) : population_(population), clients_(clients) {}
  void on_start(HostId host, u32 boot) override;

 private:
  const Population& population_;
  Clients& clients_;
};

class RunCluster {
 public:
  // With a machine of somebody's own where `own` brings one.
  RunCluster(const pb::Scenario& scenario, Tape& tape, u64 seed, TraceSink* sink, const Simulation* own = nullptr);
  RunCluster(const RunCluster&) = delete;
  RunCluster& operator=(const RunCluster&) = delete;

  // In order of construction: what comes later looks at what came before.
  OwnMachineScope own_scope;
  MachineRegistry machines;
  KernelConfig kernel;
  KernelPrograms programs;
  World world;
  Roles roles;
  LogWatch logs;
  Commits commits;
  History history;
  Replay replay;
  Linearizable linearizable;
  Promises promises;
  Evidence evidence;
  Sleepers sleepers;
  ShardWatch shards;
  Clients clients;
  ClientWatch client_watch;
  std::vector<GroupId> data_groups;  // all but the metadata group
};

}  // namespace keelson::sim
