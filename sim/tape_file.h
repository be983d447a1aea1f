// .ktape files: a tape with the scenario it belongs to and what its run came to, so that it replays alone.
//
// Who uses it: runs that write a tape, replay, shrink, inspect. The format is a table in docs/simulation.md and the
// comment of write(). A file may come from another build: sites are resolved by name. Not here: whether the tape still
// fits the build (site_hash says whether strict replay makes sense), or reading and writing the file system.
#pragma once

#include <tl/expected.hpp>

#include "keelson/sim/tape.h"
#include "keelson/sim/verdict_kind.h"

namespace keelson::sim {

// How the recorded run ended.
struct TapeOutcome {
  Digest trace_hash;
  u64 events = 0;
  u64 virtual_ns = 0;
  Verdict verdict = Verdict::ok;
  u64 signature = 0;
  bool operator==(const TapeOutcome&) const = default;
};

struct TapeFile {
  u64 seed = 0;          // of the recorded run
  Digest scenario_hash;  // of the resolved scenario
  std::string scenario;  // resolved, serialised deterministically
  Digest sites = site_hash();
  std::variant<std::vector<RecordedStream>, std::vector<SparseStream>> streams;
  TapeBase base;          // of a sparse tape; what a recorded one may be extended by
  bool complete = false;  // a recording of a whole run: may be replayed strictly
  std::optional<TapeOutcome> outcome;
  u64 unknown_sites_dropped = 0;  // decisions of sites that this build doesn't know; set by parse only

  bool operator==(const TapeFile&) const = default;
};

struct TapeFileError {
  u64 offset = 0;
  std::string what;
  std::string describe() const { return "offset " + std::to_string(offset) + ": " + what; }
};

inline constexpr u64 tape_file_bytes_max = u64{64} << 20;
inline constexpr u64 tape_decisions_max = 16'000'000;
inline constexpr u64 tape_streams_max = 4'096;

// Canonical: the same file gives the same bytes, and parse(write(file)) gives the file, the entries of sparse streams
// sorted, and of several with one address the last. What a reader would refuse (limits, a stream twice) is an error.
tl::expected<std::string, TapeFileError> write_tape(const TapeFile& file);

tl::expected<TapeFile, TapeFileError> parse_tape(std::string_view bytes);

}  // namespace keelson::sim
