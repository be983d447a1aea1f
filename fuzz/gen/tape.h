// Tapes: decisions of a run changed by address, a few episodes of them, drawn.
//
// Who uses it: properties over whole runs, the fuzz target run_tape, tests of your own machine. Any tape over a valid
// scenario is a valid run, so whatever is drawn here, no checker may find anything. Episodes rather than single
// decisions, because faults matter in a row: eight messages of a link lost, a write torn in each of its sectors. Not
// here: scenarios (scenario.h), what decisions mean (keelson/sim/tape.h).
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "keelson/sim/run/run.h"
#include "keelson/sim/tape_text.h"

#include "draw.h"

namespace keelson::gen {

// Where a run decides something, and how often it did.
struct DecidedAt {
  std::string stream;
  sim::Site site{};
  u64 count = 0;
};

// What a run asks of its tape depends on what it was told, so this is where runs with these tapes decided, not where
// all do; entries that are not asked for change nothing.
inline std::vector<DecidedAt> decided_in(const sim::pb::Scenario& resolved, const std::vector<sim::TapeSource>& tapes,
                                         const sim::Simulation* own = nullptr) {
  std::map<std::pair<std::string, sim::Site>, u64> counts;
  for (const sim::TapeSource& source : tapes) {
    sim::Tape tape(source, sim::Recording::on);
    sim::run_scenario(resolved, tape, {.own = own});
    std::map<std::pair<std::string, sim::Site>, u64> here;
    for (const auto& stream : tape.recording())
      for (const auto& decision : stream.entries) ++here[{stream.name, decision.site}];
    for (const auto& [at, count] : here) counts[at] = std::max(counts[at], count);
  }
  std::vector<DecidedAt> places;
  for (const auto& [at, count] : counts) places.push_back({at.first, at.second, count});
  return places;
}

// Most decisions fire with their largest values, and any that is too large counts as the largest.
inline u64 decision_value(const Draw& draw) {
  switch (draw(4)) {
    case 0:
      return ~u64{0};
    case 1:
      return draw(4);
    case 2:
      return draw(u64{1} << (1 + draw(32)));
    default:
      return 0;
  }
}

inline void add_episode(sim::SparseTape& tape, const Draw& draw, const std::vector<DecidedAt>& places) {
  const DecidedAt& place = places[draw(places.size())];
  const u64 first = draw(place.count);
  const u64 length = 1 + draw(8);
  const u64 value = decision_value(draw);
  auto stream = std::find_if(tape.streams.begin(), tape.streams.end(),
                             [&](const sim::SparseStream& other) { return other.name == place.stream; });
  if (stream == tape.streams.end()) stream = tape.streams.insert(stream, {place.stream, {}});
  for (u64 n = first; n < first + length; ++n) stream->entries.push_back({place.site, n, value});
}

// At most so many episodes over a base: quiet, or what a seed draws. `places` is not empty.
inline sim::SparseTape tape(const Draw& draw, const std::vector<DecidedAt>& places, u64 episodes_max) {
  sim::SparseTape tape;
  if (draw(2) == 1) tape.base = sim::TapeBase::seeded(draw(1'000'000));
  for (u64 left = draw(episodes_max + 1); left > 0; --left) add_episode(tape, draw, places);
  return tape;
}

}  // namespace keelson::gen
