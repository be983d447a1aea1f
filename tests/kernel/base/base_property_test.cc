// Containers, slabs and timers against the obvious models, over random sequences of calls.
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "keelson/base/ring.h"
#include "keelson/base/slab.h"
#include "keelson/base/timers.h"
#include "keelson/base/vec.h"

namespace keelson {
namespace {

// One call: which, and a number to choose its argument by.
using Calls = std::vector<std::pair<u8, u32>>;
Calls some_calls() { return *rc::gen::resize(300, rc::gen::arbitrary<Calls>()); }

RC_GTEST_PROP(Vec, IsAVector, ()) {
  const auto capacity = *rc::gen::inRange<std::size_t>(0, 9);
  Vec<std::string> vec(capacity);
  std::vector<std::string> model;
  for (const auto& [call, n] : some_calls()) {
    switch (call % 6) {
      case 0:
      case 1:
        if (vec.full()) break;
        vec.push_back(std::to_string(n));
        model.push_back(std::to_string(n));
        break;
      case 2:
        if (model.empty()) break;
        vec.pop_back();
        model.pop_back();
        break;
      case 3:
        if (model.empty()) break;
        vec.erase_at(n % model.size());
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(n % model.size()));
        break;
      case 4:
        vec.resize(n % (capacity + 1));
        model.resize(n % (capacity + 1));
        break;
      case 5:
        if (n % 8 != 0) break;
        vec.clear();
        model.clear();
        break;
    }
    RC_ASSERT(vec.size() == model.size());
    RC_ASSERT(vec.full() == (model.size() == capacity));
    RC_ASSERT(std::equal(vec.begin(), vec.end(), model.begin(), model.end()));
  }
}

RC_GTEST_PROP(Ring, IsADeque, ()) {
  const auto capacity = *rc::gen::inRange<std::size_t>(1, 9);
  Ring<std::string> ring(capacity);
  std::deque<std::string> model;
  for (const auto& [call, n] : some_calls()) {
    switch (call % 6) {
      case 0:
      case 1:
      case 2:
        if (ring.full()) break;
        RC_ASSERT(ring.push_back(std::to_string(n)) == std::to_string(n));
        model.push_back(std::to_string(n));
        break;
      case 3:
        if (model.empty()) break;
        RC_ASSERT(ring.pop_front() == model.front());
        model.pop_front();
        break;
      case 4:
        if (model.empty()) break;
        ring.pop_back();
        model.pop_back();
        break;
      case 5:
        if (n % 16 != 0) break;
        ring.clear();
        model.clear();
        break;
    }
    RC_ASSERT(ring.size() == model.size());
    RC_ASSERT(ring.empty() == model.empty());
    RC_ASSERT(ring.full() == (model.size() == capacity));
    for (std::size_t i = 0; i < model.size(); ++i) RC_ASSERT(ring[i] == model[i]);
    if (model.empty()) continue;
    RC_ASSERT(ring.front() == model.front());
    RC_ASSERT(ring.back() == model.back());
  }
}

// What a pool of four classes hands out, said plainly.
struct SlabModel {
  std::map<u32, u32> free;  // by block size
  u32 smallest_free(u32 bytes) const {
    for (const auto& [block, count] : free)
      if (block >= bytes && count > 0) return block;
    return 0;
  }
  u32 available(u32 bytes) const {
    u32 total = 0;
    for (const auto& [block, count] : free)
      if (block >= bytes) total += count;
    return total;
  }
};

RC_GTEST_PROP(Slabs, AreCountedBlocksOfFourSizes, ()) {
  Limits limits = Limits::tiny();
  limits.message_size_max = 128 * 1024;
  limits.slabs_small = *rc::gen::inRange<u32>(0, 4);
  limits.slabs_page = *rc::gen::inRange<u32>(0, 4);
  limits.slabs_batch = *rc::gen::inRange<u32>(0, 3);
  limits.slabs_message = *rc::gen::inRange<u32>(0, 3);
  Slabs slabs(limits);
  SlabModel model{{{512, limits.slabs_small},
                   {4096, limits.slabs_page},
                   {round_up(limits.batch_bytes_max, 4096u) + 4096, limits.slabs_batch},
                   {limits.message_size_max + 4096, limits.slabs_message}}};
  struct Held {
    Slab* slab;
    u32 references;
    std::byte mark;
  };
  std::vector<Held> held;
  u8 next_mark = 1;
  for (const auto& [call, n] : some_calls()) {
    if (call % 3 == 0) {
      const u32 sizes[] = {0, 256, 512, 513, 4096, 4097, 8192, limits.message_size_max};
      const u32 bytes = sizes[n % 8];
      Slab* slab = slabs.acquire(bytes);
      RC_ASSERT((slab ? slab->size : 0) == model.smallest_free(bytes));
      if (!slab) continue;
      --model.free[slab->size];
      const std::byte mark{next_mark++};
      slab->data[0] = slab->data[slab->size - 1] = mark;
      held.push_back({slab, 1, mark});
    } else if (!held.empty()) {
      Held& one = held[n % held.size()];
      if (call % 3 == 1) {
        retain(one.slab);
        ++one.references;
      } else {
        release(one.slab);
        if (--one.references == 0) {
          ++model.free[one.slab->size];
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(n % held.size()));
        }
      }
    }
    RC_ASSERT(slabs.in_use() == held.size());
    for (const u32 bytes : {0u, 512u, 513u, 4097u, 70'000u})
      RC_ASSERT(slabs.available(bytes) == model.available(bytes));
    for (const Held& one : held) {
      RC_ASSERT(one.slab->references == one.references);
      RC_ASSERT(one.slab->data[0] == one.mark);
      RC_ASSERT(one.slab->data[one.slab->size - 1] == one.mark);
    }
  }
  for (const Held& one : held)
    for (u32 i = 0; i < one.references; ++i) release(one.slab);
}

RC_GTEST_PROP(Timers, AreASetOrderedByDeadlineAndId, ()) {
  const auto count = *rc::gen::inRange<u32>(1, 20);
  Timers timers(count);
  for (u32 i = 0; i < count; ++i) RC_ASSERT(timers.create(100 + i, i % 3) == i);
  std::map<u32, Instant> model;  // armed ones
  const auto earliest = [&] {
    auto best = model.end();
    for (auto it = model.begin(); it != model.end(); ++it)
      if (best == model.end() || it->second < best->second) best = it;
    return best;
  };
  for (const auto& [call, n] : some_calls()) {
    const u32 timer = n % count;
    const Instant when(n / count % 16);  // few values: ties are common
    switch (call % 5) {
      case 0:
      case 1:
        timers.arm(timer, when);
        model[timer] = when;
        break;
      case 2:
        timers.arm_if_sooner(timer, when);
        if (!model.contains(timer) || when < model[timer]) model[timer] = when;
        break;
      case 3:
        timers.disarm(timer);
        model.erase(timer);
        break;
      case 4: {
        Timers::Due due{};
        const auto expected = earliest();
        const bool is_due = expected != model.end() && expected->second <= when;
        RC_ASSERT(timers.pop_due(when, due) == is_due);
        if (!is_due) break;
        RC_ASSERT(due.owner == 100u + expected->first);
        RC_ASSERT(due.kind == expected->first % 3);
        model.erase(expected);
        break;
      }
    }
    RC_ASSERT(timers.deadline() == (model.empty() ? Instant::never() : earliest()->second));
    for (u32 i = 0; i < count; ++i) {
      RC_ASSERT(timers.armed(i) == model.contains(i));
      RC_ASSERT(timers.deadline_of(i) == (model.contains(i) ? model[i] : Instant::never()));
    }
  }
}

}  // namespace
}  // namespace keelson
