#include "keelson/sim/report/causes.h"

#include <algorithm>
#include <map>

namespace keelson::sim {
namespace {

// The rows that stay get new numbers; what points at one that goes points at nothing.
void keep(Timeline& timeline, const std::vector<bool>& kept) {
  std::vector<RowId> renumbered(timeline.rows.size() + 1);
  RowId next = 0;
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i]) renumbered[i + 1] = ++next;

  std::vector<RowType> types = timeline.types;
  for (RowType& type : types)
    for (auto& column : type.columns) column.clear();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    Row row = timeline.rows[i];
    const RowType& from = timeline.types[row.type];
    RowType& into = types[row.type];
    for (std::size_t c = 0; c < into.columns.size(); ++c) into.columns[c].push_back(from.columns[c][row.place]);
    row.place = into.columns.empty() ? 0 : static_cast<u32>(into.columns[0].size() - 1);
    row.cause = renumbered[row.cause];
    row.used = renumbered[row.used];
    rows.push_back(row);
  }

  // A replica's state is that of its last change before: the last one of each before the first row stays, too.
  std::vector<ReplicaState> states;
  std::map<std::pair<u16, u16>, ReplicaState> last;
  const auto flush = [&] {
    for (const auto& [where, state] : last) states.push_back(state);
    last.clear();
  };
  RowId row_before = 1;
  for (ReplicaState state : timeline.states) {
    if (const RowId row = renumbered[state.row]) {
      flush();
      state.row = row_before = row;
      states.push_back(state);
    } else {
      state.row = row_before;
      last[{state.lane, state.group}] = state;
    }
  }
  flush();

  timeline.violation = renumbered[timeline.violation];
  for (RowId& cause : timeline.violation_causes) cause = renumbered[cause];
  timeline.types = std::move(types);
  timeline.rows = std::move(rows);
  timeline.states = std::move(states);
}

}  // namespace

std::vector<bool> causal_past(const Timeline& timeline) {
  std::vector<bool> past(timeline.rows.size());
  if (timeline.violation == 0) return past;
  const auto add = [&past](RowId id) {
    if (id != 0) past[id - 1] = true;
  };
  add(timeline.violation);
  for (const RowId cause : timeline.violation_causes) add(cause);
  // A cause stands before its effect, and what a turn took before the turn: one pass from the end sees all of it.
  for (std::size_t i = timeline.rows.size(); i-- > 0;) {
    const Row& row = timeline.rows[i];
    if (row.used != 0 && past[row.used - 1]) past[i] = true;
    if (past[i]) add(row.cause);
  }
  // A mark says something about its turn.
  for (std::size_t i = 0; i < timeline.rows.size(); ++i) {
    const Row& row = timeline.rows[i];
    if (timeline.type_of(row).of == RowClass::mark && row.cause != 0 && past[row.cause - 1]) past[i] = true;
  }
  return past;
}

void cut_to(Timeline& timeline, std::size_t rows_max) {
  if (timeline.rows.size() <= rows_max) return;
  const std::vector<bool> past = causal_past(timeline);
  std::vector<bool> kept(past.size());
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = timeline.type_of(timeline.rows[i]).name == "phase";  // few
  std::size_t room = rows_max / 2;
  for (std::size_t i = past.size(); i-- > 0 && room > 0;) {
    if (!past[i] || kept[i]) continue;
    kept[i] = true;
    --room;
  }
  room = rows_max - static_cast<std::size_t>(std::count(kept.begin(), kept.end(), true));
  for (std::size_t i = past.size(); i-- > 0;) {
    if (kept[i]) continue;
    if (room-- == 0) break;
    kept[i] = true;
    timeline.window_from_ns = timeline.rows[i].at_ns;
  }
  keep(timeline, kept);
}

}  // namespace keelson::sim
