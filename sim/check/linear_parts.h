// The parts of a linearizability search that know no model: which answers are due in which order and who is under way
// then; sets of used operations of unknown outcome; where a search has been.
//
// Who uses it: Linearizer (linearize.h). Not here: the search, models.
#pragma once

#include <algorithm>
#include <span>
#include <unordered_map>
#include <vector>

#include "keelson/base/types.h"

namespace keelson::sim {

// What a search may take, per partition, each of its two ways. Counts, not time: a verdict doesn't depend on the
// machine.
struct SearchLimits {
  u64 configurations_max = 1'000'000;  // cached at one time; some 100 bytes each
  u64 work_max = 50'000'000;           // steps of the model, and comparisons of configurations
};

struct Interval {
  u64 called, returned;
  bool known;     // else it never returned, and may take effect up to `returned`
  u64 alike = 0;  // of those that are unknown: the same number is the same operation
};

// One answer: of which operation, and what else was under way and may have taken effect before it.
struct Step {
  u32 op;
  std::vector<u32> open;     // answered later
  std::vector<u32> unknown;  // may never be answered
};

// The answers of a partition in their order. Each operation that is answered has a bit while it is under way.
class Schedule {
 public:
  static constexpr u32 open_max = 64;
  explicit Schedule(const std::vector<Interval>& ops);

  const std::vector<Step>& steps() const { return steps_; }
  // Of the same unknown ones, the one called last before; whoever may take that one needn't take this. Or none.
  static constexpr u32 none = ~u32{0};
  u32 alike_before(u32 op) const { return alike_before_[op]; }
  u64 bit(u32 op) const { return u64{1} << bits_[op]; }
  bool too_wide() const { return too_wide_; }

 private:
  std::vector<Step> steps_;
  std::vector<u32> alike_before_;
  std::vector<u8> bits_;
  bool too_wide_ = false;
};

// After the answers before `step`, and the operations of `placed` and `used`, the object is in `state`.
struct Configuration {
  u32 step = 0;
  u32 state = 0;
  u32 used = 0;    // a set of UsedSets: those of unknown outcome
  u64 placed = 0;  // bits of operations under way
};

// Sets of small numbers, each kept once. 0 is the empty one.
class UsedSets {
 public:
  UsedSets() : sets_(1) {}
  const std::vector<u32>& operator[](u32 set) const { return sets_[set]; }
  bool contains(u32 set, u32 element) const;
  u32 with(u32 set, u32 element);
  bool subset(u32 inner, u32 outer) const;
  u64 elements() const { return elements_; }  // of all sets together

 private:
  std::vector<std::vector<u32>> sets_;
  std::unordered_map<u64, u32> extended_;  // (set, element); looked up, never walked
  u64 elements_ = 0;
};

// Configurations that were reached, without those that another one makes needless: the same, but with fewer operations
// of unknown outcome used up, can do all that it can.
class Antichains {
 public:
  // Adds every comparison to `work`.
  Antichains(const UsedSets& sets, u64& work) : sets_(sets), work_(work) {}
  bool add(const Configuration& c);  // false: it is needless
  u64 size() const { return entries_.size(); }
  const std::vector<Configuration>& entries() const { return entries_; }  // in the order of add
  bool alive(std::size_t i) const { return alive_[i]; }
  std::vector<Configuration> living() const;

 private:
  struct Key {
    u64 placed;
    u64 step_state;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  const UsedSets& sets_;
  u64& work_;
  std::unordered_map<Key, std::vector<u32>, Hash> at_;  // entries; looked up, never walked
  std::vector<Configuration> entries_;
  std::vector<bool> alive_;
};

u64 mix(u64 a, u64 b);  // a hash of two numbers

}  // namespace keelson::sim
