#include "tests/lib/sim/stage.h"

#include <stdexcept>

namespace keelson::sim::test {
namespace {

constexpr Duration ask_every = milliseconds(50);

pb::Scenario resolved(const std::string& text, Tape& tape) {
  const auto scenario = parse_scenario(text, "stage.textproto", [](std::string_view) { return std::nullopt; });
  if (!scenario) throw std::runtime_error(scenario.error().front().what);
  return resolve(*scenario, {}, tape);
}

EchoOptions options_of(const pb::Scenario& scenario) {
  EchoOptions options;
  options.nodes = static_cast<u16>(scenario.cluster().nodes());
  options.shards = static_cast<u16>(scenario.cluster().shards());
  return options;
}

void ask_for(World& world, u16 client, u64 ticket) {
  const std::vector<std::byte> body(100, std::byte{0x5a});
  world.submit(client, {Ticket(ticket), GroupId(1), Operation(0x200), seconds(2)}, body);
}

}  // namespace

Stage::Stage(EchoOptions options, u16 clients, TapeSource source, Settings settings)
    : tape(std::move(source)), programs(options), world(config_of(options, clients, settings), programs, tape) {
  world.add_observer(watch);
  world.set_reply_reader(&replies);
}

WorldConfig Stage::config_of(const EchoOptions& options, u16 clients, const Settings& settings) {
  WorldConfig config;
  config.population = {.nodes = options.nodes, .shards = options.shards, .clients = clients};
  config.cluster = echo_cluster;
  config.limits = options.limits;
  config.client_limits = options.limits;
  config.settings = settings;
  return config;
}

void Stage::ask(u64 ticket, u16 client) { ask_for(world, client, ticket); }

const EchoShard& Stage::shard(u16 node, u16 shard) {
  return dynamic_cast<const EchoShard&>(*world.program(NodeId(node), ShardId(shard)));
}

std::string Stage::why() const {
  return world.violation() ? world.violation()->invariant + ": " + world.violation()->detail : "";
}

Play::Play(const std::string& scenario_text, TapeSource source, Recording recording)
    : tape(std::move(source), recording),
      scenario(resolved(scenario_text, tape)),
      programs(options_of(scenario)),
      world(Stage::config_of(programs.options, static_cast<u16>(scenario.cluster().clients()), calm_settings()),
            programs, tape),
      roles(world, {}),
      marks(world, waits_for_marks(scenario)),
      nemesis(world, roles, budget, marks),
      steps(world, roles, scenario, marks),
      phases(world, nemesis, steps, budget, scenario) {
  world.add_observer(watch);
  world.set_reply_reader(&replies);
}

void Play::run() {
  world.start_all();
  for (std::size_t i = 0; i < phases.parts().size() && !world.violation(); ++i) {
    phases.begin(i);
    run_part(phases.parts()[i]);
  }
}

void Play::run_part(const Part& part) {
  const bool asking = part.kind == PartKind::warm_up || part.kind == PartKind::faults;
  const Instant end = world.now() + std::min(part.limit, seconds(20));
  while (world.now() < end && !world.violation()) {
    for (u16 c = 0; asking && c < world.population().clients; ++c)
      if (world.client_state(c) == HostState::up) ask_for(world, c, ++asked);
    world.run_until(std::min(end, world.now() + ask_every));
  }
}

}  // namespace keelson::sim::test
