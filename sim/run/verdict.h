// Verdict: how a run ended, and everything about it that a person or a script is told.
//
// Who uses it: the runner fills a RunReport in, campaigns collect them, `keelson sim` prints them. Exit codes are those
// of docs/simulation.md. Not here: how it came to that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keelson/sim/json_object.h"
#include "keelson/sim/verdict_kind.h"
#include "keelson/sim/violation.h"

namespace keelson::sim {

// The worse of two: nondeterministic, safety, liveness, inconclusive, ok.
Verdict worse(Verdict a, Verdict b);

struct Failure {
  std::string kind;  // checker.invariant
  std::string detail;
  std::string reproduce;  // one command
  u64 at_ns = 0;
  u64 event = 0;
  std::string phase;
  std::string explanation = {};      // lines that show more, if there is more
  std::vector<SeenCall> calls = {};  // what clients saw, if it is about that
};

struct RunReport {
  std::string scenario;  // as it can be named on the command line
  u64 seed = 0;
  Verdict verdict = Verdict::ok;
  bool expected = true;  // the verdict is the one that the scenario expects
  std::string trace_hash;
  bool verified = false;  // run a second time, with the same hash
  u64 events = 0;
  u64 commits = 0;
  u64 view_changes = 0;
  u64 virtual_ns = 0;
  u64 wall_ns = 0;
  u64 calls_ok = 0, calls_fail = 0, calls_info = 0;
  std::map<std::string, u64> faults;
  std::map<std::string, u64> marks;
  std::vector<std::string> checks;  // those that were on
  std::string shape;                // "3 replicas, 4 clients, tiny limits"
  std::optional<Failure> failure;
};

// Of a run as a whole: 0 if the verdict was expected.
int exit_code_of(const RunReport& report);

// By what a failure is recognised, whatever the details: "safety commits.agreement". Failed check()s are told apart by
// file and function, processes that died by the signal. Empty: nothing failed.
std::string signature_of(const RunReport& report);
u64 signature_hash(const std::string& signature);  // 0 of an empty one

struct Summary {
  u64 seeds = 0;
  u64 ok = 0;
  std::vector<u64> failed;
  u64 events = 0;
  u64 virtual_ns = 0;
  u64 wall_ns = 0;  // of the campaign
  u64 busy_ns = 0;  // of all runs together
  std::map<std::string, u64> faults;
  std::map<std::string, u64> marks;
  Verdict worst = Verdict::ok;
  void add(const RunReport& report);
};

// One JSON object, on one line; keys are documented in docs/simulation.md and only ever added to.
std::string to_json(const RunReport& report);
std::string to_json(const Summary& summary);

}  // namespace keelson::sim
