// Push and pop at a steady number of live events: the event loop's floor. Target: 15 M pairs/s at 5,000 live events.
#include <benchmark/benchmark.h>

#include "keelson/sim/event_queue.h"
#include "keelson/sim/prng.h"

namespace keelson::sim {
namespace {

struct Payload {
  u32 kind = 0;
  u32 index = 0;
};
using Queue = EventQueue<Payload>;

Instant soon(StreamPrng& prng, Instant now) { return now + Duration(scale(prng.next(), 1'000'000)); }

Queue filled(StreamPrng& prng, std::int64_t live) {
  Queue queue;
  for (std::int64_t i = 0; i < live; ++i) queue.push(soon(prng, Instant()), Rank::network, Payload{});
  return queue;
}

void push_and_pop(benchmark::State& state) {
  StreamPrng prng(1, "bench");
  Queue queue = filled(prng, state.range(0));
  for (auto _ : state) {
    const auto event = queue.pop();
    queue.push(soon(prng, event.key.at), Rank::network, event.payload);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_and_pop)->Arg(100)->Arg(5'000)->Arg(100'000);

// As a World uses it: each turn also moves a deadline.
void push_pop_and_move_a_deadline(benchmark::State& state) {
  StreamPrng prng(1, "bench");
  Queue queue = filled(prng, state.range(0));
  EventRef deadline;
  for (auto _ : state) {
    const auto event = queue.pop();
    queue.push(soon(prng, event.key.at), Rank::network, event.payload);
    queue.cancel(deadline);
    deadline = queue.push(event.key.at + milliseconds(50), Rank::deadline, Payload{});
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(push_pop_and_move_a_deadline)->Arg(5'000);

}  // namespace
}  // namespace keelson::sim

BENCHMARK_MAIN();
