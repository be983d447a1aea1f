#include "keelson/sim/check/linear_parts.h"

#include <bit>
#include <map>
#include <tuple>
#include <utility>

#include "keelson/base/check.h"

namespace keelson::sim {
namespace {

// Calls come first: what happens at the same place is concurrent. An unknown operation matters to the last answer.
enum class What : u8 { call, answer, end };
struct Moment {
  u64 at;
  What what;
  u32 op;
  bool operator<(const Moment& other) const {
    return std::tie(at, what, op) < std::tie(other.at, other.what, other.op);
  }
};

}  // namespace

Schedule::Schedule(const std::vector<Interval>& ops) : alike_before_(ops.size(), none), bits_(ops.size(), 0) {
  std::vector<Moment> moments;
  moments.reserve(ops.size() * 2);
  for (u32 op = 0; op < ops.size(); ++op) {
    check(ops[op].called <= ops[op].returned);
    moments.push_back({ops[op].called, What::call, op});
    moments.push_back({ops[op].returned, ops[op].known ? What::answer : What::end, op});
  }
  std::sort(moments.begin(), moments.end());
  std::vector<u32> open, unknown;  // in the order of their calls
  std::map<std::pair<u64, u64>, u32> alike;
  u64 taken = 0;
  for (const auto& [at, what, op] : moments) {
    if (!ops[op].known && what == What::call) {
      const auto [before, first] = alike.try_emplace({ops[op].alike, ops[op].returned}, op);
      if (!first) alike_before_[op] = std::exchange(before->second, op);
      unknown.push_back(op);
    } else if (what == What::end) {
      unknown.erase(std::find(unknown.begin(), unknown.end(), op));
    } else if (what == What::call) {
      if (taken == ~u64{0}) {
        too_wide_ = true;
        return;
      }
      bits_[op] = static_cast<u8>(std::countr_one(taken));
      taken |= bit(op);
      open.push_back(op);
    } else {
      taken &= ~bit(op);
      open.erase(std::find(open.begin(), open.end(), op));
      steps_.push_back({op, open, unknown});
    }
  }
}

bool UsedSets::contains(u32 set, u32 element) const {
  return std::binary_search(sets_[set].begin(), sets_[set].end(), element);
}

u32 UsedSets::with(u32 set, u32 element) {
  const u64 key = u64{set} << 32 | element;
  const auto known = extended_.find(key);
  if (known != extended_.end()) return known->second;
  std::vector<u32> more = sets_[set];
  more.insert(std::upper_bound(more.begin(), more.end(), element), element);
  elements_ += more.size() + 16;
  const u32 id = static_cast<u32>(sets_.size());
  sets_.push_back(std::move(more));
  extended_[key] = id;
  return id;
}

bool UsedSets::subset(u32 inner, u32 outer) const {
  return inner == outer || inner == 0 ||
         std::includes(sets_[outer].begin(), sets_[outer].end(), sets_[inner].begin(), sets_[inner].end());
}

bool Antichains::add(const Configuration& c) {
  auto& same = at_[{c.placed, u64{c.step} << 32 | c.state}];
  work_ += same.size();
  for (const u32 entry : same)
    if (sets_.subset(entries_[entry].used, c.used)) return false;
  std::erase_if(same, [&](u32 entry) {
    const bool needless = sets_.subset(c.used, entries_[entry].used);
    if (needless) alive_[entry] = false;
    return needless;
  });
  same.push_back(static_cast<u32>(entries_.size()));
  entries_.push_back(c);
  alive_.push_back(true);
  return true;
}

std::vector<Configuration> Antichains::living() const {
  std::vector<Configuration> all;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (alive_[i]) all.push_back(entries_[i]);
  return all;
}

std::size_t Antichains::Hash::operator()(const Key& key) const { return mix(key.placed, key.step_state); }

u64 mix(u64 a, u64 b) {
  u64 h = a * 0x9e3779b97f4a7c15u + b;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93u;
  return h ^ h >> 32;
}

}  // namespace keelson::sim
