// How often each fault was really injected in this run, by a name that scenarios and verdicts use.
//
// Who uses it: World and its models count, runs print and compare with what a scenario demands. Not here: which faults
// are wanted (settings.h), or when they happen (nemesis).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "keelson/base/types.h"

namespace keelson::sim {

enum class Fault : u8 {
#define KEELSON_SIM_FAULT(enumerator, name) enumerator,
#include "keelson/sim/faults.def"
#undef KEELSON_SIM_FAULT
};

inline constexpr std::string_view fault_names[] = {
#define KEELSON_SIM_FAULT(enumerator, name) name,
#include "keelson/sim/faults.def"
#undef KEELSON_SIM_FAULT
};
inline constexpr std::size_t fault_count = std::size(fault_names);

constexpr std::string_view name_of(Fault fault) { return fault_names[static_cast<std::size_t>(fault)]; }
constexpr std::optional<Fault> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < fault_count; ++i)
    if (fault_names[i] == name) return static_cast<Fault>(i);
  return {};
}

class FaultCounts {
 public:
  void add(Fault fault, u64 n = 1) { counts_[static_cast<std::size_t>(fault)] += n; }
  u64 operator[](Fault fault) const { return counts_[static_cast<std::size_t>(fault)]; }

 private:
  std::array<u64, fault_count> counts_{};
};

}  // namespace keelson::sim
