// Strict while a voter is missing: two voters of three that are left can't tell a torn tail from a loss without asking
// the third, so they count a record as stored only when it is marked. Then damage behind the last mark is a tear, and
// nobody has to be asked (docs/decisions/0017-strict-while-a-voter-is-missing.md).
#include "keelson/node/shard_impl.h"
#include "keelson/vsr/rules.h"

namespace keelson {
namespace {

// Behind the last mark that a start finds, damage to a strict record reads as a tear. While that mark is in the log's
// last page alone, rot in two pages is enough for it; the superblock doesn't rot.
constexpr Duration tail_seal_every = seconds(1);

}  // namespace

// Once per beat. Any member of any group counts: which groups have what in a batch is not asked.
void Shard::Impl::look_for_voters() {
  bool missing = false;
  for (u16 n = 0; n < peers.count(); ++n) {
    const Peers::Peer* peer = peers.find(NodeId(n));
    missing = missing || (peer && now.since(peer->heard) >= config.tunables.voter_missing);
  }
  wal->want_strict(missing);
  if (wal->is_strict() && wal->marked() > superblock->current().durable_batch &&
      now.since(tail_sealed) >= tail_seal_every)
    tail_unsealed = true;
}

void Shard::Impl::count_strict() {
  if (strict == wal->is_strict()) return;
  strict = wal->is_strict();
  counters.add(strict ? Counter::strict_began : Counter::strict_ended);
  counters.hit(strict ? Mark::node_strict : Mark::node_strict_over);
}

}  // namespace keelson
