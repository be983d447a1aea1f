// Forks: one run up to an event, and from there on the decisions of other seeds, many times: how likely is it to fail
// from here?
//
// Who uses it: `keelson fork` chooses its points with ForkPoints and counts with ForkCount. A run before a fork is the
// same each time, so what a row shows is what its point has made of the future: 0 % until the bug can happen, 100 %
// from where it can't be avoided any more. Not here: the runs (run/campaign.h), or how they are shown.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keelson/sim/mark_watch.h"
#include "keelson/sim/run/run.h"

namespace keelson::sim {

struct ForkPoint {
  std::string after;  // the name of a mark that was reached for the first time, or a part of the run
  u64 event = 0;
  u64 at_ns = 0;  // true time
};

// Where one run may be forked. Outlives the run that it watches.
class ForkPoints {
 public:
  void watch(RunOptions& options);

  std::vector<ForkPoint> at_marks() const;  // behind the first turn that reached each, in order of events
  // The start, then `count` parts of the events up to `end`.
  std::vector<ForkPoint> evenly(u64 count, u64 end) const;
  ForkPoint at(u64 event) const;

 private:
  class Watcher final : public Observer {
   public:
    explicit Watcher(World& world) : world_(world), marks_(world, true) { world.add_observer(*this); }
    void on_turn(const TurnSeen& turn) override;
    std::vector<ForkPoint> firsts;
    std::vector<ForkPoint> times;  // now and then

   private:
    World& world_;
    MarkWatch marks_;
  };
  std::unique_ptr<Watcher> watcher_;
};

// What became of the forks of one point.
struct ForkCount {
  u64 runs = 0;
  u64 failed = 0;
  std::map<std::string, u64> kinds;     // of failures
  std::map<std::string, u64> first_of;  // the seed of the first fork that failed so

  void add(const RunReport& report, u64 seed);
};

// In parts per million: what the chance is, and between what it lies, nineteen times in twenty (Wilson, 1927).
struct ChancePpm {
  u64 likely = 0;
  u64 low = 0;
  u64 high = ppm_one;
};
ChancePpm chance_of(const ForkCount& count);

}  // namespace keelson::sim
