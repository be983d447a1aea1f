// Linearizability of long histories of a map: 100,000 calls, as a store without a fault gives them, and with one stale
// read at the end.
#include <benchmark/benchmark.h>
#include <random>

#include "keelson/sim/check/kv_calls.h"

namespace keelson::sim {
namespace {

// Each call takes effect at its own instant; its window reaches as far as those of `clients` calls around it.
std::vector<KvCall> history(u64 calls, u64 clients, u64 keys, u64 unknown_percent) {
  std::mt19937_64 random(1);
  const auto below = [&](u64 n) { return random() % n; };
  std::vector<KvCall> all;
  std::vector<KvValue> held(keys);
  for (u64 i = 0; i < calls; ++i) {
    KvCall call;
    call.id = i;
    call.client = i % clients;
    const u64 key = below(keys);
    call.key = std::to_string(key);
    const u64 act = below(100);
    call.act = act < 50 ? KvAct::write : act < 80 ? KvAct::read : KvAct::swap;
    call.called = call.called_ns = 1000 * clients + i * 1000 - below(500 * clients);
    call.returned = call.returned_ns = 1000 * clients + i * 1000 + below(500 * clients);
    call.value = "value " + std::to_string(i);
    call.expected = below(2) ? held[key] : KvValue("none of them");
    call.end = below(100) < unknown_percent ? CallEnd::info : CallEnd::ok;
    const bool happens = call.end == CallEnd::ok || below(2);
    call.done = call.act != KvAct::swap || call.expected == held[key];
    if (call.act == KvAct::read || !call.done) call.found = held[key];
    if (happens && call.act != KvAct::read && call.done) held[key] = call.value;
    all.push_back(call);
  }
  return all;
}

void check_history(benchmark::State& state, bool stale) {
  auto calls = history(100'000, static_cast<u64>(state.range(0)), static_cast<u64>(state.range(1)),
                       static_cast<u64>(state.range(2)));
  if (stale) {
    KvCall read = calls.back();
    read.act = KvAct::read;
    read.end = CallEnd::ok;
    read.key = state.range(1) > 100 ? "999" : "9";  // the last one that is looked at
    read.found = KvValue();
    read.called = read.returned = ~u64{0} - 1;
    calls.push_back(read);
  }
  const Linear expected = stale ? Linear::no : Linear::yes;
  for (auto _ : state) {
    const auto judgement = check_kv(calls);
    if (judgement.linear != expected) state.SkipWithError(("another verdict: " + judgement.detail).c_str());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(calls.size()));
}

void accepts(benchmark::State& state) { check_history(state, false); }
void refutes(benchmark::State& state) { check_history(state, true); }

// clients, keys, percent of unknown outcome
BENCHMARK(accepts)
    ->Args({8, 16, 0})
    ->Args({8, 16, 5})
    ->Args({32, 16, 5})
    ->Args({8, 1, 1})
    ->Args({8, 1000, 10})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(refutes)->Args({8, 16, 0})->Args({8, 16, 5})->Args({8, 1000, 10})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keelson::sim
