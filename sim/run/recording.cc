#include "keelson/sim/run/recording.h"

namespace keelson::sim {

TapeFile recording_of(const pb::Scenario& resolved, const Tape& tape, const RunReport& report) {
  TapeFile file;
  file.seed = report.seed;
  file.scenario = serialise(resolved);
  file.scenario_hash = scenario_hash(resolved);
  file.streams = tape.recording();
  file.complete = true;
  Digest hash;
  hash.hi = std::stoull(report.trace_hash.substr(0, 16), nullptr, 16);
  hash.lo = std::stoull(report.trace_hash.substr(16), nullptr, 16);
  file.outcome =
      TapeOutcome{hash, report.events, report.virtual_ns, report.verdict, signature_hash(signature_of(report))};
  return file;
}

ReplayKind replay_kind(const TapeFile& file) {
  const bool recorded = std::holds_alternative<std::vector<RecordedStream>>(file.streams);
  return recorded && file.complete && file.sites == site_hash() ? ReplayKind::strict : ReplayKind::loose;
}

TapeSource source_of(const TapeFile& file) {
  if (const auto* sparse = std::get_if<std::vector<SparseStream>>(&file.streams)) return SparseTape{*sparse, file.base};
  const auto& recorded = std::get<std::vector<RecordedStream>>(file.streams);
  if (replay_kind(file) == ReplayKind::strict) return RecordedTape{recorded, {}};
  return SparseTape{by_address(recorded, QuietDecisions::keep), file.base};
}

Reproduced compare(const TapeFile& file, const RunReport& report) {
  if (!file.outcome) return Reproduced::not_known;
  const u64 signature = signature_hash(signature_of(report));
  if (file.outcome->verdict == report.verdict && file.outcome->signature == signature) return Reproduced::yes;
  return report.failure ? Reproduced::other_failure : Reproduced::no;
}

const char* name_of(Reproduced reproduced) {
  switch (reproduced) {
    case Reproduced::yes:
      return "reproduced";
    case Reproduced::no:
      return "not reproduced";
    case Reproduced::other_failure:
      return "other failure";
    case Reproduced::not_known:
      return "the tape doesn't say how its run ended";
  }
  return "";
}

}  // namespace keelson::sim
