// A timeline in the formats of other tools: ShiViz (bestchai.bitbucket.io/shiviz) and the trace viewer of Chrome and
// Perfetto.
//
// Who uses it: `--export KIND FILE`. Both hold every row of the run: a page may be cut, these are not. Not here: our
// own page (page.h).
#pragma once

#include <iosfwd>
#include <optional>
#include <string_view>

#include "keelson/sim/report/timeline.h"

namespace keelson::sim {

enum class ExportKind : u8 { shiviz, perfetto };
std::optional<ExportKind> export_named(std::string_view name);

// A first line with the expression that splits what follows; then two lines per event: what, and host with its vector
// clock. Turns that did nothing are left out.
void write_shiviz(std::ostream& out, const Timeline& timeline);

// JSON, times in µs with three digits: a process per node, a thread per shard, messages as flows, faults as instants,
// what is committed as a counter.
void write_perfetto(std::ostream& out, const Timeline& timeline);

inline void write_export(std::ostream& out, ExportKind kind, const Timeline& timeline) {
  kind == ExportKind::shiviz ? write_shiviz(out, timeline) : write_perfetto(out, timeline);
}

}  // namespace keelson::sim
