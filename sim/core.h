// Core: what the models of one World share: its calendar, its tape, its trace, its memory, and what has gone wrong.
//
// Who uses it: World owns it; Network, Mailboxes, Nodes and the nemesis draw, schedule, count and record through it.
// Not here: any behaviour; whoever scheduled something also handles it.
#pragma once

#include <optional>
#include <string>

#include "keelson/sim/event_queue.h"
#include "keelson/sim/faults.h"
#include "keelson/sim/medium.h"
#include "keelson/sim/parcel.h"
#include "keelson/sim/settings.h"
#include "keelson/sim/tape.h"
#include "keelson/sim/trace.h"
#include "keelson/sim/violation.h"

namespace keelson::sim {

// Something scheduled. World hands it to its owner; what the numbers mean is the owner's business.
enum class Owner : u8 { task, turn, deadline, disk, network, mailbox };
struct Happening {
  Owner owner = Owner::task;
  u8 what = 0;
  u16 side = 0;
  u32 index = 0;
  u64 value = 0;
  u64 extra = 0;
};

// Whoever wants to be woken at an instant: nemesis, steps, phases, fibers, checkers. Outlives what it scheduled.
class Task {
 public:
  virtual ~Task() = default;
  virtual void on_time(u64 token) = 0;
};

struct Core {
  Core(Tape& decisions, Digest trace_start, TraceSink* sink) : tape(decisions), trace(trace_start, sink) {}

  Tape& tape;
  Trace trace;
  EventQueue<Happening> queue;
  Instant now;  // true time, which nobody inside sees
  Settings settings;
  FaultCounts faults;
  Parcels parcels;
  PagePool pages;
  u64 events = 0;
  std::optional<Violation> violation;  // the first one; the run ends with it

  EventRef schedule(Instant at, Rank rank, Happening happening) { return queue.push(at, rank, happening); }
  EventRef schedule(Instant at, Rank rank, Task& task, u64 token = 0) {
    return queue.push(at, rank,
                      {.owner = Owner::task, .value = reinterpret_cast<std::uintptr_t>(&task), .extra = token});
  }
  void record(RecordKind kind, const Trace::Place& place, const Trace::Values& values) {
    trace.add(now, kind, place, values);
  }
  void fail(Violation found);  // only the first counts
};

}  // namespace keelson::sim
