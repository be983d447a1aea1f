// The kv workload: gets, puts, deletes and compare-and-swaps over few keys, so that clients meet on them.
//
// Who uses it: the runner, for a scenario's `workload { kv {...} }`. Every written value is used once, so that a read
// names the write it saw. Not here: whether the answers were right (check/replay.h).
#pragma once

#include "keelson/sim/workload/client_context.h"

namespace keelson::sim {

struct KvMix {
  u32 put = 50, get = 30, cas = 20, del = 0;  // weights
  u32 keys = 16;
  u64 hot_ppm = 0;  // of operations that go to key 0
  u32 value_bytes_max = 64;
  u64 requests = 300;  // of each client; 0: until stopped
  Duration think;      // mean pause between two calls of one client
  Duration timeout = milliseconds(2000);
  u32 retries = 3;          // new calls after a fail, never after an unknown outcome
  u64 leave_ppm = 500'000;  // whether a client that is done gives its sessions back
};

void run_kv(ClientContext& client, const KvMix& mix, std::span<const GroupId> groups);

// A get of every key, until each was answered: what was acknowledged must be readable at the end.
void read_all_keys(ClientContext& client, const KvMix& mix, std::span<const GroupId> groups);

}  // namespace keelson::sim
