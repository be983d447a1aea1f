// The tape: every nondeterministic decision of a run, in one place, by address (stream, site, n-th draw of it there).
//
// Who uses it: World, its models and its workloads draw from streams; runs, replays and shrinkers choose the source.
// The value 0 is always the quiet one: no fault, smallest delay, first in order. Two draws never stand in one full
// expression, since compilers order those differently. Not here: what a decision means (the models) or files
// (tape_file.h). A tape belongs to one World and one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "keelson/sim/prng.h"
#include "keelson/sim/sites.h"

namespace keelson::sim {

inline constexpr u64 ppm_one = 1'000'000;

using StreamId = Id<struct StreamIdTag, u32>;

// One recorded decision; its n is the number of earlier ones of the same site in the same stream.
struct Decision {
  Site site{};
  u64 value = 0;
  bool operator==(const Decision&) const = default;
};

// One decision that overrides the base, by address.
struct Override {
  Site site{};
  u64 n = 0;
  u64 value = 0;
  auto operator<=>(const Override&) const = default;
};

template <class Entry>
struct StreamOf {
  std::string name;
  std::vector<Entry> entries;
  bool operator==(const StreamOf&) const = default;
};
using RecordedStream = StreamOf<Decision>;
using SparseStream = StreamOf<Override>;

// What decides where a sparse tape says nothing, and what continues an extended one.
struct TapeBase {
  std::optional<u64> seed;  // none: QUIET, zeros for ever
  static TapeBase quiet() { return {}; }
  static TapeBase seeded(u64 seed) { return {seed}; }
  bool operator==(const TapeBase&) const = default;
};

// The first draw that a complete recording does not fit. The draws from there on are quiet, so that a run can end.
struct Divergence {
  enum class Kind : u8 { exhausted, wrong_site, value_out_of_bound };
  Kind kind{};
  std::string stream;
  Site asked{};
  u64 n = 0;            // of the asked site in the stream
  u64 position = 0;     // in the stream's recording
  Decision recorded{};  // meaningless when exhausted
  u64 bound = 0;
  std::string describe() const;
};

// How well a sparse tape fitted the run it drove.
struct SparseUse {
  u64 used = 0;
  u64 clamped = 0;  // values that the bound of their draw didn't allow
  u64 unused = 0;   // entries never asked for
};

class Tape;

// A handle to one stream of a tape: cheap to copy, valid as long as its tape. One draw per call, unless said otherwise.
class Stream {
 public:
  Stream() = default;

  u64 draw(Site site, u64 bound) const;        // in [0, bound); a bound of 1 leaves no choice and draws nothing
  bool chance(Site site, u64 ppm) const;       // ppm 0 draws nothing
  u64 below(Site site, u64 n) const;           // in [0, n), n > 0
  u64 range(Site site, u64 lo, u64 hi) const;  // in [lo, hi]
  u64 exponential(Site site, u64 mean) const;  // mean 0 draws nothing
  Duration exponential(Site site, Duration mean) const;
  std::size_t weighted(Site site, std::span<const u64> weights) const;  // index 0 is the dullest; one weight is > 0
  u64 bits64(Site site) const;  // for seeds and nonces; differs by stream and n even if quiet
  template <class T>
  T& pick(Site site, std::span<T> choices) const {
    return choices[below(site, choices.size())];
  }
  // n - 1 draws. Each takes the next element from those left and keeps the order of the others: all 0 changes nothing.
  template <class T>
  void shuffle(Site site, std::span<T> items) const;

  StreamId id() const { return id_; }

 private:
  friend class Tape;
  Stream(Tape& tape, StreamId id) : tape_(&tape), id_(id) {}

  Tape* tape_ = nullptr;
  StreamId id_;
};

// Where decisions come from.
struct SeededTape {
  u64 seed = 0;
};
// Strict: the run must ask for exactly these decisions. With `extend`, a stream that ends goes on as that base says
// instead of diverging.
struct RecordedTape {
  std::vector<RecordedStream> streams;
  std::optional<TapeBase> extend;
};
// Entries override by address; everything else comes from the base, whose generators advance on every draw all the
// same. Entries need no order; of two with one address the last counts.
struct SparseTape {
  std::vector<SparseStream> streams;
  TapeBase base;
};
using TapeSource = std::variant<SeededTape, RecordedTape, SparseTape>;

enum class Recording : bool { off, on };

class Tape {
 public:
  explicit Tape(TapeSource source, Recording recording = Recording::off);
  Tape(const Tape&) = delete;  // streams point to their tape
  Tape& operator=(const Tape&) = delete;
  ~Tape();

  Stream stream(std::string_view name);  // interned: the same name is the same stream

  // From now on decisions come from another seed; overrides of a sparse tape stay. Not of a recorded tape.
  void fork(u64 seed);

  std::vector<RecordedStream> recording() const;  // streams that drew, in the order they were made
  u64 recorded_decisions() const { return recorded_decisions_; }
  u64 recorded_nonquiet() const { return recorded_nonquiet_; }

  const std::optional<Divergence>& divergence() const { return divergence_; }
  SparseUse sparse_use() const;

 private:
  friend class Stream;
  struct State;  // what a stream needs beside its generator

  u64 draw(StreamId id, Site site, u64 bound);
  u64 draw_slow(StreamId id, Site site, u64 bound);
  u64 from_base(StreamId id, u64 bound);
  u64 from_recording(StreamId id, Site site, u64 bound);
  u64 from_overrides(StreamId id, Site site, u64 bound);
  void diverge(Divergence::Kind kind, const State& state, Site site, u64 bound);
  u64 bits64(StreamId id, Site site);
  State& intern(std::string_view name);

  const bool plain_;  // seeded and not recording: a draw is one generator step and nothing else
  const bool recording_;
  enum class Source : u8 { seeded, recorded, sparse } source_ = Source::seeded;
  TapeBase base_;
  bool extends_ = false;
  std::vector<StreamPrng> generators_;          // by StreamId; beside states_, so that the plain path touches 32 bytes
  std::vector<std::unique_ptr<State>> states_;  // by StreamId
  std::map<std::string, StreamId, std::less<>> ids_;
  u64 recorded_decisions_ = 0;
  u64 recorded_nonquiet_ = 0;
  u64 overrides_used_ = 0;
  u64 overrides_clamped_ = 0;
  std::optional<Divergence> divergence_;
};

// A recording as overrides, for a loose replay. Over a QUIET base the quiet decisions say nothing and may be left out.
enum class QuietDecisions : bool { drop, keep };
std::vector<SparseStream> by_address(std::span<const RecordedStream> recording, QuietDecisions quiet);

inline u64 Tape::draw(StreamId id, Site site, u64 bound) {
  if (plain_) [[likely]]
    return scale(generators_[id.raw()].next(), bound);
  return draw_slow(id, site, bound);
}

inline u64 Stream::draw(Site site, u64 bound) const { return bound == 1 ? 0 : tape_->draw(id_, site, bound); }

inline bool Stream::chance(Site site, u64 ppm) const {
  if (ppm == 0) return false;
  check(ppm <= ppm_one);
  return draw(site, ppm_one) >= ppm_one - ppm;
}

inline u64 Stream::below(Site site, u64 n) const {
  check(n > 0);
  return draw(site, n);
}

inline u64 Stream::range(Site site, u64 lo, u64 hi) const {
  check(lo <= hi);
  const u64 span = hi - lo + 1;  // 0: all of 64 bits
  return lo + draw(site, span);
}

inline u64 Stream::exponential(Site site, u64 mean) const {
  if (mean == 0) return 0;
  const auto v = static_cast<u32>(draw(site, u64{1} << 32));
  return sim::exponential(v, mean);
}

inline Duration Stream::exponential(Site site, Duration mean) const { return Duration(exponential(site, mean.ns())); }

template <class T>
void Stream::shuffle(Site site, std::span<T> items) const {
  for (std::size_t i = 0; i + 1 < items.size(); ++i) {
    const u64 chosen = below(site, items.size() - i);
    for (std::size_t j = i + chosen; j > i; --j) std::swap(items[j], items[j - 1]);
  }
}

}  // namespace keelson::sim
