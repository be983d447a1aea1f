// BlackBox: how far a run had come when its process died, or hung.
//
// Who uses it: whoever runs candidates in Children. It is memory that parent and child share: made before the child,
// installed inside it, read after its end. A run that stays in one event for a while hangs, and is ended. Not here:
// what was wrong; a process that dies says no more than its signal.
#pragma once

#include "keelson/sim/run/run.h"

namespace keelson::sim {

// The run ended with its process: nothing is known but the signal, the event and when it was.
bool died(const RunReport& report);

// So that the run of such a report, done again, ends before its last event: for whoever wants to watch it.
void stop_before_death(RunOptions& options, const RunReport& report);

class BlackBox {
 public:
  BlackBox();
  BlackBox(const BlackBox&) = delete;
  BlackBox& operator=(const BlackBox&) = delete;
  ~BlackBox();

  // In the child, for its one run: the signals that end it write down where it is.
  void install(RunOptions& options);
  // In the parent, after the child died.
  RunReport report(const pb::Scenario& scenario, const std::string& how_it_died) const;

 private:
  struct Shared;
  Shared* shared_;
};

}  // namespace keelson::sim
