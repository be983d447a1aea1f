// How many sections a state is cut into: a power of two that follows its size.
//
// Who uses it: machines and the session table, when a checkpoint op is applied: the count is replicated state, a
// function of the ops applied and of nothing else. A group with three keys then writes one section of one block, and a
// large state rewrites little per change. Not here: what a section holds, and what becomes of the checkpoint before
// when the count changes (vsr/checkpointer.h).
#pragma once

#include <algorithm>
#include <bit>

#include "keelson/base/types.h"

namespace keelson {

// `wanted` sections would do; `sections_max` is a power of two. A count rises at once, and falls only when a quarter
// is enough: each change writes the whole state anew, so a size that goes up and down must not make it follow.
constexpr u32 settled_sections(u32 sections, u64 wanted, u32 sections_max) {
  const u32 enough = std::bit_ceil(static_cast<u32>(std::clamp<u64>(wanted, 1, sections_max)));
  return enough > sections || enough <= sections / 4 ? enough : sections;
}

// What a snapshot may say that it consists of.
constexpr bool may_have_sections(u32 sections, u32 sections_max) {
  return std::has_single_bit(sections) && sections <= sections_max;
}

}  // namespace keelson
