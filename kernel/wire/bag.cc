#include "keelson/wire/bag.h"

namespace keelson {

EventBag::EventBag(const Limits& limits)
    : node(16),
      completions(limits.events_per_bag_max),
      peers(limits.events_per_bag_max),
      frames(limits.events_per_bag_max),
      messages(limits.events_per_bag_max),
      submissions(limits.events_per_bag_max) {}

void EventBag::clear() {
  wall.reset();
  node.clear();
  completions.clear();
  peers.clear();
  frames.clear();
  messages.clear();
  submissions.clear();
}

bool EventBag::empty() const {
  return node.empty() && completions.empty() && peers.empty() && frames.empty() && messages.empty() &&
         submissions.empty();
}

// Every event answered, and room for some groups that say all they can; the others wait for the next step.
EffectBag::EffectBag(const Limits& limits)
    : sends(std::size_t{16} * limits.events_per_bag_max + 16 * sends_per_replica(limits) +
            std::size_t{4} * limits.replicas_max * (limits.groups_max / limits.entries_max + 2)),
      replies(std::size_t{2} * limits.events_per_bag_max + 4096),
      writes(limits.writes_max()),
      reads(limits.reads_max()),
      posts(std::size_t{4} * limits.events_per_bag_max + 16 * sends_per_replica(limits)),
      notifications(std::size_t{4} * limits.groups_max + 64),
      closes(limits.events_per_bag_max) {}

void EffectBag::clear() {
  sends.clear();
  replies.clear();
  writes.clear();
  reads.clear();
  posts.clear();
  notifications.clear();
  closes.clear();
}

bool EffectBag::empty() const {
  return sends.empty() && replies.empty() && writes.empty() && reads.empty() && posts.empty() &&
         notifications.empty() && closes.empty();
}

}  // namespace keelson
