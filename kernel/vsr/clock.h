// ClusterClock: what time it is, as agreed by a majority of the metadata group's voters (docs/protocol.md, clock).
//
// Who uses it: a shard feeds it every wall time it is given and every echo that a beat carries; primaries take the
// timestamps of their prepares from it. No safety depends on it: a log's timestamps increase whatever it says. One per
// shard, integer arithmetic only. Not here: replicated time (an op's timestamp), timers (monotonic time).
#pragma once

#include <array>
#include <optional>

#include "keelson/base/limits.h"
#include "keelson/base/marzullo.h"

namespace keelson {

enum class ClockState : u8 {
  synchronized,
  no_wall,        // no driver has told the wall time yet
  too_few_peers,  // not heard enough voters lately
  disagreement,   // heard enough of them, but no majority's clocks are within the tolerance
};
const char* name_of(ClockState state);

class ClusterClock {
 public:
  static constexpr u32 voters_max = 6;

  // `voters`: of the metadata group; self counts among the sources whether it is one or not.
  ClusterClock(const Tunables& tunables, NodeId self, std::span<const NodeId> voters);

  void on_boot(Instant now, WallTime wall) { sample_wall(now, wall); }
  // Every wall time a bag carries. It may jump; a jump counts from the next window on (alone: at once, never back).
  void sample_wall(Instant now, WallTime wall);
  // A beat of `peer` arrived that echoes one of ours: `echo_sent` is our monotonic time then, `echo_held` how long the
  // peer sat on it. Echoes of an earlier life of this node must not get here; absurd values are ignored.
  void learn(NodeId peer, u64 echo_sent, u64 echo_held_ns, WallTime peer_wall, Instant now);
  void on_deadline(Instant now);
  Instant deadline() const;

  // The own wall clock, for beats; none before the first sample.
  std::optional<WallTime> wall(Instant now) const;
  bool synchronized(Instant now) const { return state(now) == ClockState::synchronized; }
  // None while unsynchronized. Not monotone across windows: primaries take max(previous + 1, this).
  std::optional<Timestamp> now(Instant now) const;

  // Why, for people.
  ClockState state(Instant now) const;
  u32 sources_heard() const;  // in this window, self included
  u32 sources_needed() const { return majority_; }

 private:
  struct Sample {
    bool heard = false;
    Duration round_trip;
    std::int64_t offset = 0;  // peer's wall - window's wall
  };
  // A wall clock read at one instant and continued with monotonic time.
  struct Base {
    Instant at;
    WallTime wall;
  };
  // An installed agreement: the true time is the base's wall plus something within the interval.
  struct Agreement {
    Base base;
    ClockInterval offset;
    Instant valid_until;
  };

  static u64 extend(const Base& base, Instant now);
  void open_window(Instant now);
  // Installs an agreement over this window's samples and opens the next window; false: there is none.
  bool try_install(Instant now);
  ClockAgreement agree(Duration tolerance) const;

  Duration window_min_;
  Duration window_max_;
  Duration tolerance_max_;
  Duration valid_;
  NodeId self_;
  std::array<NodeId, voters_max> peers_{};  // voters but self
  u32 peer_count_ = 0;
  u32 majority_ = 0;

  std::optional<Base> latest_;  // newest sample of the own wall
  Base window_;                 // samples_ are relative to it; meaningful once latest_ is
  bool attempted_ = false;      // in this window, at window_min_: from then on every sample tries again
  std::array<Sample, voters_max> samples_{};
  std::optional<Agreement> agreement_;
};

}  // namespace keelson
