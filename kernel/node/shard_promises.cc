// Promises: a group_state counts as stored when the superblock, too, names the batch that marks it. A log's newest
// pages may rot like any others, and would then look like the tail that a crash tore: a promise of which the record and
// the only page that marks it are damaged must leave a trace elsewhere (docs/storage.md).
#include <algorithm>

#include "keelson/node/shard_impl.h"
#include "keelson/store/rules.h"

namespace keelson {

// True: the replica hears of it later.
bool Shard::Impl::hold_promise(const StoredRecord& record) {
  if (!store_rules::needs_seal(record.command)) return false;
  push_growing(unsealed, record);
  return true;
}

// One update of the superblock for all that were stored since the last one.
void Shard::Impl::seal_promises(EffectBag& out) {
  const bool wanted = !unsealed.empty() || wal->wants_superblock() || tail_unsealed;
  if (!wanted || !sealing.empty() || superblock->state() != SuperblockFile::State::ready) return;
  std::swap(unsealed, sealing);
  tail_unsealed = false;
  tail_sealed = now;
  Superblock next = superblock->current();
  next.durable_batch = std::max(next.durable_batch, wal->marked());
  superblock->update(next, out);
}

void Shard::Impl::promises_sealed(EffectBag& out) {
  Turn t = turn(out);
  for (const auto& record : sealing)
    if (Replica* replica = touch(record.group)) replica->on_stored(t, record);
  sealing.clear();
}

}  // namespace keelson
