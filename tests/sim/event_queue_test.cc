#include "keelson/sim/event_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "keelson/sim/prng.h"

namespace keelson::sim {
namespace {

using testing::ElementsAre;
using Queue = EventQueue<std::string>;

std::vector<std::string> drain(Queue& queue) {
  std::vector<std::string> order;
  while (!queue.empty()) order.push_back(queue.pop().payload);
  return order;
}

TEST(EventQueue, OrdersByTimeThenRankThenInsertion) {
  Queue queue;
  queue.push(Instant(20), Rank::nemesis, "late");
  queue.push(Instant(10), Rank::fiber, "fiber");
  queue.push(Instant(10), Rank::network, "first delivery");
  queue.push(Instant(10), Rank::network, "second delivery");
  queue.push(Instant(10), Rank::nemesis, "nemesis");
  EXPECT_EQ(queue.next_at(), Instant(10));
  EXPECT_THAT(drain(queue), ElementsAre("nemesis", "first delivery", "second delivery", "fiber", "late"));
}

TEST(EventQueue, GivesTheKeyBack) {
  Queue queue;
  queue.push(Instant(5), Rank::disk, "a");
  queue.push(Instant(5), Rank::disk, "b");
  const auto first = queue.pop();
  const auto second = queue.pop();
  EXPECT_EQ(first.key, (Queue::Key{Instant(5), Rank::disk, 0}));
  EXPECT_EQ(second.key, (Queue::Key{Instant(5), Rank::disk, 1}));
}

TEST(EventQueue, ACancelledEventNeverComes) {
  Queue queue;
  const auto gone = queue.push(Instant(1), Rank::deadline, "gone");
  queue.push(Instant(2), Rank::deadline, "stays");
  EXPECT_TRUE(queue.cancel(gone));
  EXPECT_FALSE(queue.cancel(gone));
  EXPECT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue.next_at(), Instant(2));
  EXPECT_THAT(drain(queue), ElementsAre("stays"));
}

TEST(EventQueue, AReferenceDoesNotCancelTheNextUserOfItsSlot) {
  Queue queue;
  const auto old = queue.push(Instant(1), Rank::fiber, "old");
  queue.pop();
  const auto next = queue.push(Instant(2), Rank::fiber, "next");
  EXPECT_EQ(old.slot, next.slot) << "else this tests nothing";
  EXPECT_FALSE(queue.pending(old));
  EXPECT_FALSE(queue.cancel(old));
  EXPECT_FALSE(queue.cancel(EventRef{})) << "a default reference names nothing";
  EXPECT_THAT(drain(queue), ElementsAre("next"));
}

TEST(EventQueue, PutBackKeepsThePlaceAmongEquals) {
  Queue queue;
  for (const auto* name : {"a", "b", "c"}) queue.push(Instant(1), Rank::network, name);
  auto a = queue.pop();
  EXPECT_EQ(queue.pop().payload, "b");
  queue.push(Instant(1), Rank::network, "d");
  queue.put_back(std::move(a));
  EXPECT_THAT(drain(queue), ElementsAre("a", "c", "d"));
}

TEST(EventQueue, CancelledEntriesDoNotPileUp) {
  EventQueue<int> queue;
  EventRef deadline;
  for (int i = 0; i < 100'000; ++i) {
    queue.cancel(deadline);
    deadline = queue.push(Instant(u64{1} << 40), Rank::deadline, i);
    ASSERT_LE(queue.entries_held(), 128u);
  }
  EXPECT_EQ(queue.pop().payload, 99'999);
}

// Against a sorted map, over a long random history of everything a queue can do.
TEST(EventQueue, BehavesLikeASortedMap) {
  StreamPrng prng(2024, "event_queue_test");
  EventQueue<u64> queue;
  std::map<EventQueue<u64>::Key, u64> model;
  std::vector<std::pair<EventRef, EventQueue<u64>::Key>> given;
  u64 seq = 0;
  for (u64 i = 0; i < 200'000; ++i) {
    const u64 choice = scale(prng.next(), 100);
    if (choice < 50) {
      const EventQueue<u64>::Key key{Instant(scale(prng.next(), 50)), static_cast<Rank>(scale(prng.next(), 8)), seq++};
      given.emplace_back(queue.push(key.at, key.rank, i), key);
      model.emplace(key, i);
    } else if (choice < 75 && !given.empty()) {
      const auto& [ref, key] = given[scale(prng.next(), given.size())];
      ASSERT_EQ(queue.cancel(ref), model.erase(key) == 1);
    } else if (!model.empty()) {
      const auto event = queue.pop();
      ASSERT_EQ(event.key, model.begin()->first);
      ASSERT_EQ(event.payload, model.begin()->second);
      model.erase(model.begin());
    }
    ASSERT_EQ(queue.size(), model.size());
  }
}

}  // namespace
}  // namespace keelson::sim
