#include "keelson/sim/mark_watch.h"

#include <algorithm>

#include "keelson/node/shard.h"

namespace keelson::sim {
namespace {

bool waits(const pb::Crash& crash) { return crash.at_mark_size() > 0 || crash.rare_mark_ppm() > 0; }

}  // namespace

bool waits_for_marks(const pb::Scenario& scenario) {
  return waits(scenario.crash()) ||
         std::any_of(scenario.phase().begin(), scenario.phase().end(),
                     [](const pb::Phase& phase) { return waits(phase.crash()); }) ||
         std::any_of(scenario.step().begin(), scenario.step().end(),
                     [](const pb::Step& step) { return step.when().has_mark(); });
}

MarkWatch::MarkWatch(World& world, bool on) : on_(on) {
  if (on) world.add_observer(*this);
}

void MarkWatch::on_turn(const TurnSeen& turn) {
  reached_.clear();
  const Shard* shard = turn.program.shard();
  if (!shard) return;
  const Counters& counters = shard->counters();
  if (lives_.size() <= turn.unit.raw()) lives_.resize(turn.unit.raw() + 1);
  Life& life = lives_[turn.unit.raw()];
  if (life.boot != turn.boot) life = {.boot = turn.boot};
  for (std::size_t m = 0; m < Counters::mark_count; ++m) {
    const u64 hits = counters[static_cast<Mark>(m)];
    if (std::exchange(life.hits[m], hits) == hits) continue;
    ++turns_[m];
    reached_.push_back(static_cast<Mark>(m));
  }
}

Mark mark_named(const std::string& name) {
  std::size_t m = 0;
  while (m < Counters::mark_count && name != name_of(static_cast<Mark>(m))) ++m;
  check(m < Counters::mark_count);
  return static_cast<Mark>(m);
}

}  // namespace keelson::sim
