// Violation: the first thing that went wrong in a run, named precisely enough to find the same one again.
//
// Who uses it: World and checkers report, the runner turns it into a verdict. Checker and invariant are stable names
// and enter a failure's signature; detail is for people. Not here: exit codes, reports.
#pragma once

#include <string>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

// unavailable: damage cost a group its quorum, and it says so: right, and of no use. machine: somebody's own machine
// broke its contract, so nothing else can be judged.
enum class ViolationKind : u8 { safety, liveness, inconclusive, unavailable, machine };

// An operation as its client saw it, for people.
struct SeenCall {
  u64 id = 0;  // place in the history, or line of the file
  u64 client = 0;
  std::string asked, answered;
  u64 called = 0, returned = 0;  // places in the order of all calls and answers
  u64 called_ns = 0, returned_ns = 0;
  bool known = true;   // else nobody knows whether it took effect
  bool wrong = false;  // the answer that can't be
};

struct Violation {
  ViolationKind kind = ViolationKind::safety;
  std::string checker{};    // "world", "store_contract", "commits" ...
  std::string invariant{};  // "check", "overlap" ...
  std::string detail{};
  Instant at{};
  u64 event = 0;  // how many the run had seen
  NodeId node = no_node;
  std::string explanation{};      // lines that show more, where there is more to show
  std::vector<SeenCall> calls{};  // what clients saw, if it is about that
};

}  // namespace keelson::sim
