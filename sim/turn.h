// Turns: how waiting arrivals become a bag, and in which order a turn's effects are carried out.
//
// Who uses it: World. Where bags are cut and what is permuted are decisions of stream turn/<node>.<shard>; whatever is
// drawn, an order that a driver promises is kept: arrivals of one source stay in order, and a connection's loss never
// overtakes its messages. Not here: stepping.
#pragma once

#include <vector>

#include "keelson/sim/core.h"
#include "keelson/sim/mailbox.h"
#include "keelson/sim/unit.h"

namespace keelson::sim {

// What stands before the body in the parcel of a submission.
struct SubmissionHead {
  Ticket ticket;
  GroupId group;
  Operation operation;
  Duration timeout;
};

class BagMaker {
 public:
  explicit BagMaker(Core& core) : core_(core) {}

  // Moves arrivals from the front of the unit's queue into the empty bag. Returns how many events it holds.
  u32 fill(Unit& unit, EventBag& bag, Mailboxes& mailboxes, Network& network);
  // After the step: what the bag's submissions pointed into.
  void release_parcels();

 private:
  std::size_t cut(Unit& unit);
  bool fits(const EventBag& bag, const Arrival& arrival) const;
  void add(Unit& unit, EventBag& bag, const Arrival& arrival, Mailboxes& mailboxes);
  void add_message(Unit& unit, EventBag& bag, const Arrival& arrival);
  void add_frame(Unit& unit, EventBag& bag, const Arrival& arrival, Mailboxes& mailboxes);
  void add_submission(EventBag& bag, const Arrival& arrival);
  void shuffle_sources(Unit& unit, EventBag& bag);

  Core& core_;
  std::vector<u32> sources_;  // of the messages in the bag, by place
  std::vector<Parcel*> borrowed_;
  std::vector<u32> order_;  // scratch
};

// The effects of a turn as places in a canonical order (writes, reads, sends, posts, replies, closes), in the order in
// which they are carried out.
enum class EffectKind : u8 { write, read, send, post, reply, close };
struct EffectPlace {
  EffectKind kind{};
  u32 index = 0;
};
void list_effects(const EffectBag& bag, std::vector<EffectPlace>& places);
std::size_t count_effects(const EffectBag& bag);

// Of everything in the bag, except the bytes of writes, which the disk hashes as it takes them.
Digest digest_of_effects(const EffectBag& bag, std::vector<u64>& scratch);

}  // namespace keelson::sim
