// A queue as simple as can be, and clients at it, drawn from a seed: histories that are right, some calls without an
// answer. Written apart from QueueModel: it decides, where the model only allows.
#pragma once

#include <random>

#include "keelson/sim/check/queue_calls.h"

namespace keelson::test {

struct DrawnQueue {
  u64 seed = 1;
  u32 calls = 200;
  u32 unknown_percent = 0;
  sim::QueueRules rules;
};

// Ends with a drain.
std::vector<sim::QueueCall> history_of_a_queue(const DrawnQueue& how);

// One thing made wrong, of one of `mutation_count` kinds; nothing where the history has no place for it.
constexpr u32 mutation_count = 12;
const char* mutation_name(u32 kind);
std::optional<std::vector<sim::QueueCall>> mutated(std::vector<sim::QueueCall> history, u32 kind, u64 seed);

}  // namespace keelson::test
