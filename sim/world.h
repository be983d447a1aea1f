// World: a whole cluster and its clients on one thread, in virtual time, every choice of it drawn from one tape.
//
// Who uses it: the runner and the cluster DSL build one per run, start processes, let it run and look at it; nemesis
// and steps hurt it through the verbs below. It is the simulator's driver of the kernel: it knows bags and nothing of
// what is in them. A World with a violation is not stepped again. Not here: scenarios, workloads, checkers.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "keelson/sim/core.h"
#include "keelson/sim/mailbox.h"
#include "keelson/sim/network.h"
#include "keelson/sim/observer.h"
#include "keelson/sim/program.h"
#include "keelson/sim/step_fiber.h"
#include "keelson/sim/turn.h"
#include "keelson/sim/unit.h"

namespace keelson::sim {

struct WorldConfig {
  Population population;
  ClusterId cluster;
  Limits limits;         // of shards: bags, slabs, mailboxes, messages
  Limits client_limits;  // of clients: slabs
  Settings settings;
  u64 events_max = 5'000'000;  // beyond: inconclusive
  u64 digest_every = 256;      // trace records between two looks at a program's state
  Digest trace_start;
  TraceSink* trace_sink = nullptr;
};

class World final : private Receiver {
 public:
  World(const WorldConfig& config, Programs& programs, Tape& tape);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() override;

  // --- running
  bool step();                    // one event; false: nothing is left to happen, or a violation
  void run_until(Instant truth);  // up to and including events at that time
  void run_for(Duration time) { run_until(now() + time); }
  // Runs until the predicate holds (tested after every event) or the time is over; true if it held.
  bool run_until(const std::function<bool()>& holds, Duration limit);

  Instant now() const { return core_.now; }
  u64 events() const { return core_.events; }
  const std::optional<Violation>& violation() const { return core_.violation; }
  void fail(Violation violation) { core_.fail(std::move(violation)); }
  // Runs kernel code outside of a step (looking at state, invariants): a failed check becomes a violation. False then.
  template <class Call>
  bool guarded(NodeId node, Call&& call);

  // --- processes
  void start(NodeId node);  // formats its disks the first time
  void start_all();         // every node and every client
  void crash(NodeId node, CrashKind kind);
  // At its next turn, after some of that turn's effects; at once if it takes none for a while.
  void crash_after_turn(NodeId node, CrashKind kind);
  // While the next write that it starts is in flight.
  void crash_in_write(NodeId node, CrashKind kind);
  bool crash_armed(NodeId node) const;  // one of the two waits for its moment
  void disarm_crash(NodeId node) { disarm(hosts_[node.raw()]); }
  // --- other disks for a node that is down
  void wipe(NodeId node);  // new ones: blank, and formatted for the node's next generation
  void save_disks(NodeId node);
  bool has_saved_disks(NodeId node) const;
  void restore_disks(NodeId node);  // the saved ones: what was written since is not on them

  void pause(NodeId node);
  void resume(NodeId node);
  void stall(NodeId node, ShardId shard, Duration time);
  void set_slow_turns(NodeId node, u64 factor);
  void start_client(u16 client);
  void crash_client(u16 client);
  HostState state(NodeId node) const { return hosts_[node.raw()].state; }
  HostState client_state(u16 client) const { return hosts_[population().client_host(client).raw()].state; }
  u32 boots(NodeId node) const { return hosts_[node.raw()].boot; }
  bool recovering(NodeId node) const { return hosts_[node.raw()].recovering; }

  // --- clients
  // The answer comes to the ReplyReader, once, unless the client crashes first.
  void submit(u16 client, const SubmissionHead& head, Bytes body);
  void set_reply_reader(ReplyReader* reader) { reply_reader_ = reader; }
  void control(NodeId node, ShardId shard, const Control& control);

  // --- clocks
  void step_wall_clock(NodeId node, std::int64_t delta_ns);
  void mend_wall_clocks();
  void set_drift(HostId host, std::int64_t ppm);

  // --- what it consists of
  const Population& population() const { return config_.population; }
  const WorldConfig& config() const { return config_; }
  Core& core() { return core_; }
  const Core& core() const { return core_; }
  Network& network() { return network_; }
  Disk& disk(NodeId node, ShardId shard) { return *unit_of(node, shard).disk; }
  const NodeClock& clock(HostId host) const { return hosts_[host.raw()].clock; }
  const Program* program(NodeId node, ShardId shard) const;  // null: not running
  const Program* client_program(u16 client) const;
  const Slabs* slabs(NodeId node, ShardId shard) const;
  void set_settings(const Settings& settings);               // of all hosts
  void set_disk(HostId host, const DiskSettings& settings);  // of one, until the next set_settings
  void set_clock(HostId host, const ClockSettings& settings);
  void spare_disk(NodeId node);  // damage stays away, until the next set_settings
  // Something done to a disk at rest, with its trace.
  void damage(NodeId node, ShardId shard, const std::function<void(Disk&)>& how);
  bool hurt(NodeId node) const;  // a disk of it was ever damaged
  bool torn(NodeId node) const;  // ... or had a write torn
  void add_observer(Observer& observer) { observers_.push_back(&observer); }
  // Asked before each write is carried out: scripted crashes at the n-th write of a zone.
  using WriteWatch = std::function<void(NodeId, ShardId, const Write&)>;
  void watch_writes(WriteWatch watch) { write_watches_.push_back(std::move(watch)); }

 private:
  void arrive(UnitId unit, const Arrival& arrival) override;
  bool has_room(UnitId unit, u32 bytes) const override;

  Unit& unit_of(NodeId node, ShardId shard) { return units_[population().unit_of(node, shard).raw()]; }
  Host& host_of(const Unit& unit) { return hosts_[unit.host.raw()]; }
  Trace::Place place_of(const Unit& unit) const;

  // world.cc: events
  void build();
  EventQueue<Happening>::Event pop();
  void dispatch(const Happening& happening);
  void on_disk(const Happening& happening);
  void on_deadline(Unit& unit);
  void wake(Unit& unit);
  void run_ready();

  // world_turn.cc: one turn
  void take_turn(Unit& unit);
  bool step_program(Unit& unit);
  void fail_left_step(NodeId node);
  void after_turn(Unit& unit, Instant end);
  void carry_out(Unit& unit, Instant at);
  void carry_out_shuffled(Unit& unit, Instant at);
  void carry_out_some(Unit& unit, Instant at);
  void carry_out_one(Unit& unit, EffectPlace effect, Instant at);
  void start_write(Unit& unit, const Write& write, Instant at);
  void start_read(Unit& unit, const Read& read, Instant at);
  void trace_damage(Unit& unit);
  template <class Replace>
  void replace_disks(NodeId node, Fault fault, Replace replace);
  template <class Holds>
  bool any_disk(NodeId node, Holds holds) const;
  void schedule_deadline(Unit& unit);
  void watch_for_spin(Unit& unit);
  void see_life(Unit& unit);

  // world_process.cc: lives of processes
  void prepare(Unit& unit);
  void crash_host(Host& host, CrashKind kind);
  void bury(Unit& unit, CrashKind kind);
  void disarm(Host& host);
  void leak_everything();

  // Wakes for a host whose crash waits for a turn or a write.
  class ArmedCrash final : public Task {
   public:
    explicit ArmedCrash(World& world) : world_(world) {}
    void on_time(u64 host_raw) override;

   private:
    World& world_;
  };

  WorldConfig config_;
  Programs& programs_;
  Core core_;
  Stream decisions_;  // stream "world": ties
  std::vector<Unit> units_;
  std::vector<Host> hosts_;
  Network network_;
  Mailboxes mailboxes_;
  BagMaker bags_;
  StepFiber step_fiber_;
  std::unique_ptr<EventBag> in_;  // of the turn in progress; all units take turns in them
  std::unique_ptr<EffectBag> out_;
  std::vector<u32> ready_;  // units with a turn in this event
  std::vector<Observer*> observers_;
  std::vector<WriteWatch> write_watches_;
  ReplyReader* reply_reader_ = nullptr;
  ArmedCrash armed_crash_{*this};
  bool running_ = false;  // inside step(): what becomes ready has its turn at the end of the event
  u64 next_digest_ = 0;
  std::vector<EffectPlace> effects_;                // scratch
  std::vector<u64> words_;                          // scratch
  std::vector<EventQueue<Happening>::Event> ties_;  // scratch
};

template <class Holds>
bool World::any_disk(NodeId node, Holds holds) const {
  const Host& host = hosts_[node.raw()];
  for (u32 u = host.first_unit; u < host.first_unit + host.unit_count; ++u)
    if (holds(*units_[u].disk)) return true;
  return false;
}

template <class Call>
bool World::guarded(NodeId node, Call&& call) {
  if (step_fiber_.failed()) return false;
  if (step_fiber_.run(std::forward<Call>(call))) return true;
  fail_left_step(node);
  return false;
}

}  // namespace keelson::sim
