// What the World costs by itself: programs that do next to nothing, so that all of the time is the simulator's. An
// event is a message from send to bag, or a write from effect to completion. Target: < 250 ns per event.
#include <benchmark/benchmark.h>

#include "keelson/sim/world.h"

namespace keelson::sim {
namespace {

constexpr ClusterId bench_cluster{1, 1};

// Answers each message with a message; with `log`, only when a page it wrote for it is durable.
class Ponger final : public Program {
 public:
  Ponger(NodeId node, Slabs& slabs, u32 balls, u32 body, bool log)
      : node_(node), slabs_(slabs), balls_(balls), body_(body), log_(log), page_(page_bytes) {}

  void step(const EventBag& in, EffectBag& out) override {
    if (!in.node.empty()) life_ = {Generation(1), Incarnation(1)};
    for (const auto& event : in.peers)
      if (event.kind == PeerEventKind::connected && event.peer.node_id() > node_)
        for (u32 i = 0; i < balls_; ++i) throw_to(event.peer, out);
    for (const auto& done : in.completions) {
      throw_to(waiting_[done.id.raw() % waiting_.size()], out);
      --in_flight_;
    }
    for (const auto& message : in.messages) {
      if (!log_ || in_flight_ >= 6) {
        throw_to(message.peer, out);
        continue;
      }
      ++in_flight_;
      const u64 id = next_io_++;
      waiting_[id % waiting_.size()] = message.peer;
      store(page_.data(), id);
      part_ = page_;
      out.writes.push_back({.id = IoId(id), .zone = Zone::wal, .offset = id % 1024 * page_bytes, .parts = {&part_, 1}});
    }
  }
  Instant deadline() const override { return Instant::never(); }
  Life life() const override { return life_; }

 private:
  void throw_to(Peer peer, EffectBag& out) {
    auto ball = make<Commit>();
    ball.command = body_ > 0 ? Command::beat : Command::commit;
    ball.cluster = bench_cluster;
    ball.node = node_;
    MessageRef message = allocate_message(slabs_, body_);
    if (!message) return;
    seal(message, ball, body_);
    out.sends.push_back({peer, ShardId(0), std::move(message)});
  }

  NodeId node_;
  Slabs& slabs_;
  u32 balls_;
  u32 body_;
  bool log_;
  Life life_;
  u64 next_io_ = 1;
  u32 in_flight_ = 0;
  std::array<Peer, 16> waiting_;
  std::vector<std::byte> page_;
  Bytes part_;
};

class Pongers final : public Programs {
 public:
  Pongers(u32 balls, u32 body, bool log) : balls_(balls), body_(body), log_(log) {}
  std::unique_ptr<Program> make_shard(NodeId node, ShardId, Slabs& slabs) override {
    return std::make_unique<Ponger>(node, slabs, balls_, body_, log_);
  }
  std::unique_ptr<Program> make_client(const ClientStart&, Slabs&) override { return {}; }
  DiskShape disk_shape() const override {
    return {
        .zone_bytes = {page_bytes, u64{1024} * page_bytes, 0, 0}, .writes_in_flight_max = 8, .reads_in_flight_max = 8};
  }
  void format(NodeId, ShardId, Disk&) override {}

 private:
  u32 balls_;
  u32 body_;
  bool log_;
};

void world(benchmark::State& state, u32 balls, u32 body, bool log, LinkMode mode) {
  WorldConfig config;
  config.population = {.nodes = 3, .shards = 1, .clients = 0};
  config.cluster = bench_cluster;
  config.limits = Limits::standard();
  config.client_limits = Limits::tiny();
  config.settings.network.mode = mode;
  config.events_max = ~u64{0};
  Tape tape(SeededTape{1});
  Pongers programs(balls, body, log);
  World world(config, programs, tape);
  world.start_all();
  world.run_for(milliseconds(100));
  const u64 events = world.events();
  const u64 messages = world.network().messages_delivered();
  for (auto _ : state) world.step();
  state.SetItemsProcessed(static_cast<std::int64_t>(world.events() - events));
  const auto delivered = static_cast<double>(world.network().messages_delivered() - messages);
  state.counters["per_message"] =
      benchmark::Counter(delivered, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void world_of_headers(benchmark::State& state) { world(state, 16, 0, false, LinkMode::stream); }
void world_of_headers_in_datagrams(benchmark::State& state) { world(state, 16, 0, false, LinkMode::datagram); }
void world_of_single_headers(benchmark::State& state) { world(state, 1, 0, false, LinkMode::stream); }
void world_of_kilobytes(benchmark::State& state) { world(state, 16, 1024, false, LinkMode::stream); }
void world_of_log_pages(benchmark::State& state) { world(state, 4, 0, true, LinkMode::stream); }
BENCHMARK(world_of_headers);
BENCHMARK(world_of_headers_in_datagrams);
BENCHMARK(world_of_single_headers);
BENCHMARK(world_of_kilobytes);
BENCHMARK(world_of_log_pages);

void make_and_boot_a_world(benchmark::State& state) {
  for (auto _ : state) {
    WorldConfig config;
    config.population = {.nodes = 3, .shards = 1, .clients = 0};
    config.cluster = bench_cluster;
    config.limits = Limits::tiny();
    config.client_limits = Limits::tiny();
    Tape tape(SeededTape{1});
    Pongers programs(0, 0, false);
    World world(config, programs, tape);
    world.start_all();
    world.run_for(milliseconds(5));
  }
}
BENCHMARK(make_and_boot_a_world);

}  // namespace
}  // namespace keelson::sim
