#include "keelson/sim/tape.h"

#include <algorithm>

#include "keelson/base/checksum.h"

namespace keelson::sim {
namespace {

Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// The few sites of a stream that were drawn, with how often: a linear search beats any table at these sizes.
class SiteCounts {
 public:
  u64 next(Site site) {
    for (auto& [counted, n] : counts_)
      if (counted == site) return n++;
    counts_.emplace_back(site, 1);
    return 0;
  }

 private:
  std::vector<std::pair<Site, u64>> counts_;
};

// The overrides of one site in one stream, in order of n, and how many draws the site has seen.
struct SiteCursor {
  u64 n = 0;
  std::size_t next = 0;
  std::size_t end = 0;
};

}  // namespace

std::string Divergence::describe() const {
  auto address = "stream " + stream + ", site " + std::string(name_of(asked)) + ", draw " + std::to_string(n) +
                 " (decision " + std::to_string(position) + " of the stream)";
  switch (kind) {
    case Kind::exhausted:
      return address + ": the tape has no further decision";
    case Kind::wrong_site:
      return address + ": the tape has a decision for " + std::string(name_of(recorded.site)) + " here";
    case Kind::value_out_of_bound:
      return address + ": the tape says " + std::to_string(recorded.value) + ", the run allows 0 to " +
             std::to_string(bound - 1);
  }
  return address;
}

struct Tape::State {
  explicit State(std::string_view stream) : name(stream) {}

  std::string name;
  SiteCounts bits64_drawn;
  std::vector<Decision> recorded;   // recording on
  std::vector<Decision> tape;       // Source::recorded
  std::size_t position = 0;         // in tape
  std::vector<Override> overrides;  // Source::sparse, sorted by (site, n)
  std::vector<SiteCursor> cursors;  // Source::sparse, by site, empty without overrides
};

Tape::Tape(TapeSource source, Recording recording)
    : plain_(recording == Recording::off && std::holds_alternative<SeededTape>(source)),
      recording_(recording == Recording::on) {
  if (const auto* seeded = std::get_if<SeededTape>(&source)) {
    base_ = TapeBase::seeded(seeded->seed);
    return;
  }
  if (auto* recorded = std::get_if<RecordedTape>(&source)) {
    source_ = Source::recorded;
    extends_ = recorded->extend.has_value();
    base_ = recorded->extend.value_or(TapeBase::quiet());
    for (auto& stream : recorded->streams) intern(stream.name).tape = std::move(stream.entries);
    return;
  }
  auto& sparse = std::get<SparseTape>(source);
  source_ = Source::sparse;
  base_ = sparse.base;
  for (auto& stream : sparse.streams) {
    auto& state = intern(stream.name);
    state.overrides.insert(state.overrides.end(), stream.entries.begin(), stream.entries.end());
  }
  for (auto& state : states_) {
    auto& entries = state->overrides;
    const auto same_address = [](const Override& a, const Override& b) { return a.site == b.site && a.n == b.n; };
    std::stable_sort(entries.begin(), entries.end(), [](const Override& a, const Override& b) {
      return std::pair(a.site, a.n) < std::pair(b.site, b.n);
    });
    const auto kept = std::unique(entries.rbegin(), entries.rend(), same_address);  // from behind: the last one counts
    entries.erase(entries.begin(), kept.base());
    state->cursors.resize(site_count);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      auto& cursor = state->cursors[static_cast<std::size_t>(entries[i].site)];
      if (cursor.end == 0) cursor.next = i;
      cursor.end = i + 1;
    }
  }
}

Tape::~Tape() = default;

Tape::State& Tape::intern(std::string_view name) { return *states_[stream(name).id().raw()]; }

Stream Tape::stream(std::string_view name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return Stream(*this, known->second);
  const StreamId id(static_cast<u32>(states_.size()));
  states_.push_back(std::make_unique<State>(name));
  generators_.emplace_back(base_.seed ? StreamPrng(*base_.seed, name) : StreamPrng());
  ids_.emplace(name, id);
  return Stream(*this, id);
}

void Tape::fork(u64 seed) {
  check(source_ != Source::recorded);
  base_ = TapeBase::seeded(seed);
  for (std::size_t i = 0; i < states_.size(); ++i) generators_[i] = StreamPrng(seed, states_[i]->name);
}

u64 Tape::draw_slow(StreamId id, Site site, u64 bound) {
  u64 value = 0;
  switch (source_) {
    case Source::seeded:
      value = from_base(id, bound);
      break;
    case Source::recorded:
      value = from_recording(id, site, bound);
      break;
    case Source::sparse:
      value = from_overrides(id, site, bound);
      break;
  }
  if (recording_) {
    states_[id.raw()]->recorded.push_back(Decision{site, value});
    ++recorded_decisions_;
    recorded_nonquiet_ += value != 0 ? 1 : 0;
  }
  return value;
}

u64 Tape::from_base(StreamId id, u64 bound) { return base_.seed ? scale(generators_[id.raw()].next(), bound) : 0; }

u64 Tape::from_recording(StreamId id, Site site, u64 bound) {
  const u64 base_value = from_base(id, bound);  // always, so that an extended stream goes on where the first run did
  if (divergence_) return 0;
  auto& state = *states_[id.raw()];
  if (state.position == state.tape.size()) {
    if (extends_) return base_value;
    diverge(Divergence::Kind::exhausted, state, site, bound);
    return 0;
  }
  const Decision& decision = state.tape[state.position];
  if (decision.site != site) {
    diverge(Divergence::Kind::wrong_site, state, site, bound);
    return 0;
  }
  if (bound != 0 && decision.value >= bound) {
    diverge(Divergence::Kind::value_out_of_bound, state, site, bound);
    return 0;
  }
  ++state.position;
  return decision.value;
}

void Tape::diverge(Divergence::Kind kind, const State& state, Site site, u64 bound) {
  Divergence found{.kind = kind, .stream = state.name, .asked = site, .position = state.position, .bound = bound};
  for (std::size_t i = 0; i < state.position; ++i) found.n += state.tape[i].site == site ? 1 : 0;
  if (state.position < state.tape.size()) found.recorded = state.tape[state.position];
  divergence_ = std::move(found);
}

u64 Tape::from_overrides(StreamId id, Site site, u64 bound) {
  const u64 base_value = from_base(id, bound);
  auto& state = *states_[id.raw()];
  if (state.cursors.empty()) return base_value;
  auto& cursor = state.cursors[static_cast<std::size_t>(site)];
  const u64 n = cursor.n++;
  if (cursor.next == cursor.end || state.overrides[cursor.next].n != n) return base_value;
  const u64 value = state.overrides[cursor.next++].value;
  ++overrides_used_;
  if (bound == 0 || value < bound) return value;
  ++overrides_clamped_;
  return bound - 1;
}

u64 Tape::bits64(StreamId id, Site site) {
  const u64 value = draw(id, site, 0);
  auto& state = *states_[id.raw()];
  const u64 n = state.bits64_drawn.next(site);
  std::string input(2 * sizeof(u64) + state.name.size(), '\0');
  std::memcpy(input.data(), &value, sizeof value);
  std::memcpy(input.data() + sizeof value, state.name.data(), state.name.size());
  std::memcpy(input.data() + sizeof value + state.name.size(), &n, sizeof n);
  return check64_of(as_bytes(input), 0);
}

std::vector<RecordedStream> Tape::recording() const {
  std::vector<RecordedStream> streams;
  for (const auto& state : states_)
    if (!state->recorded.empty()) streams.push_back(RecordedStream{state->name, state->recorded});
  return streams;
}

SparseUse Tape::sparse_use() const {
  SparseUse use{.used = overrides_used_, .clamped = overrides_clamped_};
  for (const auto& state : states_) use.unused += state->overrides.size();
  use.unused -= overrides_used_;
  return use;
}

std::size_t Stream::weighted(Site site, std::span<const u64> weights) const {
  u64 total = 0;
  for (const u64 weight : weights) total += weight;
  check(total > 0);
  u64 left = draw(site, total);
  std::size_t index = 0;
  while (left >= weights[index]) left -= weights[index++];
  return index;
}

u64 Stream::bits64(Site site) const { return tape_->bits64(id_, site); }

std::vector<SparseStream> by_address(std::span<const RecordedStream> recording, QuietDecisions quiet) {
  std::vector<SparseStream> streams;
  for (const auto& recorded : recording) {
    SparseStream& sparse = streams.emplace_back(SparseStream{recorded.name, {}});
    SiteCounts counts;
    for (const auto& [site, value] : recorded.entries) {
      const u64 n = counts.next(site);
      if (value != 0 || quiet == QuietDecisions::keep) sparse.entries.push_back(Override{site, n, value});
    }
    std::sort(sparse.entries.begin(), sparse.entries.end());
  }
  std::erase_if(streams, [](const SparseStream& stream) { return stream.entries.empty(); });
  return streams;
}

}  // namespace keelson::sim
