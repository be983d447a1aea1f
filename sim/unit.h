// Unit and Host: the state of one thing that is stepped (a shard, or a client), and of the process it belongs to.
//
// Who uses it: World alone. A shard is a server: idle, or busy until its turn is over; what arrives meanwhile waits and
// becomes one bag. Not here: behaviour (world*.cc).
#pragma once

#include <array>
#include <memory>

#include "keelson/sim/arrival.h"
#include "keelson/sim/clock.h"
#include "keelson/sim/core.h"
#include "keelson/sim/fifo.h"
#include "keelson/sim/program.h"
#include "keelson/sim/storage.h"

namespace keelson::sim {

enum class HostState : u8 { absent, up, paused, down };

struct Unit {
  UnitId id;
  HostId host;
  NodeId node = no_node;
  ShardId shard;
  u16 client = 0;

  std::unique_ptr<Slabs> slabs;      // outlives the program
  std::unique_ptr<Program> program;  // null: not running
  std::unique_ptr<Disk> disk;        // of a shard; outlives its processes
  std::array<u64, 4> entropy{};      // of its Boot event
  Life life;

  Fifo<Arrival> arrivals;
  u64 bytes_waiting = 0;  // of messages among them
  Instant busy_until;     // its turn is over, or a stall
  bool ready = false;     // has a turn in this very event
  bool due = false;       // its deadline has come
  EventRef turn;
  Instant local_deadline = Instant::never();  // what the program asked for, by its own clock
  EventRef deadline;
  Instant deadline_at;  // true time for which `deadline` is scheduled; may be too early
  Stream turns;         // decisions about its bags
  u32 steps_without_progress = 0;
  Instant last_step;
  u64 slow = 1;  // its turns take that many times longer
};

struct Host {
  HostId id;
  HostState state = HostState::absent;
  u32 boot = 0;
  u32 first_unit = 0;
  u32 unit_count = 0;
  NodeClock clock;
  Stream proc;
  DiskSettings disk_settings;  // its disks refer to it
  ClockSettings clock_settings;
  std::optional<CrashKind> crash_after_turn;  // armed: some effects of its next turn are its last ones
  std::optional<CrashKind> crash_in_write;    // armed: it dies while its next write is in flight
  EventRef armed_crash;
  bool recovering = false;  // some shard of it has no life yet
};

}  // namespace keelson::sim
