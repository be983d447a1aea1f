#include "keelson/sim/tape_text.h"

#include <algorithm>
#include <iomanip>
#include <ostream>

namespace keelson::sim {
namespace {

std::vector<SparseStream> sparse_streams(const TapeFile& file) {
  if (const auto* sparse = std::get_if<std::vector<SparseStream>>(&file.streams)) return *sparse;
  return by_address(std::get<std::vector<RecordedStream>>(file.streams), QuietDecisions::keep);
}

void print_head(std::ostream& out, const TapeFile& file, std::size_t streams, u64 decisions, u64 nonquiet) {
  pb::Scenario scenario;
  const bool readable = scenario.ParseFromString(file.scenario);
  const bool sparse = std::holds_alternative<std::vector<SparseStream>>(file.streams);
  out << "scenario   " << (readable ? scenario.name() : "not readable by this build") << ", seed " << file.seed << "\n"
      << "kind       "
      << (file.complete ? "a complete recording"
          : sparse      ? "sparse"
                        : "part of a recording");
  if (sparse) out << ", the rest " << (file.base.seed ? "drawn from seed " + std::to_string(*file.base.seed) : "quiet");
  out << "\nbuild      "
      << (file.sites == site_hash() ? "decides the same things as this one" : "another one: replays loosely") << "\n"
      << "decisions  " << decisions << " in " << streams << " streams, " << nonquiet << " of them not quiet";
  if (file.unknown_sites_dropped > 0) out << "; " << file.unknown_sites_dropped << " of unknown sites left out";
  out << "\n";
  if (!file.outcome) return;
  const TapeOutcome& end = *file.outcome;
  out << "ended      " << name_of(end.verdict) << " after " << end.events << " events and "
      << end.virtual_ns / 1'000'000 << " ms of virtual time\n";
}

}  // namespace

SparseTape tape_of(const pb::TapeText& text) {
  SparseTape tape;
  if (text.has_seed()) tape.base = TapeBase::seeded(text.seed());
  for (const auto& entry : text.entry()) {
    const auto site = site_named(entry.site());
    check(site.has_value());
    auto found = std::find_if(tape.streams.begin(), tape.streams.end(),
                              [&](const SparseStream& stream) { return stream.name == entry.stream(); });
    if (found == tape.streams.end()) found = tape.streams.insert(found, SparseStream{entry.stream(), {}});
    found->entries.push_back(Override{*site, entry.n(), entry.value()});
  }
  return tape;
}

pb::TapeText text_of(const SparseTape& tape) {
  pb::TapeText text;
  if (tape.base.seed) text.set_seed(*tape.base.seed);
  for (const auto& stream : tape.streams) {
    for (const auto& [site, n, value] : stream.entries) {
      auto& entry = *text.add_entry();
      entry.set_stream(stream.name);
      entry.set_site(std::string(name_of(site)));
      entry.set_n(n);
      entry.set_value(value);
    }
  }
  return text;
}

TapeSource source_of(const pb::Scenario& scenario, u64 seed) {
  if (scenario.has_tape()) return tape_of(scenario.tape());
  return SeededTape{seed};
}

void print_tape(std::ostream& out, const TapeFile& file, const TapePrint& what) {
  const auto streams = sparse_streams(file);
  u64 decisions = 0, nonquiet = 0;
  const auto is_nonquiet = [](const Override& entry) { return entry.value != 0; };
  for (const auto& stream : streams) {
    decisions += stream.entries.size();
    nonquiet += static_cast<u64>(std::count_if(stream.entries.begin(), stream.entries.end(), is_nonquiet));
  }
  print_head(out, file, streams.size(), decisions, nonquiet);
  for (const auto& stream : streams) {
    if (!stream.name.starts_with(what.stream)) continue;
    const auto loud = std::count_if(stream.entries.begin(), stream.entries.end(), is_nonquiet);
    out << "\n" << stream.name << ": " << stream.entries.size() << " decisions, " << loud << " not quiet\n";
    if (!what.decisions) continue;
    for (const auto& [site, n, value] : stream.entries)
      if (value != 0 || what.quiet)
        out << "  " << std::left << std::setw(24) << name_of(site) << " " << std::right << std::setw(6) << n << "  "
            << value << "\n";
  }
}

}  // namespace keelson::sim
