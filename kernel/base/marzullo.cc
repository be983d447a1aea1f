#include "keelson/base/marzullo.h"

#include <algorithm>
#include <array>

namespace keelson {
namespace {

// One end of an interval. At equal offsets intervals open before others close: touching is agreeing.
struct Edge {
  std::int64_t offset = 0;
  bool closes = false;
  bool operator<(const Edge& other) const {
    return offset != other.offset ? offset < other.offset : closes < other.closes;
  }
};

u64 width(ClockInterval interval) { return static_cast<u64>(interval.max) - static_cast<u64>(interval.min); }

}  // namespace

ClockAgreement marzullo(std::span<const ClockInterval> sources) {
  check(sources.size() <= clock_sources_max);
  std::array<Edge, 2 * clock_sources_max> edges;
  std::size_t count = 0;
  for (const auto& source : sources) {
    check(source.min <= source.max);
    edges[count++] = {source.min, false};
    edges[count++] = {source.max, true};
  }
  std::sort(edges.begin(), edges.begin() + static_cast<std::ptrdiff_t>(count));

  ClockAgreement best;
  u32 open = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (edges[i].closes) {
      --open;
      continue;
    }
    ++open;
    // A deepest overlap reaches from the edge that opens it to the next edge, which closes it.
    if (i + 1 == count || !edges[i + 1].closes || open < best.sources) continue;
    const ClockInterval common{edges[i].offset, edges[i + 1].offset};
    if (open > best.sources || width(common) < width(best.interval)) best = {common, open};
  }
  return best;
}

}  // namespace keelson
