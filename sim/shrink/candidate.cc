#include "keelson/sim/shrink/candidate.h"

#include <algorithm>
#include <google/protobuf/descriptor.h>

#include "keelson/base/checksum.h"
#include "keelson/sim/shrink/proto_paths.h"
#include "keelson/sim/tape_text.h"

namespace keelson::sim {

u64 Candidate::entries() const {
  u64 count = 0;
  for (const auto& stream : tape.streams) count += stream.entries.size();
  return count;
}

Digest fingerprint(const Candidate& candidate) {
  DigestStream digest;
  const auto add = [&](std::string_view text) {
    digest.add_value(text.size());
    digest.add(std::as_bytes(std::span(text)));
  };
  add(serialise(candidate.scenario));
  digest.add_value(candidate.tape.base.seed ? *candidate.tape.base.seed + 1 : u64{0});
  for (const auto& stream : candidate.tape.streams) {
    add(stream.name);
    for (const auto& [site, n, value] : stream.entries) {
      digest.add_value(site);
      digest.add_value(n);
      digest.add_value(value);
    }
  }
  return digest.finish();
}

namespace {

// What --seed would be: files with a tape have none, but for the hash nothing depends on it.
u64 seed_of(const Candidate& candidate) { return candidate.tape.base.seed.value_or(0); }

}  // namespace

RunReport run(const Candidate& candidate, u64 events_max, RunOptions options) {
  Tape tape(candidate.tape);
  pb::Scenario resolved = resolve(candidate.scenario, {}, tape);
  if (events_max > 0) resolved.mutable_budget()->set_events(std::min(events_max, resolved.budget().events()));
  options.seed = seed_of(candidate);
  return run_scenario(resolved, tape, options);
}

Recorded run_recording(const Candidate& candidate, RunOptions options) {
  Tape tape(candidate.tape, Recording::on);
  const pb::Scenario resolved = resolve(candidate.scenario, {}, tape);
  options.seed = seed_of(candidate);
  RunReport report = run_scenario(resolved, tape, options);
  return {std::move(report), tape.recording()};
}

SparseTape nonquiet_of(const Recorded& recorded) {
  return {by_address(recorded.streams, QuietDecisions::drop), TapeBase::quiet()};
}

pb::Scenario without_defaults(const pb::Scenario& resolved) {
  const auto meaning = [](const pb::Scenario& scenario) {
    Tape none(SparseTape{});
    return serialise(resolve(scenario, {}, none));
  };
  pb::Scenario plain = resolved;
  const std::string wanted = meaning(plain);
  const auto paths = paths_of(plain);
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    const auto& name = path->back().field->name();
    if (name == "kv" || name == "idle" || name == "own") continue;  // a file must say which
    pb::Scenario less = plain;
    remove(less, *path);
    if (meaning(less) == wanted) plain = std::move(less);
  }
  return plain;
}

bool is_sound(const pb::Scenario& scenario) {
  return parse_scenario(print(scenario), scenario.name() + ".textproto", {}).has_value();
}

pb::Scenario with_tape(const Candidate& candidate) {
  pb::Scenario scenario = candidate.scenario;
  *scenario.mutable_tape() = text_of(candidate.tape);
  return scenario;
}

}  // namespace keelson::sim
