// Scenarios: from a text file to everything a run needs to know, or to a list of all that is wrong with the file.
//
// Who uses it: the runner loads and resolves; World asks for the faults of each phase; tapes and verdicts embed what
// resolve() gives. load: one file, its base merged in, checked. resolve: per seed, swarm drawn and defaults written
// out. Not here: what a fault does (settings.h and the nemesis), or the schema (scenario.proto).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "keelson/base/types.h"
#include "keelson/sim/proto_text.h"
#include "keelson/sim/scenario.pb.h"
#include "keelson/sim/tape.h"

namespace keelson::sim {

using Problems = std::vector<Problem>;

// What `base: "network/lossy"` names: the file's name for messages, and its text.
struct BaseText {
  std::string file;
  std::string text;
};
using BaseReader = std::function<std::optional<BaseText>(std::string_view base)>;

// Checks everything that can be checked without a seed. `file` is for messages and for the stem that `name` must equal.
tl::expected<pb::Scenario, Problems> parse_scenario(std::string_view text, const std::string& file,
                                                    const BaseReader& bases);

// A base "folder/name" is looked for from the parent of the file's folder, then from the folder itself.
tl::expected<pb::Scenario, Problems> load_scenario(const std::filesystem::path& file);

struct Overrides {
  std::optional<pb::LimitsProfile::Kind> limits;  // --limits
};

// Draws what `swarm` leaves open from stream "swarm" of the tape (nothing without swarm), then writes out all defaults.
// Resolving the result again changes nothing: it has no swarm and no base.
pb::Scenario resolve(const pb::Scenario& scenario, const Overrides& overrides, Tape& tape);

// A resolved scenario as a file of its own.
std::string print(const pb::Scenario& scenario);

// Serialised the same way on every machine: what tapes embed and trace hashes begin with.
std::string serialise(const pb::Scenario& scenario);
Digest scenario_hash(const pb::Scenario& scenario);

// What happens during a phase. Settings: single fields of the phase over those of the scenario over `background`.
// Faults: the phase's, else the scenario's, else of `background`. Without a phase: the scenario's own.
struct PhaseFaults {
  pb::Network network;
  pb::Clock clock;
  pb::Disk disk;
  pb::Mailbox mailbox;
  pb::Turn turn;
  std::optional<pb::Partition> partition;
  std::optional<pb::Crash> crash;
  std::optional<pb::Pause> pause;
  std::optional<pb::PowerCut> power_cut;
  std::optional<pb::ClientCrash> client_crash;
};
PhaseFaults faults_of(const pb::Scenario& scenario, const pb::Phase* phase);

// `over` on `under`, field by field; a list given in `over` replaces the one under it.
void merge_over(google::protobuf::Message& under, const google::protobuf::Message& over);

}  // namespace keelson::sim
